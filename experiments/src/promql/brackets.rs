//! Brackets and quotes that are not closed: no PromQL, whoever reads it.

/// Where a query breaks off, and what is missing there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// The byte that is left open, or closes nothing.
    pub at: usize,
    /// What stands there.
    pub sign: char,
    /// What would close it; `None`: it closes nothing.
    pub missing: Option<char>,
}

/// The first bracket or quote without its other half.
pub(super) fn unclosed(text: &str) -> Option<Unclosed> {
    let mut open: Vec<(usize, char, char)> = Vec::new();
    let mut letters = text.char_indices();
    while let Some((at, sign)) = letters.next() {
        let closing = match sign {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '#' => {
                letters.by_ref().find(|(_, letter)| *letter == '\n');
                continue;
            }
            '"' | '\'' | '`' => {
                let mut escaped = false;
                let is_end = |(_, letter): &(usize, char)| {
                    let ends = *letter == sign && !escaped;
                    escaped = *letter == '\\' && !escaped && sign != '`';
                    ends
                };
                if letters.by_ref().find(is_end).is_none() {
                    return Some(Unclosed { at, sign, missing: Some(sign) });
                }
                continue;
            }
            ')' | ']' | '}' => {
                match open.pop() {
                    None => return Some(Unclosed { at, sign, missing: None }),
                    Some((_, _, closing)) if closing == sign => {}
                    Some((at, sign, closing)) => return Some(Unclosed { at, sign, missing: Some(closing) }),
                }
                continue;
            }
            _ => continue,
        };
        open.push((at, sign, closing));
    }
    open.pop().map(|(at, sign, closing)| Unclosed { at, sign, missing: Some(closing) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_is_found_where_it_stands() {
        for (text, at, missing) in [
            ("sum(rate(a[1m])", 3, Some(')')),
            ("max(up{a=\"b\")", 6, Some('}')),
            ("sum(a))", 6, None),
            ("up{a=\"b}", 5, Some('"')),
        ] {
            let found = unclosed(text).unwrap();
            assert_eq!((found.at, found.missing), (at, missing), "{text}");
        }
        for text in ["sum(a{b=\")\", c='\\'', d=`\\`}[1m:5s])", "a # (", "a # (\n + b"] {
            assert_eq!(unclosed(text), None, "{text}");
        }
    }
}
