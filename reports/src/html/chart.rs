//! The one kind of chart: values over time, against the band that is asked for.

use super::axes::{axes, frame, shortened};
use super::key::{Key, Window, describe, keys};
use super::scale::{Across, Frame, Paper, text_width};
use super::svg::{Px, Svg};
use crate::view::{At, Band, Line, Plot, Span};

const LABEL_ROW: f64 = 16.0;
/// How much wider than others the letters of the labels above the plot are.
const BOLD: f64 = 1.1;

/// A chart, on each paper, and its key.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) keys: Vec<Key>,
}

/// Draws a claim's values. `id` is unique on the page; `wanted` is the predicate in words.
pub(super) fn chart(id: &str, name: &str, plot: &Plot, windows: &[Window], wanted: &str) -> Chart {
    let drawn = Paper::ALL.map(|paper| {
        let id = format!("{id}{}", paper.suffix());
        draw(paper, &id, name, plot, windows, wanted)
    });
    Chart { svg: drawn.concat(), keys: keys(plot, windows, wanted) }
}

fn draw(paper: Paper, id: &str, name: &str, plot: &Plot, windows: &[Window], wanted: &str) -> String {
    let labels = labels(plot, windows, Across { axis: plot.axis, paper });
    let deepest = labels.iter().map(|label| label.row + 1).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    let top = 8.0 + LABEL_ROW * deepest as f64;
    let frame = frame(plot, paper, top);
    let height = frame.bottom + 24.0;
    let mut svg = Svg::default();
    let (title, description) = (format!("{id}-title"), format!("{id}-description"));
    svg.open(
        "svg",
        &[
            ("class", &paper.class()),
            ("viewBox", &format!("0 0 {} {height}", paper.width())),
            ("role", &"img"),
            ("aria-labelledby", &format!("{title} {description}")),
        ],
    );
    svg.text("title", &[("id", &title)], &format!("Values of {name} over time"));
    svg.text("desc", &[("id", &description)], &describe(plot, windows, wanted));
    svg.leaf(
        "rect",
        &[
            ("class", &"ground"),
            ("x", &frame.left()),
            ("y", &Px(top)),
            ("width", &(frame.right() - frame.left())),
            ("height", &Px(frame.bottom - top)),
        ],
    );
    disturbed(&mut svg, windows, frame);
    if let Some(band) = plot.band {
        draw_band(&mut svg, plot, band, frame, wanted);
    }
    axes(&mut svg, plot, frame);
    for (from, until) in &plot.gaps {
        stripe(&mut svg, frame, "gap", (*from, *until), &format!("no data from {from} to {until}"));
    }
    for (place, line) in plot.lines.iter().enumerate() {
        draw_line(&mut svg, plot, line, place, frame);
    }
    marks(&mut svg, plot, frame);
    if let Some(band) = plot.band {
        name_band(&mut svg, plot, band, frame, wanted);
    }
    write_labels(&mut svg, &labels, frame);
    svg.close("svg");
    svg.into_string()
}

/// A text above the plot.
struct Label {
    class: &'static str,
    text: String,
    x: f64,
    row: usize,
}

/// What stands above the plot, in rows so that no two overlap: the windows' names, the change.
fn labels(plot: &Plot, windows: &[Window], across: Across) -> Vec<Label> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens of letters")]
    let most = ((across.right() - across.left()) / (text_width("m") * BOLD)) as usize;
    let mut ends: Vec<f64> = Vec::new();
    let change = plot.transition.map(|(from, until)| {
        let text = format!("changed at {:.2} to {:.2} s", from.0, until.0);
        ("transition-label", text, from)
    });
    windows
        .iter()
        .map(|window| ("fault-label", window.label.clone(), window.from))
        .chain(change)
        .map(|(class, text, from)| {
            let text = shortened(&text, most);
            let width = text_width(&text) * BOLD;
            let x = across.x(from).min(across.right() - width).max(across.left());
            let row = ends.iter().position(|end| *end + 12.0 <= x).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(0.0);
            }
            ends[row] = x + width;
            Label { class, text, x, row }
        })
        .collect()
}

fn stripe(svg: &mut Svg, frame: Frame, class: &str, (from, until): Span, title: &str) {
    let (left, right) = (frame.x(from), frame.x(until));
    // Never so thin that it cannot be seen.
    let (left, width) = if right - left < 3.0 { ((left + right) / 2.0 - 1.5, 3.0) } else { (left, right - left) };
    svg.titled(
        "rect",
        &[
            ("class", &class),
            ("x", &Px(left)),
            ("y", &Px(frame.top)),
            ("width", &Px(width)),
            ("height", &Px(frame.bottom - frame.top)),
        ],
        title,
    );
}

fn disturbed(svg: &mut Svg, windows: &[Window], frame: Frame) {
    for window in windows {
        let span = (window.from, window.until);
        let class = if window.injected { "fault" } else { "fault waited" };
        stripe(svg, frame, class, span, &format!("{}: {} to {}", window.label, window.from, window.until));
    }
}

