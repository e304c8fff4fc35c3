//! The timeline: phases, steps and the claims' windows, on the charts' time axis.

use super::axes::shortened;
use super::scale::{Across, Paper, text_width};
use super::svg::{Px, Svg};
use crate::view::{Span, StepView, View};
use squall_experiments::claim::Role;

const ROW: f64 = 24.0;
const PHASES: f64 = 26.0;

/// Draws it, on each paper.
pub(super) fn timeline(view: &View<'_>) -> String {
    Paper::ALL.map(|paper| draw(view, Across { axis: view.axis, paper })).concat()
}

fn draw(view: &View<'_>, across: Across) -> String {
    let steps: Vec<&StepView<'_>> = view.steps.iter().filter(|step| step.start.is_some()).collect();
    let claims: Vec<_> =
        view.claims.iter().filter(|claim| claim.window.is_some() && claim.claim.role == Role::Expect).collect();
    #[expect(clippy::cast_precision_loss, reason = "a page of rows")]
    let bottom = PHASES + 10.0 + ROW * (steps.len() + claims.len()) as f64 + if claims.is_empty() { 0.0 } else { 10.0 };
    let height = bottom + 24.0;
    let mut svg = Svg::default();
    let suffix = across.paper.suffix();
    let (title, description) = (format!("timeline-title{suffix}"), format!("timeline-description{suffix}"));
    svg.open(
        "svg",
        &[
            ("class", &format!("{} timeline", across.paper.class())),
            ("viewBox", &format!("0 0 {} {height}", across.paper.width())),
            ("role", &"img"),
            ("aria-labelledby", &format!("{title} {description}")),
        ],
    );
    svg.text("title", &[("id", &title)], "Phases, steps and the claims' windows over time");
    svg.text("desc", &[("id", &description)], "The table of steps below holds the same times.");
    phases(&mut svg, view, across, bottom);
    let mut y = PHASES + 10.0;
    for step in steps {
        draw_step(&mut svg, view, across, step, y);
        y += ROW;
    }
    if !claims.is_empty() {
        y += 4.0;
        svg.leaf(
            "line",
            &[("class", &"grid"), ("x1", &across.left()), ("x2", &across.right()), ("y1", &Px(y)), ("y2", &Px(y))],
        );
        y += 6.0;
    }
    for claim in claims {
        let Some((from, until)) = claim.window else { continue };
        let class = format!("window {}", claim.state.class());
        bar(&mut svg, across, &class, (from, until), (y + 8.0, 6.0), &format!("judged from {from} to {until}"));
        if let Some((from, until)) = claim.transition {
            bar(
                &mut svg,
                across,
                "transition",
                (from, until),
                (y + 3.0, 16.0),
                &format!("changed between {from} and {until}"),
            );
        }
        label(
            &mut svg,
            across,
            (from, until),
            y + 15.0,
            &format!("{} {}", claim.state.mark(), claim.claim.name),
            "",
            "window",
        );
        y += ROW;
    }
    for (at, text) in across.ticks() {
        svg.text("text", &[("class", &"tick time"), ("x", &Px(across.x(at))), ("y", &Px(bottom + 17.0))], &text);
    }
    svg.close("svg");
    svg.into_string()
}

fn phases(svg: &mut Svg, view: &View<'_>, across: Across, bottom: f64) {
    for phase in view.phases.iter().filter(|phase| phase.until > view.axis.from && phase.from < view.axis.until) {
        let (left, right) = (across.x(phase.from), across.x(phase.until));
        let name = phase.phase.to_string();
        svg.titled(
            "rect",
            &[
                ("class", &format!("phase {name}")),
                ("x", &Px(left)),
                ("y", &0),
                ("width", &Px(right - left)),
                ("height", &(PHASES - 4.0)),
            ],
            &format!("{name}: {} to {}", phase.from, phase.until),
        );
        svg.leaf("line", &[("class", &"grid"), ("x1", &Px(left)), ("x2", &Px(left)), ("y1", &0), ("y2", &Px(bottom))]);
        if text_width(&name) + 8.0 < right - left {
            svg.text("text", &[("class", &"phase-label"), ("x", &Px((left + right) / 2.0)), ("y", &15)], &name);
        }
    }
}

fn draw_step(svg: &mut Svg, view: &View<'_>, across: Across, step: &StepView<'_>, y: f64) {
    let Some((asked, started)) = step.start else { return };
    let (asked_to_end, ended) = step.end.unwrap_or((view.last, view.last));
    let class = match (step.is_fault, view.record.header.placebo) {
        (true, false) => "step disturbs",
        (true, true) => "step disturbs waited",
        (false, _) => "step",
    };
    #[expect(clippy::cast_precision_loss, reason = "nested three deep at most")]
    let inset = 2.0 * step.depth as f64;
    let (top, height) = (y + 3.0 + inset, 16.0 - 2.0 * inset);
    let times = format!("{}: start {asked} to {started}, end {asked_to_end} to {ended}", step.label);
    // The whole, and the certain part of it on top.
    bar(svg, across, &format!("{class} edges"), (asked, ended), (top, height), &times);
    if asked_to_end > started {
        bar(svg, across, class, (started, asked_to_end), (top, height), &times);
    }
    label(svg, across, (asked, ended), y + 15.0, &step.label, &step.what, class);
}

fn bar(svg: &mut Svg, across: Across, class: &str, (from, until): Span, (y, height): (f64, f64), title: &str) {
    let (left, right) = (across.x(from), across.x(until));
    svg.titled(
        "rect",
        &[
            ("class", &class),
            ("x", &Px(left)),
            ("y", &Px(y)),
            ("width", &Px((right - left).max(3.0))),
            ("height", &Px(height)),
            ("rx", &2),
        ],
        title,
    );
}

/// Writes beside a bar: right of it, else left of it, else inside, else as much as the largest room takes.
fn label(svg: &mut Svg, across: Across, (from, until): Span, y: f64, name: &str, more: &str, bar: &str) {
    let (left, right) = (across.x(from), across.x(until).max(across.x(from) + 3.0));
    let full = if more.is_empty() || more == name { name.to_owned() } else { format!("{name}: {more}") };
    let fits = |text: &str, room: f64| text_width(text) + 8.0 < room;
    let rooms = [
        ("start", right + 6.0, across.right() - right, ""),
        // No numbers stand beside a timeline, so its names may begin at the paper's edge.
        ("end", left - 6.0, left, ""),
        ("start", left + 6.0, right - left, "inside"),
    ];
    let place = [full.as_str(), name]
        .into_iter()
        .find_map(|text| rooms.iter().find(|(_, _, room, _)| fits(text, *room)).map(|room| (text, room)));
    let largest = if rooms[1].2 > rooms[0].2 { &rooms[1] } else { &rooms[0] };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens of letters")]
    let short = shortened(name, ((largest.2 - 8.0) / text_width("m")).max(2.0) as usize);
    let (text, (anchor, x, _, inside)) = place.unwrap_or((&short, largest));
    let on_fault = if inside.is_empty() || bar != "step disturbs" { "" } else { " on-fault" };
    svg.text(
        "text",
        &[("class", &format!("step-label {inside}{on_fault}")), ("text-anchor", anchor), ("x", &Px(*x)), ("y", &Px(y))],
        text,
    );
}
