//! YAML text -> trees that know where every key and value stands (byte spans).

use super::scalar::Scalar;
use super::{Code, Problem, Problems, traps};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::ops::Range;

pub(crate) type Span = Range<usize>;

/// A node may lie this deep; the language needs about twenty.
const DEEPEST: usize = 64;
/// A file may hold so many values; a large experiment has a few hundred.
const MOST_NODES: usize = 200_000;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    /// Something that has been reported already: nobody complains about it again.
    Broken,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let Kind::Mapping(pairs) = &self.kind else { return None };
        pairs.iter().find(|(name, _)| name.as_text().as_deref() == Some(key)).map(|(_, value)| value)
    }

    /// The text of a scalar without holes.
    pub(crate) fn as_text(&self) -> Option<String> {
        if let Kind::Scalar(scalar) = &self.kind { scalar.text() } else { None }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.bare == super::bare::Bare::Null)
    }
}

/// Reads every document of a file; what is broken is noted, and what follows a syntax error is lost.
pub(crate) fn documents(text: &str, problems: &mut Problems) -> Vec<Node> {
    let before = problems.found.len();
    let repaired = traps::disarm(text, problems);
    let mut roots = Vec::new();
    let mut builder = Builder { open: Vec::new(), nodes: 0, traps: &repaired.spans, problems };
    let options = granit_parser::options! { emit_unresolved_aliases: true };
    for event in Parser::new_from_str_with_options(&repaired.text, options) {
        match event {
            Ok((event, span)) => {
                let span = span.byte_range().expect("a parser over a string knows byte offsets");
                match builder.take(event, span) {
                    Ok(Some(root)) => roots.push(root),
                    Ok(None) => {}
                    Err(TooMuch) => return roots,
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                let span = visible(text, at);
                let message = format!("this is not YAML: {}", error.info().lines().next().unwrap_or_default());
                // Behind a trap the parser's own complaint is noise.
                if builder.problems.found.len() == before || repaired.spans.is_empty() {
                    let hint = "look at the indentation, quotes and brackets of this line and the one before";
                    builder.problems.note(Code::Syntax, &span, message).hint = Some(hint.into());
                }
                return roots;
            }
        }
    }
    roots.retain(|root| !root.is_empty());
    if roots.is_empty() && problems.found.len() == before {
        let hint = "an experiment begins with `apiVersion: squall.dev/v1` and `kind: Experiment`";
        problems
            .push(Problem::new(Code::Empty, "there is nothing in this file").at(problems.place(&(0..0))).hint(hint));
    }
    roots
}

/// The word at an offset, or the last one before it: where a reader looks.
fn visible(text: &str, at: usize) -> Span {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let word = text[at..line_end].split_whitespace().next().map_or(0, str::len);
    if word > 0 {
        let start = at + text[at..line_end].find(|c: char| !c.is_whitespace()).unwrap_or(0);
        return start..start + word;
    }
    let end = text[..at].trim_end().len();
    let start = text[..end].rfind(char::is_whitespace).map_or(0, |space| space + 1);
    start.min(end)..end
}

/// The file goes beyond what is read of one; it has been said.
struct TooMuch;

struct Builder<'a> {
    open: Vec<(Span, Vec<Node>, Shape)>,
    nodes: usize,
    traps: &'a [Span],
    problems: &'a mut Problems,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Sequence,
    Mapping,
    /// A collection with a tag: read to find its end, then thrown away.
    Tagged,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, TooMuch> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let message = format!("the file holds more than {MOST_NODES} values");
            self.problems.note(Code::TooLarge, &span, message).hint = Some("split it".into());
            return Err(TooMuch);
        }
        let (done, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = if tag.is_some() {
                    self.refuse_tag(&span);
                    Kind::Broken
                } else if self.traps.binary_search_by_key(&span.start, |trap| trap.start).is_ok() {
                    Kind::Broken
                } else {
                    Kind::Scalar(Scalar::new(&text, style == ScalarStyle::Plain))
                };
                (Node { span, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => return self.open(span, anchor, tag.is_some(), Shape::Sequence),
            Event::MappingStart(_, anchor, tag) => return self.open(span, anchor, tag.is_some(), Shape::Mapping),
            Event::SequenceEnd | Event::MappingEnd => {
                let (start, children, shape) = self.open.pop().expect("the parser balances its events");
                let end = children.last().map_or(span.end, |last| last.span.end).max(start.end);
                let kind = match shape {
                    Shape::Sequence => Kind::Sequence(children),
                    Shape::Mapping => Kind::Mapping(self.pairs(children)),
                    Shape::Tagged => Kind::Broken,
                };
                (Node { span: start.start..end, kind }, 0)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse_anchor(&span);
                (Node { span, kind: Kind::Broken }, 0)
            }
            _ => return Ok(None),
        };
        if anchor != 0 {
            self.refuse_anchor(&done.span);
        }
        match self.open.last_mut() {
            Some((_, children, _)) => {
                children.push(done);
                Ok(None)
            }
            None => Ok(Some(done)),
        }
    }

    fn open(&mut self, span: Span, anchor: usize, tagged: bool, shape: Shape) -> Result<Option<Node>, TooMuch> {
        if self.open.len() >= DEEPEST {
            self.problems.note(Code::TooDeep, &span, format!("this is nested more than {DEEPEST} levels deep"));
            return Err(TooMuch);
        }
        if tagged {
            self.refuse_tag(&span);
        }
        if anchor != 0 {
            self.refuse_anchor(&span);
        }
        self.open.push((span, Vec::new(), if tagged { Shape::Tagged } else { shape }));
        Ok(None)
    }

    fn refuse_tag(&mut self, span: &Span) {
        let problem = Problem::new(Code::Tag, "`!` starts a YAML tag, which is silently dropped");
        self.problems
            .push(problem.at(self.problems.place(span)).hint("leave the tag out; quote the value if it is text"));
    }

    fn refuse_anchor(&mut self, span: &Span) {
        let problem = Problem::new(Code::Anchor, "YAML anchors and aliases are not part of the language");
        let hint = "write the value out, or name a source under `indicators`";
        self.problems.push(problem.at(self.problems.place(span)).hint(hint));
    }

    fn pairs(&mut self, children: Vec<Node>) -> Vec<(Node, Node)> {
        let mut seen = HashMap::<String, Span>::new();
        let mut pairs = Vec::with_capacity(children.len() / 2);
        let mut children = children.into_iter();
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            if let Kind::Scalar(scalar) = &key.kind {
                let text = scalar.written();
                if let Some(first) = seen.get(&text) {
                    let first = self.problems.place(first);
                    let problem = self.problems.note(Code::DuplicateKey, &key.span, format!("`{text}` is given twice"));
                    *problem = problem.clone().also(first, "first given here").hint("keep one of them");
                    continue;
                }
                seen.insert(text, key.span.clone());
            }
            pairs.push((key, value));
        }
        pairs
    }
}