fn write_labels(svg: &mut Svg, labels: &[Label], frame: Frame) {
    for label in labels {
        #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
        let y = frame.top - 5.0 - LABEL_ROW * label.row as f64;
        svg.text("text", &[("class", &label.class), ("x", &Px(label.x)), ("y", &Px(y))], &label.text);
    }
}

/// Faint over all time, stronger where it is asked for.
fn draw_band(svg: &mut Svg, plot: &Plot, band: Band, frame: Frame, wanted: &str) {
    let (mut upper, mut lower) = (frame.y(band.high), frame.y(band.low));
    if lower - upper < 8.0 {
        (upper, lower) = ((upper + lower) / 2.0 - 4.0, (upper + lower) / 2.0 + 4.0);
    }
    let kind = if band.unwanted { "unwanted" } else { "wanted" };
    let mut rect = |class: &str, left: f64, right: f64| {
        svg.titled(
            "rect",
            &[
                ("class", &format!("band {class} {kind}")),
                ("x", &Px(left)),
                ("y", &Px(upper)),
                ("width", &Px(right - left)),
                ("height", &Px(lower - upper)),
            ],
            wanted,
        );
    };
    rect("ever", frame.left(), frame.right());
    let (from, until) =
        plot.window.map_or((frame.left(), frame.right()), |(from, until)| (frame.x(from), frame.x(until)));
    rect("now", from, until);
    if band.low < band.high {
        for edge in [band.low, band.high].into_iter().filter(|edge| edge.is_finite()) {
            let (y, class) = (frame.y(edge), format!("edge {kind}"));
            svg.leaf(
                "line",
                &[("class", &class), ("x1", &frame.left()), ("x2", &frame.right()), ("y1", &Px(y)), ("y2", &Px(y))],
            );
        }
    }
}

/// Writes the condition at the edge of its band, on the inside.
fn name_band(svg: &mut Svg, plot: &Plot, band: Band, frame: Frame, wanted: &str) {
    let (upper, lower) = (frame.y(band.high), frame.y(band.low));
    // Inside the band, or outside where the plot ends too soon.
    let y = if band.low == band.high {
        if upper - frame.top < 24.0 { upper + 19.0 } else { upper - 9.0 }
    } else if band.low.is_infinite() {
        if frame.bottom - upper < 22.0 { upper - 6.0 } else { upper + 15.0 }
    } else if lower - frame.top < 22.0 {
        lower + 15.0
    } else {
        lower - 6.0
    };
    let text = match (band.unwanted, band.low == band.high) {
        (true, _) => format!("must not be {wanted}"),
        (false, true) => format!("asked for: {wanted}"),
        (false, false) => wanted.to_owned(),
    };
    let class = if band.unwanted { "mark band-label unwanted" } else { "mark band-label wanted" };
    // Left of a deadline that would run through it.
    let deadline = plot.deadline.filter(|deadline| plot.axis.shows(*deadline)).map(|deadline| frame.x(deadline));
    let crossing = deadline.filter(|x| *x > frame.right() - 16.0 - text_width(&text));
    let x = crossing.unwrap_or(frame.right()) - 8.0;
    svg.text("text", &[("class", &class), ("x", &Px(x)), ("y", &Px(y)), ("text-anchor", &"end")], &text);
}

fn draw_line(svg: &mut Svg, plot: &Plot, line: &Line, place: usize, frame: Frame) {
    let class = format!("line series{}", place % 6);
    for piece in &line.pieces {
        let point = |(at, value): &(At, f64)| (frame.x(*at), frame.y(*value));
        if let [only] = piece.as_slice() {
            let (x, y) = point(only);
            svg.leaf(
                "circle",
                &[("class", &format!("dot series{}", place % 6)), ("cx", &Px(x)), ("cy", &Px(y)), ("r", &3)],
            );
            continue;
        }
        let mut path = String::new();
        for (x, y) in piece.iter().map(point) {
            if path.is_empty() {
                path = format!("M{} {}", Px(x), Px(y));
            } else if plot.stepped {
                path.push_str(&format!("H{}V{}", Px(x), Px(y)));
            } else {
                path.push_str(&format!("L{} {}", Px(x), Px(y)));
            }
        }
        svg.titled("path", &[("class", &class), ("d", &path)], &line.label);
    }
}

