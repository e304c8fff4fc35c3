//! What a page must show, sample by sample: the shaded fault, the band, the change, the evidence, how to run it again.
//!
//! The page is read as [`elements_in`] reads it; what is asked for comes from the story that was told, never from the page.

use crate::html::{Element, elements_in};
use crate::samples;
use squall_experiments::history::Record;
use squall_reports::html;

impl<'page> Element<'page> {
    fn name(self) -> &'page str {
        self.tag.split([' ', '/']).next().unwrap()
    }

    fn attribute(self, name: &str) -> Option<&'page str> {
        self.tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
    }

    fn number(self, name: &str) -> f64 {
        self.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} in <{}>", self.tag))
    }

    /// Every element within of this name and exactly these classes.
    fn all(self, name: &str, class: &str) -> Vec<Self> {
        let is_one = |element: &Element<'_>| element.name() == name && element.attribute("class") == Some(class);
        elements_in(self.inner).into_iter().filter(is_one).collect()
    }

    /// The only one of them.
    fn one(self, name: &str, class: &str) -> Self {
        let all = self.all(name, class);
        assert_eq!(all.len(), 1, "<{name} class=\"{class}\"> in {}", self.inner);
        all[0]
    }

    /// What a person reads.
    fn text(self) -> String {
        let mut text = String::new();
        let mut rest = self.inner;
        while let Some((before, tag)) = rest.split_once('<') {
            text.push_str(before);
            rest = tag.split_once('>').unwrap().1;
        }
        text.push_str(rest);
        text.replace("&#39;", "'").replace("&#34;", "\"").replace("&quot;", "\"").replace("&#38;", "&")
    }
}

fn whole(page: &str) -> Element<'_> {
    Element { tag: "page", inner: page.strip_prefix("<!doctype html>").unwrap() }
}

/// The section under the heading of this name.
fn section<'page>(page: &'page str, name: &str) -> Element<'page> {
    let is_it = |element: &Element<'_>| {
        element.name() == "section" && element.attribute("aria-labelledby").is_some_and(|label| label == name)
    };
    elements_in(whole(page).inner).into_iter().find(is_it).unwrap_or_else(|| panic!("no section {name}"))
}

/// The card of a claim or a watch.
fn card<'page>(page: &'page str, id: &str) -> Element<'page> {
    let is_it = |card: &Element<'_>| card.attribute("id") == Some(id);
    whole(page).all("article", "card").into_iter().find(is_it).unwrap_or_else(|| panic!("no card {id}"))
}

/// Both drawings of a card: for a desk, for a phone.
fn drawings(card: Element<'_>) -> [Element<'_>; 2] {
    [card.one("svg", "chart"), card.one("svg", "chart narrow")]
}

/// Where seconds lie in a drawing, by its own labels.
fn across(drawing: Element<'_>) -> impl Fn(f64) -> f64 {
    let ticks = drawing.all("text", "tick time");
    let at = |tick: &Element<'_>| (tick.text().trim_end_matches(" s").parse::<f64>().unwrap(), tick.number("x"));
    let ((from, left), (until, right)) = (at(ticks.first().unwrap()), at(ticks.last().unwrap()));
    move |seconds| left + (seconds - from) * (right - left) / (until - from)
}

/// That a stripe lies where these seconds do.
fn lies(stripe: Element<'_>, drawing: Element<'_>, (from, until): (f64, f64)) {
    let x = across(drawing);
    // A stripe is never so thin that it cannot be seen.
    let (left, right) = (stripe.number("x"), stripe.number("x") + stripe.number("width"));
    let near = |place: f64, seconds: f64| (place - x(seconds)).abs() < 2.0;
    assert!(near(left, from) && near(right, until), "{from} to {until} s: <{}>", stripe.tag);
    assert!(stripe.number("height") > 1.0, "it is seen: <{}>", stripe.tag);
}

/// What the charts of one page show, counted in charts.
#[derive(Debug, PartialEq, Eq, Default)]
struct Shown {
    charts: usize,
    fault: usize,
    waited: usize,
    wanted: usize,
    unwanted: usize,
    judged: usize,
    transition: usize,
    deadline: usize,
    gap: usize,
}