/// Every document of a file as JSON, for validators: a quoted word is text, an unquoted one what all YAML
/// readers make of it. `None`: the file cannot be read.
pub fn to_values(file: &super::SourceFile) -> Option<Vec<serde_json::Value>> {
    let mut problems = Problems::default();
    let roots = documents(&file.text, &mut problems);
    problems.found.is_empty().then(|| roots.iter().map(value).collect())
}

fn value(node: &Node) -> serde_json::Value {
    use super::bare::Bare;
    match &node.kind {
        Kind::Sequence(items) => items.iter().map(value).collect(),
        Kind::Mapping(pairs) => {
            pairs.iter().map(|(key, inner)| (key.as_text().unwrap_or_default(), value(inner))).collect()
        }
        Kind::Broken => serde_json::Value::Null,
        Kind::Scalar(scalar) => {
            let text = scalar.written();
            match scalar.bare {
                Bare::Null => serde_json::Value::Null,
                Bare::Boolean(truth) | Bare::Ambiguous(truth) => truth.into(),
                Bare::Whole => text.parse::<i64>().map_or(text.into(), serde_json::Value::from),
                Bare::Number => text.parse::<f64>().map_or(text.into(), serde_json::Value::from),
                Bare::Text => text.into(),
            }
        }
    }
}
