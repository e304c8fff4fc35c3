//! The HTML file: whole, harmless, small.

use crate::samples;
use squall_experiments::claim::Role;
use squall_experiments::history::{Event, Record, What};
use squall_experiments::judge::{Reading, Sample};
use squall_reports::{html, index, report_folder};

const NASTY: &str =
    "</title></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload='x' {{ 7*7 }} \u{1b}[2J&lt;";

/// Elements that end by themselves.
const VOID: [&str; 3] = ["meta", "br", "img"];

/// An element of a page: its tag without the brackets, and what it holds, markup and all.
#[derive(Debug, Clone, Copy)]
pub struct Element<'page> {
    pub tag: &'page str,
    pub inner: &'page str,
}

/// Reads the page as a strict parser would: every tag is closed, and no name is a surprise.
fn elements(page: &str) -> Vec<Element<'_>> {
    elements_in(page.strip_prefix("<!doctype html>").expect("it begins with the document type"))
}

/// The same of a part of a page, in the order of their tags.
pub fn elements_in(part: &str) -> Vec<Element<'_>> {
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut seen: Vec<Element<'_>> = Vec::new();
    let mut rest = part;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|(_, letter)| {
                quoted ^= *letter == '"';
                *letter == '>' && !quoted
            })
            .map(|(place, _)| place)
            .expect("every tag ends");
        let tag = &rest[..end];
        let before = part.len() - rest.len() - 1;
        rest = &rest[end + 1..];
        let name: String = tag.trim_start_matches('/').chars().take_while(|it| it.is_ascii_alphanumeric()).collect();
        assert!(!name.is_empty(), "a `<` that begins no tag: <{tag}>");
        if tag.starts_with('/') {
            let (opened, place) = open.pop().expect("closes what is open");
            assert_eq!(opened, name, "closes what is not open: <{tag}>");
            // It has held the rest of the part so far.
            let element = &mut seen[place];
            element.inner = &element.inner[..before - (part.len() - element.inner.len())];
        } else {
            let ends_by_itself = tag.ends_with('/') || VOID.contains(&name.as_str());
            if !ends_by_itself {
                open.push((name, seen.len()));
            }
            seen.push(Element { tag, inner: if ends_by_itself { "" } else { rest } });
        }
    }
    assert!(open.is_empty(), "still open: {open:?}");
    seen
}

fn assert_harmless(page: &str) {
    let known = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "svg",
        "defs",
        "pattern",
        "line",
        "main",
        "header",
        "p",
        "span",
        "h1",
        "h2",
        "h3",
        "ul",
        "li",
        "section",
        "div",
        "strong",
        "pre",
        "code",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "figure",
        "figcaption",
        "i",
        "article",
        "details",
        "summary",
        "br",
        "desc",
        "rect",
        "text",
        "path",
        "circle",
    ];
    for Element { tag, .. } in elements(page) {
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        assert!(known.contains(&name), "<{tag}>");
        assert!(!tag.split('"').step_by(2).any(|outside| outside.contains(" on")), "a handler: <{tag}>");
        assert!(!tag.contains("src=\"") && !tag.contains("href=\"h"), "from elsewhere: <{tag}>");
    }
    assert!(!page.contains("<script"), "a script");
    assert!(!page.contains(|letter: char| letter.is_control() && letter != '\n'), "a control character");
}

#[test]
fn every_page_is_well_formed_and_needs_nothing_else() {
    for (_, record) in samples::all() {
        let page = html(&record);
        assert_harmless(&page);
        assert!(!page.contains("NaN") && !page.contains("Infinity"), "a number that is none");
        assert!(page.len() < 400_000, "{} bytes", page.len());
    }
}

#[test]
fn a_phone_is_given_drawings_of_its_own_and_no_name_is_there_twice() {
    for (name, record) in samples::all() {
        let page = html(&record);
        let drawings = |class: &str| page.matches(&format!("<svg class=\"{class}\"")).count();
        assert_eq!(drawings("chart"), drawings("chart narrow"), "{name}");
        assert_eq!((drawings("chart timeline"), drawings("chart narrow timeline")), (1, 1), "{name}");
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
        let different: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), different.len(), "{name}: {ids:?}");
    }
}