impl Shown {
    /// On one of the two papers. What is drawn is named by the key beside it, and nothing else is.
    fn on(page: &str, paper: &str) -> Self {
        let mut shown = Self::default();
        for card in whole(page).all("article", "card") {
            let Some(drawing) = card.all("svg", paper).first().copied() else { continue };
            let drawn = |name: &str, class: &str| drawing.all(name, class).len();
            let keys = |class: &str| card.all("i", class).len();
            let mut now = Self {
                charts: 1,
                fault: drawn("rect", "fault"),
                waited: drawn("rect", "fault waited"),
                wanted: drawn("rect", "band now wanted"),
                unwanted: drawn("rect", "band now unwanted"),
                judged: drawn("rect", "judged"),
                transition: drawn("rect", "transition"),
                deadline: drawn("line", "deadline"),
                gap: drawn("rect", "gap"),
            };
            assert_eq!(now.fault + now.waited, drawn("text", "fault-label"), "each is named");
            assert_eq!(now.fault + now.waited, keys("fault"), "each is in the key");
            assert_eq!(now.wanted, drawn("rect", "band ever wanted"));
            assert_eq!((now.wanted, now.unwanted), (keys("band wanted"), keys("band unwanted")));
            assert_eq!(now.wanted, drawn("text", "mark band-label wanted"), "the condition stands at its band");
            assert_eq!(now.unwanted, drawn("text", "mark band-label unwanted"));
            assert_eq!((now.judged, now.transition), (keys("judged"), keys("transition")));
            assert_eq!(now.transition, drawn("text", "transition-label"));
            assert_eq!((now.deadline, now.gap), (keys("deadline"), keys("gap")));
            assert!(drawn("path", "line series0") > 0, "and the values");
            for (sum, one) in shown.counts().into_iter().zip(now.counts()) {
                *sum += *one;
            }
        }
        shown
    }

    fn counts(&mut self) -> [&mut usize; 9] {
        let Self { charts, fault, waited, wanted, unwanted, judged, transition, deadline, gap } = self;
        [charts, fault, waited, wanted, unwanted, judged, transition, deadline, gap]
    }
}

#[test]
fn every_chart_shows_the_fault_the_band_and_what_was_judged() {
    let breaker = Shown {
        charts: 7,
        fault: 7,
        wanted: 6,
        unwanted: 1,
        judged: 5,
        transition: 2,
        deadline: 1,
        ..Shown::default()
    };
    let short = Shown { charts: 6, fault: 6, wanted: 5, unwanted: 1, ..Shown::default() };
    for (name, record) in samples::all() {
        let asked = match name {
            "passed" | "may-remain" => Shown { ..breaker },
            // No change was seen.
            "failed" | "without-witness" => Shown { transition: 0, ..breaker },
            "placebo" => Shown { fault: 0, waited: 7, transition: 0, ..breaker },
            "aborted" | "unfinished" => Shown { ..short },
            "lost-zone" => Shown {
                charts: 2,
                fault: 2,
                wanted: 1,
                judged: 2,
                transition: 1,
                deadline: 1,
                gap: 1,
                ..Shown::default()
            },
            other => panic!("say what `{other}` must show"),
        };
        let page = html(&record);
        for paper in ["chart", "chart narrow"] {
            assert_eq!(Shown::on(&page, paper), asked, "{name}, {paper}");
        }
    }
}

#[test]
fn what_is_shaded_lies_where_it_was() {
    let page = html(&samples::passed());
    for drawing in drawings(card(&page, "claim-expect-breaker-opens")) {
        // On its way in from 10.9 s on, and gone at 23.3 s.
        lies(drawing.one("rect", "fault"), drawing, (10.9, 23.3));
        lies(drawing.one("rect", "judged"), drawing, (10.9, 23.1));
        lies(drawing.one("rect", "transition"), drawing, (11.2, 11.6));
        lies(drawing.one("rect", "band now wanted"), drawing, (10.9, 23.1));
        let (band, ground) = (drawing.one("rect", "band ever wanted"), drawing.one("rect", "ground"));
        assert_eq!((band.number("x"), band.number("width")), (ground.number("x"), ground.number("width")));
        let deadline = drawing.one("line", "deadline");
        assert!(
            (deadline.number("x1") - across(drawing)(16.02)).abs() < 2.0,
            "5 s after the start: <{}>",
            deadline.tag
        );
        assert_eq!(drawing.one("text", "fault-label").text(), "payments-slow");
        assert_eq!(drawing.one("text", "transition-label").text(), "changed at 11.20 to 11.60 s");
        assert_eq!(drawing.one("text", "mark band-label wanted").text(), "asked for: 1");
    }
    for drawing in drawings(card(&page, "claim-expect-checkout-stays-fast")) {
        let (band, ground) = (drawing.one("rect", "band now wanted"), drawing.one("rect", "ground"));
        let bottom = |rect: Element<'_>| rect.number("y") + rect.number("height");
        assert!(band.number("y") > ground.number("y") && bottom(band) >= bottom(ground) - 1.0, "below 300 ms");
        assert_eq!(drawing.all("line", "edge wanted").len(), 1, "one edge, at 300 ms");
        assert_eq!(drawing.one("text", "mark band-label wanted").text(), "below 300ms");
    }
    let page = html(&samples::lost_zone());
    for drawing in drawings(card(&page, "claim-expect-zones-carry-on")) {
        // From the last sample before the stall to the first after it.
        lies(drawing.one("rect", "gap"), drawing, (26.8, 31.0));
    }
}

