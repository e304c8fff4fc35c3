//! What YAML would break, or silently eat, is found in the raw text before the parser sees it.
//!
//! Each trap is reported and its value replaced by a quoted word of the same length, so that byte offsets
//! stay and the rest of the file is read as if the value were merely wrong.
//!
//! The scanner follows just enough of YAML to know where a value begins: quotes, comments, block scalars
//! and continued lines are passed over.

use super::{Code, Problem, Problems, Span};

/// The text with every trapped value replaced, and where those were, in order.
pub(crate) struct Disarmed {
    pub(crate) text: String,
    pub(crate) spans: Vec<Span>,
}

/// Keys whose value is a condition.
const CONDITIONS: [&str; 3] = ["is", "becomes", "totals"];

pub(crate) fn disarm(text: &str, problems: &mut Problems) -> Disarmed {
    let mut scanner = Scanner { text, problems, spans: Vec::new() };
    let mut at = 0;
    // A value that may go on in lines that are indented deeper than this.
    let mut continued: Option<usize> = None;
    while at < text.len() {
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let line = &text[at..line_end];
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim().is_empty();
        if is_blank || continued.is_some_and(|outer| indent > outer) {
            at = line_end + 1;
            continue;
        }
        continued = None;
        let (next, open) = scanner.line(at, line_end, indent);
        continued = open.or(continued);
        at = next.max(line_end + 1);
        // A flow collection or a quoted text may have ended in the middle of a later line.
        if next > line_end {
            at = text[next.min(text.len())..].find('\n').map_or(text.len(), |end| next + end + 1);
        }
    }
    let Scanner { spans, .. } = scanner;
    let mut repaired = text.to_owned();
    for span in &spans {
        repaired.replace_range(span.clone(), &stand_in(span.len()));
    }
    Disarmed { text: repaired, spans }
}

fn stand_in(length: usize) -> String {
    if length < 2 { "x".repeat(length) } else { format!("\"{}\"", "x".repeat(length - 2)) }
}

struct Scanner<'a> {
    text: &'a str,
    problems: &'a mut Problems,
    spans: Vec<Span>,
}