/// Puts the nasty text wherever a text may stand.
fn poisoned(mut record: Record) -> Record {
    let nasty = || NASTY.to_owned();
    let header = &mut record.header;
    header.experiment.title = nasty();
    header.text = nasty();
    header.file = nasty();
    header.again = nasty();
    header.versions.host = nasty();
    header.plan.notes.push(nasty());
    for step in &mut header.plan.steps {
        (step.what, step.backend) = (nasty(), Some(nasty()));
    }
    header.experiment.parameters.insert("given".parse().unwrap(), nasty());
    for entry in &mut record.entries {
        if let What::Event(Event::Observed { chunk, .. }) = &mut entry.what {
            for series in &mut chunk.values {
                series.labels.insert(NASTY.to_owned(), NASTY.to_owned());
                for sample in &mut series.samples {
                    if let Reading::Text(text) = &mut sample.1 {
                        *text = nasty();
                    }
                }
            }
        }
        if let What::Event(Event::Unobserved { failure, .. }) = &mut entry.what {
            failure.reason = nasty();
        }
    }
    if let Some(judgement) = &mut record.judgement {
        judgement.reasons = vec![nasty()];
        judgement.notes = vec![nasty()];
        for claim in &mut judgement.claims {
            claim.reason = nasty();
        }
        for remaining in &mut judgement.remaining {
            (remaining.reason, remaining.remedy) = (nasty(), nasty());
        }
        for witness in &mut judgement.witnesses {
            witness.reason = nasty();
        }
    }
    record
}

#[test]
fn nasty_text_stays_text_wherever_it_comes_from() {
    for record in [samples::passed(), samples::may_remain(), samples::lost_zone(), samples::placebo()] {
        let page = html(&poisoned(record));
        assert_harmless(&page);
        assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "the text itself is shown");
    }
}

#[test]
fn a_predicate_with_markup_stays_text_in_the_chart() {
    let mut record = samples::lost_zone();
    for claim in record.header.experiment.expect.iter_mut().filter(|claim| claim.role == Role::Expect) {
        claim.verb = crate::story::is("not <script>alert(1)</script>", crate::story::during("zone-b-lost"));
    }
    assert_harmless(&html(&record));
}

#[test]
fn a_million_samples_make_a_small_page() {
    let mut record = samples::passed();
    for entry in &mut record.entries {
        if let What::Event(Event::Observed { watch, chunk }) = &mut entry.what
            && watch.0 == "breaker-opens"
        {
            let from = chunk.from;
            let samples = (1..=27_000).map(|place| {
                let at = from + jiff::SignedDuration::from_micros(i64::from(place) * 37);
                Sample(at, Reading::Number(f64::from(place % 997) / 997.0))
            });
            chunk.values[0].samples = samples.collect();
        }
    }
    let page = html(&record);
    assert!(page.len() < 450_000, "{} bytes", page.len());
}

/// Where a person finds the pages: `target/tmp/`.
#[test]
fn pages_are_written_for_people_to_look_at() {
    for (name, record) in samples::all() {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}.html"));
        std::fs::write(&file, html(&record)).unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() > 10_000, "{name}");
    }
}

#[test]
fn the_index_leads_to_every_report_and_needs_nothing_else() {
    let records: Vec<Record> = samples::all().into_iter().map(|(_, record)| record).collect();
    let page = index(&records, &[]);
    assert_harmless(&page);
    assert!(page.contains("8 experiments ran") && page.contains("<title>faults may remain: "), "the worst counts");
    let tally = "1 unfinished, 1 faults may remain, 1 aborted, 1 inconclusive, 3 failed, 1 passed";
    assert!(page.contains(tally), "{page}");
    for record in &records {
        let link = format!("href=\"./{}/report.html\"", report_folder(record));
        assert!(page.contains(&link), "{link}");
        let reason = record.judgement.iter().flat_map(|judgement| &judgement.reasons).next();
        let part = reason.map_or("", |reason| reason.split(['`', '\'', '"']).next().unwrap());
        assert!(page.contains(part), "{part}");
    }
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("index.html"), page).unwrap();
    let poisoned: Vec<Record> = records.into_iter().map(poisoned).collect();
    let experiments: Vec<_> = poisoned.iter().map(|record| &record.header.experiment).collect();
    assert_harmless(&index(&poisoned, &experiments));
}

#[test]
fn an_index_of_less_than_all_never_says_passed() {
    let (passed, failed) = (samples::passed(), samples::failed());
    let missing = samples::lost_zone().header.experiment;
    let all = index(std::slice::from_ref(&passed), &[]);
    assert!(all.contains("<title>passed: 1 experiment ran"), "{all}");
    let part = index(std::slice::from_ref(&passed), &[&missing]);
    assert!(part.contains("<title>unfinished: 1 of 2 experiments ran") && part.contains("has not run"), "{part}");
    assert!(index(&[passed, failed], &[&missing]).contains("<title>failed: 2 of 3 experiments ran"));
}