#[test]
fn what_is_shaded_is_seen() {
    let page = html(&samples::passed());
    let style = elements_in(whole(&page).inner).into_iter().find(|element| element.name() == "style").unwrap().inner;
    for class in ["fault", "band", "transition", "judged", "gap", "line", "deadline"] {
        let rules: Vec<&str> =
            style.split('}').filter_map(|rule| rule.trim().strip_prefix(&format!("svg .{class} {{"))).collect();
        let paint =
            |rule: &&str| rule.contains("fill: var(") || rule.contains("fill: url(") || rule.contains("stroke: var(");
        assert!(rules.iter().any(paint), "{class} is painted: {rules:?}");
    }
}

#[test]
fn the_timeline_shows_the_phases_the_fault_and_the_changes() {
    for (name, record) in samples::all() {
        let (phases, windows, changes) = match name {
            "passed" | "may-remain" => (4, 4, 2),
            "failed" | "without-witness" | "placebo" => (4, 4, 0),
            "aborted" => (3, 0, 0),
            "unfinished" => (2, 0, 0),
            "lost-zone" => (4, 2, 1),
            other => panic!("say what the timeline of `{other}` must show"),
        };
        let page = html(&record);
        for paper in ["chart timeline", "chart narrow timeline"] {
            let drawing = section(&page, "timeline").one("svg", paper);
            let rects: Vec<&str> = elements_in(drawing.inner)
                .into_iter()
                .filter(|element| element.name() == "rect")
                .filter_map(|rect| rect.attribute("class"))
                .collect();
            let of = |class: &str| rects.iter().filter(|one| one.split(' ').next() == Some(class)).count();
            assert_eq!((of("phase"), of("window"), of("transition")), (phases, windows, changes), "{name}: {rects:?}");
            let waited = if record.header.placebo { " waited" } else { "" };
            let steps = [format!("step disturbs{waited} edges"), format!("step disturbs{waited}")];
            assert!(steps.iter().all(|step| rects.contains(&step.as_str())), "{name}: {rects:?}");
        }
    }
}

/// Every row of the evidence: target, times, evidence, end, who.
fn evidence(page: &str) -> Vec<Vec<String>> {
    let rows = |table: Element<'_>| -> Vec<Vec<String>> {
        let rows = elements_in(table.inner).into_iter().filter(|element| element.tag == "tr").skip(1);
        let cells = |row: Element<'_>| -> Vec<String> {
            elements_in(row.inner)
                .into_iter()
                .filter(|cell| ["th", "td"].contains(&cell.name()))
                .map(Element::text)
                .collect()
        };
        rows.map(cells).collect()
    };
    section(page, "evidence").all("table", "stacked").into_iter().flat_map(rows).collect()
}