impl Scanner<'_> {
    /// Scans a line that begins a node. Gives the byte up to which all is read, and, if its value may
    /// go on in deeper lines, how deep this one is.
    fn line(&mut self, start: usize, end: usize, indent: usize) -> (usize, Option<usize>) {
        let mut at = start + indent;
        let mut column = indent;
        while self.text[at..end].starts_with("- ") {
            let dash = 2 + self.text[at + 2..end].len() - self.text[at + 2..end].trim_start_matches(' ').len();
            at += dash;
            column += dash;
        }
        let rest = &self.text[at..end];
        if rest.starts_with('#') || rest.starts_with("---") || rest.is_empty() {
            return (end, None);
        }
        if rest.starts_with(['{', '[']) {
            return (self.flow(at), None);
        }
        let Some((key, value)) = key_and_value(rest) else {
            // An item of a list, or a line of something we need not understand.
            return self.value("", at, end, column.saturating_sub(2));
        };
        if value == rest.len() {
            return (end, None);
        }
        self.value(key, at + value, end, column)
    }

    fn value(&mut self, key: &str, at: usize, end: usize, column: usize) -> (usize, Option<usize>) {
        let value = without_comment(&self.text[at..end]);
        let span = at..at + value.len();
        match value.as_bytes().first() {
            Some(b'"' | b'\'') => (quoted_end(self.text, at), None),
            Some(b'{' | b'[') => (self.flow(at), None),
            Some(b'|') => (end, Some(column)),
            Some(b'>') => {
                let is_header = value[1..].bytes().all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9'));
                let is_condition = CONDITIONS.contains(&key);
                if is_header && !(is_condition && value.len() > 1) {
                    return (end, Some(column));
                }
                self.symbol(span, value);
                (end, None)
            }
            Some(b'!' | b'&' | b'*' | b'%' | b'@' | b'`') => {
                self.special(key, span, value);
                (end, None)
            }
            _ => (end, Some(column)),
        }
    }

    fn trap(&mut self, span: Span, problem: Problem) {
        let problem = problem.at(self.problems.place(&span));
        self.problems.push(problem);
        self.spans.push(span);
    }

    /// A value that begins with `>` and is no block of text.
    fn symbol(&mut self, span: Span, value: &str) {
        let (words, number) = match value.strip_prefix(">=") {
            Some(number) => ("at least", number.trim()),
            None => ("above", value[1..].trim()),
        };
        let number = number.trim_matches(['"', '\'']);
        let message = "a value that begins with `>` starts a block of text in YAML";
        let hint = format!("write `{}`", format!("{words} {number}").trim());
        self.trap(span, Problem::new(Code::Symbol, message).hint(hint));
    }

    /// A value that begins with one of YAML's own characters.
    fn special(&mut self, key: &str, span: Span, value: &str) {
        let quoted = format!("quote it: `\"{}\"`", value.replace('\\', "\\\\").replace('"', "\\\""));
        let problem = if let Some(number) = value.strip_prefix("!=") {
            Problem::new(Code::Symbol, "`!` starts a YAML tag").hint(format!("write `not {}`", number.trim()))
        } else if value.starts_with('!') {
            let hint = "leave the tag out; quote the value if it is text";
            Problem::new(Code::Tag, "`!` starts a YAML tag, which is silently dropped").hint(hint)
        } else if value.starts_with('*') && (key == "cron" || value.contains([' ', '/'])) {
            Problem::new(Code::NeedsQuotes, "`*` starts a YAML alias").hint(quoted)
        } else if value.starts_with(['*', '&']) {
            let hint = "write the value out, or name a source under `indicators`";
            Problem::new(Code::Anchor, "YAML anchors and aliases are not part of the language").hint(hint)
        } else {
            let first = &value[..1];
            Problem::new(Code::NeedsQuotes, format!("a value cannot begin with `{first}` in YAML")).hint(quoted)
        };
        // An anchor stands before a node that may be a whole map: the parser goes on better without us.
        if problem.code == Code::Anchor && value.starts_with('&') {
            return;
        }
        self.trap(span, problem);
    }

    /// Scans a flow collection; gives the byte behind it.
    fn flow(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (start, 0usize);
        let mut key = "";
        while at < bytes.len() {
            match bytes[at] {
                b'{' | b'[' => {
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    at += 1;
                    if depth == 0 {
                        return at;
                    }
                }
                b'"' | b'\'' => at = quoted_end(self.text, at),
                b'#' if at == 0 || bytes[at - 1].is_ascii_whitespace() => {
                    at = self.text[at..].find('\n').map_or(bytes.len(), |end| at + end);
                }
                b',' => {
                    key = "";
                    at += 1;
                }
                b':' => at += 1,
                byte if byte.is_ascii_whitespace() => at += 1,
                b'>' | b'!' | b'*' | b'%' | b'@' | b'`' => {
                    let end = at + flow_word(&self.text[at..]);
                    let value = self.text[at..end].trim_end();
                    let span = at..at + value.len();
                    if value.starts_with('>') {
                        self.symbol(span, value);
                    } else {
                        self.special(key, span, value);
                    }
                    at = end.max(at + 1);
                }
                _ => {
                    let word_end = at + flow_word(&self.text[at..]);
                    let word = self.text[at..word_end].trim_end();
                    if self.text[word_end..].starts_with(':') {
                        key = word;
                        at = word_end + 1;
                        continue;
                    }
                    at = self.flow_value(key, at, word_end.max(at + 1));
                }
            }
        }
        at
    }

    /// A plain value in a flow collection, which PromQL and `${...}` would break.
    fn flow_value(&mut self, key: &str, start: usize, end: usize) -> usize {
        let rest = &self.text[start..];
        let balanced = balanced_end(rest);
        let value = rest[..balanced].trim_end();
        let span = start..start + value.len();
        let is_cut =
            self.text[end..].starts_with(['{', '[']) || (value.contains(['(', '{', '[']) && balanced > end - start);
        if !is_cut || value.is_empty() {
            return end;
        }
        if value.contains("${") && !value.contains(['(', '[']) {
            let problem = Problem::new(Code::HoleInBraces, "`{` begins a map inside `{...}` and `[...]`");
            self.trap(span, problem.hint(format!("quote it: `\"{value}\"`")));
        } else {
            let subject = if key == "query" { "PromQL" } else { "this value" };
            let problem = Problem::new(Code::QueryInBraces, format!("{subject} does not fit in `{{...}}`"));
            self.trap(span, problem.hint("put each key on its own line"));
        }
        (start + balanced).max(end)
    }
}

