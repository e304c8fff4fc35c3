//! Problems for people (a snippet with the place underlined) and for programs (JSON).

use super::{Place, Problem, Severity, SourceFile};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::ops::Range;

/// This many are shown; a file with more has one cause, and it is among the first.
const SHOWN: usize = 100;
/// No line is shown longer than this, in bytes.
const LONGEST_LINE: usize = 2_000;

/// Shows every problem with its place, what belongs to it, and what to write instead.
pub fn render(problems: &[Problem], files: &[SourceFile], color: bool, width: usize) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width.max(60));
    let mut text: Vec<String> = problems.iter().take(SHOWN).map(|problem| one(problem, files, &renderer)).collect();
    if let Some(more) = problems.len().checked_sub(SHOWN).filter(|&more| more > 0) {
        text.push(format!("... and {more} more"));
    }
    text.join("\n\n")
}

fn one(problem: &Problem, files: &[SourceFile], renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(problem.message.as_str()).id(problem.code.id());
    let mut group = match &problem.place {
        Some(place) => {
            let beside = problem.related.iter().filter(|related| related.place.file == place.file);
            let beside: Vec<(&Place, &str)> =
                beside.map(|related| (&related.place, related.message.as_str())).collect();
            title.elements(snippets(place, &beside, files))
        }
        None => Group::with_title(title),
    };
    for related in &problem.related {
        if problem.place.as_ref().is_some_and(|place| place.file != related.place.file)
            && let Some(window) = Window::around(&related.place, &[], files)
        {
            let annotation =
                AnnotationKind::Context.span(window.within(&related.place.span)).label(related.message.as_str());
            group = group.element(window.snippet().annotation(annotation));
        }
    }
    let mut report = vec![group];
    if let Some(hint) = &problem.hint {
        report.push(Group::with_title(Level::HELP.secondary_title(hint.as_str())));
    }
    renderer.render(&report)
}

type Annotated<'a> = Snippet<'a, annotate_snippets::Annotation<'a>>;

fn snippets<'a>(place: &Place, beside: &[(&Place, &'a str)], files: &'a [SourceFile]) -> Vec<Annotated<'a>> {
    let spans: Vec<Range<usize>> = beside.iter().map(|(place, _)| place.span.clone()).collect();
    let Some(window) = Window::around(place, &spans, files) else { return Vec::new() };
    let mut snippet = window.snippet().annotation(AnnotationKind::Primary.span(window.within(&place.span)));
    for (place, label) in beside {
        snippet = snippet.annotation(AnnotationKind::Context.span(window.within(&place.span)).label(*label));
    }
    vec![snippet]
}

/// The lines that hold some spans: a renderer that is given a whole file reads all of it each time.
struct Window<'a> {
    path: &'a str,
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn around(place: &Place, beside: &[Range<usize>], files: &'a [SourceFile]) -> Option<Self> {
        let file = files.get(place.file)?;
        let spans = || std::iter::once(&place.span).chain(beside);
        let first = spans().map(|span| span.start).min().unwrap_or(0).min(file.text.len());
        let last = spans().map(|span| span.end).max().unwrap_or(0).clamp(first, file.text.len());
        let mut start = file.text[..boundary(&file.text, first)].rfind('\n').map_or(0, |at| at + 1);
        let last = boundary(&file.text, last);
        let mut end = file.text[last..].find('\n').map_or(file.text.len(), |at| last + at);
        if first - start > LONGEST_LINE {
            start = boundary(&file.text, first - LONGEST_LINE);
        }
        if end - last > LONGEST_LINE {
            end = boundary(&file.text, last + LONGEST_LINE);
        }
        Some(Self { path: &file.path, text: &file.text[start..end], offset: start, line: file.position(start).line })
    }

    fn snippet(&self) -> Annotated<'a> {
        Snippet::source(self.text).path(self.path).line_start(self.line)
    }

    fn within(&self, span: &Range<usize>) -> Range<usize> {
        let inside = |at: usize| boundary(self.text, at.saturating_sub(self.offset));
        inside(span.start)..inside(span.end)
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The same for programs. `line` and `column` count from 1, columns in characters; `end` is behind the last.
pub fn to_json(problems: &[Problem], files: &[SourceFile]) -> Value {
    let place = |place: &Place| {
        let file = files.get(place.file)?;
        let (start, end) = (file.position(place.span.start), file.position(place.span.end));
        Some(json!({
            "file": file.path,
            "line": start.line,
            "column": start.column,
            "end": {"line": end.line, "column": end.column},
        }))
    };
    let problem = |problem: &Problem| {
        let mut value = problem.place.as_ref().and_then(place).unwrap_or_else(|| json!({}));
        value["code"] = json!(problem.code.id());
        value["severity"] = json!(problem.severity.to_string());
        value["message"] = json!(problem.message);
        value["hint"] = json!(problem.hint);
        let related = problem.related.iter().filter_map(|related| {
            let mut value = place(&related.place)?;
            value["message"] = json!(related.message);
            Some(value)
        });
        value["related"] = related.collect();
        value
    };
    json!({"version": 1, "problems": problems.iter().map(problem).collect::<Vec<_>>()})
}