#[test]
fn the_evidence_is_told_for_every_target() {
    let slowed = |target: &str, when: &str, seen: &str, end: &str| -> Vec<String> {
        [target, when, seen, end, "NFQUEUE, netdev ingress on lab"].map(str::to_owned).into()
    };
    let seen = |count: u32, size: &str| format!("{count} packets delayed (p50 401 ms, p99 439 ms, max 452 ms); {size}");
    let clean = "reverted when the runner asked, clean";
    assert_eq!(
        evidence(&html(&samples::passed())),
        [
            slowed("payments-1", "11.0 to 23.2 s", &seen(1204, "484.4 KiB"), clean),
            slowed("payments-2", "11.0 to 23.3 s", &seen(1217, "489.7 KiB"), clean),
        ]
    );
    let unfinished = evidence(&html(&samples::unfinished()));
    assert_eq!(unfinished.iter().map(|row| row[3].as_str()).collect::<Vec<_>>(), ["not known to be gone"; 2]);
    let zone = evidence(&html(&samples::lost_zone()));
    let told: Vec<_> = zone.iter().map(|row| (row[0].as_str(), row[2].as_str(), row[3].as_str())).collect();
    assert_eq!(
        told,
        [
            ("frontend-b", "8123 packets dropped; 523.6 KiB", clean),
            ("checkout-b", "1044 packets dropped; 67.29 KiB", clean),
            ("orders-2", "377 packets dropped; 24.3 KiB", clean),
        ]
    );
    assert!(evidence(&html(&samples::placebo())).is_empty(), "nothing was injected");
    // Whether it bit, in words, and by the witness's own chart.
    for (record, outcome, says) in [
        (samples::passed(), "outcome passed", "became at least 350ms after 200 to 400 ms"),
        (samples::without_witness(), "outcome failed", "it never became at least 350ms within 3s of the start"),
    ] {
        let page = html(&record);
        assert!(!section(&page, "evidence").all("span", outcome).is_empty(), "{outcome}");
        assert!(section(&page, "evidence").text().contains(says), "{says}");
        assert_eq!(card(&page, "watch-payments-slow").all("svg", "chart").len(), 1);
    }
}

/// The facts a run is repeated by.
fn facts(page: &str) -> Vec<(String, String)> {
    let elements = elements_in(section(page, "again").one("dl", "facts").inner);
    let texts = |name: &str| -> Vec<String> {
        elements.iter().filter(|element| element.name() == name).map(|element| element.text()).collect()
    };
    texts("dt").into_iter().zip(texts("dd")).collect()
}

#[test]
fn every_page_says_how_to_run_it_again_and_with_what_it_was_run() {
    for (name, mut record) in samples::all() {
        record.header.seed = 90_210;
        record.header.versions.squall = "7.8.9".to_owned();
        let page = html(&record);
        let command = section(&page, "again").one("pre", "command").text();
        assert_eq!(command, record.header.again, "{name}");
        let facts = facts(&page);
        let fact = |what: &str| facts.iter().find(|(name, _)| name == what).map(|(_, value)| value.as_str());
        assert_eq!(fact("Seed"), Some("90210"), "{name}");
        assert_eq!(fact("Run"), Some("r-7f3k2"), "{name}");
        assert_eq!(fact("Began"), Some("2026-11-22T05:00:00Z"), "{name}");
        assert_eq!(fact("File"), Some(record.header.file.as_str()), "{name}");
        assert_eq!(fact("Squall"), Some("7.8.9 on lab, Linux 6.1.0-31-amd64"), "{name}");
        assert_eq!(fact("Metric source"), Some("Prometheus 2.42.0; its clock agrees with the runner's"), "{name}");
        assert_eq!(fact("Agent lab"), Some("0.1.0, Linux 6.1.0-31-amd64"), "{name}");
        for (parameter, value) in &record.header.experiment.parameters {
            assert_eq!(fact(&format!("Parameter {parameter}")), Some(value.as_str()), "{name}");
        }
        assert!(section(&page, "again").text().contains(&record.header.text), "{name}: the experiment's own text");
    }
}

#[test]
fn the_verdict_and_its_reasons_stand_at_the_top() {
    for (name, record) in samples::all() {
        let page = html(&record);
        let Record { judgement, .. } = &record;
        let first = elements_in(whole(&page).inner).into_iter().find(|element| element.name() == "header").unwrap();
        for reason in judgement.iter().flat_map(|judgement| &judgement.reasons) {
            let read = first.one("ul", "reasons").text();
            assert!(read.contains(reason.as_str()), "{name}: {read}");
        }
        let remedies: Vec<String> =
            judgement.iter().flat_map(|judgement| &judgement.remaining).map(|fault| fault.remedy.clone()).collect();
        let shown: Vec<String> =
            whole(&page).all("div", "remains").into_iter().map(|fault| fault.one("pre", "command").text()).collect();
        assert_eq!(shown, remedies, "{name}");
    }
}