/// Splits `key: value`; gives the key and where the value begins.
fn key_and_value(line: &str) -> Option<(&str, usize)> {
    if line.starts_with(['"', '\'']) {
        let end = quoted_end(line, 0);
        let rest = line.get(end..)?.strip_prefix(':')?;
        let gap = rest.len() - rest.trim_start().len();
        return (gap > 0 || rest.is_empty()).then(|| (&line[1..end - 1], end + 1 + gap));
    }
    let colon = line.match_indices(':').map(|(at, _)| at).find(|&at| {
        let next = line.as_bytes().get(at + 1);
        next.is_none_or(u8::is_ascii_whitespace)
    })?;
    if line[..colon].contains(" #") {
        return None;
    }
    let rest = &line[colon + 1..];
    let gap = rest.len() - rest.trim_start().len();
    let value = colon + 1 + gap;
    let is_comment = line[value..].starts_with('#');
    Some((line[..colon].trim_end(), if is_comment { line.len() } else { value }))
}

fn without_comment(value: &str) -> &str {
    let end = value.find(" #").unwrap_or(value.len());
    value[..end].trim_end()
}

/// The byte behind a quoted text that begins at `start`.
fn quoted_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// How long a plain word in a flow collection is, by YAML's rules.
fn flow_word(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |at: usize| match bytes[at] {
        b',' | b'[' | b']' | b'{' | b'}' | b'\n' => true,
        b':' => bytes
            .get(at + 1)
            .is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b',' | b'[' | b']' | b'{' | b'}')),
        b'#' => at > 0 && bytes[at - 1] == b' ',
        _ => false,
    };
    (0..bytes.len()).find(|&at| ends(at)).unwrap_or(bytes.len())
}

/// How long a value is if brackets inside it belong to it: up to `,` or `}` outside of them, at most to
/// the end of the line.
fn balanced_end(text: &str) -> usize {
    let mut depth = 0usize;
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (_, b'\n') => return at,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if depth > 0 => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b',') if depth == 0 => return at,
            (None, b')' | b']' | b'}') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return at,
            },
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Code, String)> {
        let mut problems = Problems::default();
        let disarmed = disarm(text, &mut problems);
        assert_eq!(disarmed.text.len(), text.len());
        problems.found.into_iter().map(|problem| (problem.code, problem.hint.unwrap_or_default())).collect()
    }

    #[test]
    fn traps_are_found_where_values_begin() {
        for (text, code, hint) in [
            ("is: >= 99%", Code::Symbol, "write `at least 99%`"),
            ("- is: > 5   # five", Code::Symbol, "write `above 5`"),
            ("is: >2", Code::Symbol, "write `above 2`"),
            ("a: {where: {query: x, is: > 1}}", Code::Symbol, "write `above 1`"),
            ("is: != 1", Code::Symbol, "write `not 1`"),
            ("x: !!str 1", Code::Tag, "leave the tag out; quote the value if it is text"),
            ("cron: */5 * * * *", Code::NeedsQuotes, "quote it: `\"*/5 * * * *\"`"),
            ("a: {query: sum(rate(a[1m])), is: 1}", Code::QueryInBraces, "put each key on its own line"),
            ("a: {query: up{job=\"x\"}, is: 1}", Code::QueryInBraces, "put each key on its own line"),
            ("a: {url: ${url}/cart, method: GET}", Code::HoleInBraces, "quote it: `\"${url}/cart\"`"),
            ("a: [run, ${x}]", Code::HoleInBraces, "quote it: `\"${x}\"`"),
        ] {
            assert_eq!(found(text), [(code, hint.to_owned())], "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_trap_is_left_alone() {
        for text in [
            "briefing: |\n  is: > 5\n  cron: */5 * * * *\nis: 1",
            "title: >\n  is: > 5\n",
            "title: >-\n  is: > 5\n",
            "query: sum(a)\n  > bool 5",
            "# is: > 5",
            "title: \"is: > 5\"",
            "title: 'it''s: > 5'",
            "a: {query: up, is: \"> 1\"}",
            "a: {query: pg_is_primary, is: 1}",
            "a: {query: count(up), is: 1}",
            "query: label_replace(x, \"a\", \"${1}\", \"b\", \"*\")",
            "url: ${url}/cart",
            "- [a, b]\n- {cidr: fd00::/16}",
            "a: {Authorization: \"Bearer ${secret.x}\"}",
            "a: {)[b",
            "a: {b: ){",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