fn marks(svg: &mut Svg, plot: &Plot, frame: Frame) {
    if let Some((from, until)) = plot.window {
        let (left, right) = (frame.x(from), frame.x(until));
        svg.titled(
            "rect",
            &[
                ("class", &"judged"),
                ("x", &Px(left)),
                ("y", &Px(frame.bottom - 2.0)),
                ("width", &Px((right - left).max(3.0))),
                ("height", &4),
            ],
            &format!("judged from {from} to {until}"),
        );
    }
    if let Some(deadline) = plot.deadline.filter(|deadline| plot.axis.shows(*deadline)) {
        let x = frame.x(deadline);
        let (top, bottom) = (frame.top, frame.bottom);
        svg.leaf(
            "line",
            &[("class", &"deadline"), ("x1", &Px(x)), ("x2", &Px(x)), ("y1", &Px(top)), ("y2", &Px(bottom))],
        );
        // Where the band is not, whose name and whose values stand there.
        let is_low = |band: Band| frame.y(band.high) > (top + bottom) / 2.0;
        let y = if plot.band.is_some_and(is_low) { top + 15.0 } else { bottom - 8.0 };
        let anchor = if x + 64.0 > frame.right() { ("end", x - 5.0) } else { ("start", x + 5.0) };
        svg.text(
            "text",
            &[("class", &"mark deadline-label"), ("text-anchor", &anchor.0), ("x", &Px(anchor.1)), ("y", &Px(y))],
            "deadline",
        );
    }
    if let Some((from, until)) = plot.transition {
        stripe(svg, frame, "transition", (from, until), &format!("changed between {from} and {until}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Axis;
    use crate::words::Unit;

    fn across(paper: Paper) -> Across {
        Across { axis: Axis { from: At(0.0), until: At(60.0) }, paper }
    }

    fn plot(lines: Vec<Line>, band: Option<Band>, stepped: bool) -> Plot {
        Plot {
            axis: Axis { from: At(0.0), until: At(60.0) },
            unit: Unit::Share,
            levels: Vec::new(),
            stepped,
            lines,
            omitted: 0,
            samples: 2,
            band,
            window: Some((At(10.0), At(20.0))),
            transition: Some((At(59.0), At(59.2))),
            deadline: Some(At(15.0)),
            gaps: vec![(At(30.0), At(40.0))],
        }
    }

    #[test]
    fn labels_of_windows_never_overlap() {
        let line = Line { label: String::new(), pieces: vec![vec![(At(0.0), 0.9), (At(60.0), 1.0)]] };
        let plot = plot(vec![line], None, false);
        let window = |label: &str, from: f64| Window {
            label: label.to_owned(),
            from: At(from),
            until: At(from + 5.0),
            injected: true,
        };
        let windows = [window("first-fault", 10.0), window("second-fault", 11.0), window("third-fault", 50.0)];
        let rows: Vec<usize> = labels(&plot, &windows, across(Paper::Wide)).iter().map(|label| label.row).collect();
        assert_eq!(rows, [0, 1, 0, 1], "the change's label makes room too");
        let long = [window(&"x".repeat(63), 10.0)];
        for label in [&windows[..], &long].into_iter().flat_map(|some| labels(&plot, some, across(Paper::Narrow))) {
            assert!(label.x + text_width(&label.text) * BOLD <= Paper::Narrow.right() + 1.0, "{}", label.text);
        }
    }

    #[test]
    fn labels_end_within_the_plot_and_a_deadline_runs_through_none() {
        let line = Line { label: String::new(), pieces: vec![vec![(At(0.0), 1.0), (At(60.0), 0.0)]] };
        let band = Band { low: 0.0, high: 0.0, unwanted: false };
        let plot = Plot { unit: Unit::Plain, deadline: Some(At(58.0)), ..plot(vec![line], Some(band), true) };
        let change = labels(&plot, &[], across(Paper::Wide)).remove(0);
        assert!(
            change.x + text_width(&change.text) * BOLD <= Paper::Wide.right(),
            "the change's label ends at the edge"
        );
        let svg = chart("c", "c", &plot, &[], "0").svg;
        let of = |class: &str, key: &str| -> f64 {
            let element = svg.split('<').find(|part| part.contains(class)).unwrap();
            let value = element.split(&format!(" {key}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        };
        assert!(of("band-label", "x") < across(Paper::Wide).x(At(58.0)), "the band's name stands left of the deadline");
        assert!(of("band-label", "y") - of("deadline-label", "y") > 20.0, "and the deadline's name above it");
    }

    #[test]
    fn a_chart_holds_no_markup_from_outside() {
        let line = Line {
            label: "a=\"<script>alert(1)</script>\"".to_owned(),
            pieces: vec![vec![(At(0.0), 0.9), (At(60.0), 1.0)], vec![(At(60.0), 1.0)]],
        };
        let band = Band { low: 0.99, high: f64::INFINITY, unwanted: false };
        let windows = [Window { label: "<img src=x>".to_owned(), from: At(10.0), until: At(20.0), injected: true }];
        let chart = chart("c", "<script>", &plot(vec![line], Some(band), false), &windows, "at least <99%>");
        assert!(!chart.svg.contains("<script") && !chart.svg.contains("<img"), "{}", chart.svg);
        assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"), "{}", chart.svg);
    }
}
