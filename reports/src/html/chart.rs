//! The one kind of chart: values over time, against the band that is asked for.

use super::scale::{Heights, LEFT, RIGHT, WIDTH, text_width};
use super::svg::{Px, Svg};
use crate::view::{At, Band, Line, Plot, Span};
use crate::words::Unit;

const PLOT_HEIGHT: f64 = 170.0;
const LABEL_ROW: f64 = 16.0;
/// How much wider than others the letters of the labels above the plot are.
const BOLD: f64 = 1.1;

/// A time in which something was disturbed.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) label: String,
    pub(super) from: At,
    pub(super) until: At,
    /// Whether anything was injected: in a placebo nothing is.
    pub(super) injected: bool,
}

/// An entry below a chart: a class of the style sheet, and what it stands for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) class: String,
    pub(super) text: String,
}

/// A chart and its key.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) keys: Vec<Key>,
}

/// Draws a claim's values. `id` is unique on the page; `wanted` is the predicate in words.
pub(super) fn chart(id: &str, name: &str, plot: &Plot, windows: &[Window], wanted: &str) -> Chart {
    let labels = labels(plot, windows);
    let deepest = labels.iter().map(|label| label.row + 1).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    let top = 8.0 + LABEL_ROW * deepest as f64;
    let heights = heights(plot, top);
    let height = heights.bottom + 24.0;
    let mut svg = Svg::default();
    let (title, description) = (format!("{id}-title"), format!("{id}-description"));
    svg.open(
        "svg",
        &[
            ("class", &"chart"),
            ("viewBox", &format!("0 0 {WIDTH} {height}")),
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
            ("x", &LEFT),
            ("y", &Px(top)),
            ("width", &(RIGHT - LEFT)),
            ("height", &Px(heights.bottom - top)),
        ],
    );
    disturbed(&mut svg, plot, windows, heights);
    if let Some(band) = plot.band {
        draw_band(&mut svg, plot, band, heights, wanted);
    }
    axes(&mut svg, plot, heights);
    for (from, until) in &plot.gaps {
        stripe(&mut svg, plot, heights, "gap", (*from, *until), &format!("no data from {from} to {until}"));
    }
    for (place, line) in plot.lines.iter().enumerate() {
        draw_line(&mut svg, plot, line, place, heights);
    }
    marks(&mut svg, plot, heights);
    if let Some(band) = plot.band {
        name_band(&mut svg, plot, band, heights, wanted);
    }
    write_labels(&mut svg, &labels, heights);
    svg.close("svg");
    Chart { svg: svg.into_string(), keys: keys(plot, windows, wanted) }
}

/// A text above the plot.
struct Label {
    class: &'static str,
    text: String,
    x: f64,
    row: usize,
}

/// What stands above the plot, in rows so that no two overlap: the windows' names, the change.
fn labels(plot: &Plot, windows: &[Window]) -> Vec<Label> {
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
            let width = text_width(&text) * BOLD;
            let x = plot.axis.x(from).min(RIGHT - width).max(LEFT);
            let row = ends.iter().position(|end| *end + 12.0 <= x).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(0.0);
            }
            ends[row] = x + width;
            Label { class, text, x, row }
        })
        .collect()
}

fn heights(plot: &Plot, top: f64) -> Heights {
    let values = plot.lines.iter().flat_map(|line| line.pieces.iter().flatten()).map(|(_, value)| *value);
    let edges = plot.band.iter().flat_map(|band| [band.low, band.high]).filter(|edge| edge.is_finite());
    let (low, high) = values
        .chain(edges)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let (low, high) =
        if plot.stepped && plot.unit == Unit::Plain { states(low, high) } else { range(low, high, plot.unit) };
    Heights { low, high, top, bottom: top + PLOT_HEIGHT }
}

/// States are whole numbers: one that never changes stands between its neighbours, 0 and 1 with each other.
fn states(low: f64, high: f64) -> (f64, f64) {
    let (low, high) = match (low == high, low) {
        (true, 0.0..=1.0) => (0.0, 1.0),
        (true, _) => (low - 1.0, high + 1.0),
        // As with quantities: near enough to nothing, nothing is shown.
        (false, _) if low > 0.0 && low < high / 2.0 => (0.0, high),
        (false, _) => (low, high),
    };
    (low - 0.2, high + 0.2)
}

/// The values from the lowest to the highest, and some room around them.
fn range(mut low: f64, high: f64, unit: Unit) -> (f64, f64) {
    if low > 0.0 && low < high / 2.0 {
        low = 0.0;
    }
    let room = match (high - low, high.abs()) {
        (spread, _) if spread > 0.0 => spread * 0.08,
        // A value that never moves stands in the middle, with numbers of its own size beside it.
        (_, size) if size > 0.0 => size * 0.1,
        _ => 0.1,
    };
    let floor = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let whole = unit == Unit::Share && low >= 0.0 && high <= 1.0;
    // Nothing is more than all: just enough room that a line at 100 % is seen whole.
    let ceiling = if whole { 1.0 + room * 0.5 } else { f64::INFINITY };
    ((low - room).max(floor), (high + room).min(ceiling))
}

fn stripe(svg: &mut Svg, plot: &Plot, heights: Heights, class: &str, (from, until): Span, title: &str) {
    let (left, right) = (plot.axis.x(from), plot.axis.x(until));
    // Never so thin that it cannot be seen.
    let (left, width) = if right - left < 3.0 { ((left + right) / 2.0 - 1.5, 3.0) } else { (left, right - left) };
    svg.titled(
        "rect",
        &[
            ("class", &class),
            ("x", &Px(left)),
            ("y", &Px(heights.top)),
            ("width", &Px(width)),
            ("height", &Px(heights.bottom - heights.top)),
        ],
        title,
    );
}

fn disturbed(svg: &mut Svg, plot: &Plot, windows: &[Window], heights: Heights) {
    for window in windows {
        let span = (window.from, window.until);
        let class = if window.injected { "fault" } else { "fault waited" };
        stripe(svg, plot, heights, class, span, &format!("{}: {} to {}", window.label, window.from, window.until));
    }
}

fn write_labels(svg: &mut Svg, labels: &[Label], heights: Heights) {
    for label in labels {
        #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
        let y = heights.top - 5.0 - LABEL_ROW * label.row as f64;
        svg.text("text", &[("class", &label.class), ("x", &Px(label.x)), ("y", &Px(y))], &label.text);
    }
}

/// Faint over all time, stronger where it is asked for.
fn draw_band(svg: &mut Svg, plot: &Plot, band: Band, heights: Heights, wanted: &str) {
    let (mut upper, mut lower) = (heights.y(band.high), heights.y(band.low));
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
    rect("ever", LEFT, RIGHT);
    let (from, until) = plot.window.map_or((LEFT, RIGHT), |(from, until)| (plot.axis.x(from), plot.axis.x(until)));
    rect("now", from, until);
    if band.low < band.high {
        for edge in [band.low, band.high].into_iter().filter(|edge| edge.is_finite()) {
            let (y, class) = (heights.y(edge), format!("edge {kind}"));
            svg.leaf("line", &[("class", &class), ("x1", &LEFT), ("x2", &RIGHT), ("y1", &Px(y)), ("y2", &Px(y))]);
        }
    }
}

/// Writes the condition at the edge of its band, on the inside.
fn name_band(svg: &mut Svg, plot: &Plot, band: Band, heights: Heights, wanted: &str) {
    let (upper, lower) = (heights.y(band.high), heights.y(band.low));
    // Inside the band, or outside where the plot ends too soon.
    let y = if band.low == band.high {
        if upper - heights.top < 24.0 { upper + 19.0 } else { upper - 9.0 }
    } else if band.low.is_infinite() {
        if heights.bottom - upper < 22.0 { upper - 6.0 } else { upper + 15.0 }
    } else if lower - heights.top < 22.0 {
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
    let deadline = plot.deadline.filter(|deadline| plot.axis.shows(*deadline)).map(|deadline| plot.axis.x(deadline));
    let crossing = deadline.filter(|x| *x > RIGHT - 16.0 - text_width(&text));
    let x = crossing.unwrap_or(RIGHT) - 8.0;
    svg.text("text", &[("class", &class), ("x", &Px(x)), ("y", &Px(y)), ("text-anchor", &"end")], &text);
}

fn axes(svg: &mut Svg, plot: &Plot, heights: Heights) {
    let ticks: Vec<(f64, String)> = if plot.levels.is_empty() {
        let ticks = heights.ticks().into_iter();
        let states = plot.stepped && plot.unit == Unit::Plain;
        let share = plot.unit == Unit::Share && heights.high < 1.5;
        let whole = ticks.filter(|tick| !states || *tick == tick.trunc()).filter(|tick| !share || *tick <= 1.0 + 1e-9);
        whole.map(|tick| (tick, plot.unit.show(tick))).collect()
    } else {
        let names = plot.levels.iter().enumerate();
        #[expect(clippy::cast_precision_loss, reason = "a handful of levels")]
        let levels = names.map(|(place, level)| (place as f64, shortened(level, 9))).collect();
        levels
    };
    for (value, text) in ticks {
        let y = heights.y(value);
        svg.leaf("line", &[("class", &"grid"), ("x1", &LEFT), ("x2", &RIGHT), ("y1", &Px(y)), ("y2", &Px(y))]);
        svg.text("text", &[("class", &"tick value"), ("x", &(LEFT - 8.0)), ("y", &Px(y + 4.0))], &text);
    }
    for (at, text) in plot.axis.ticks() {
        let x = plot.axis.x(at);
        let (top, bottom) = (heights.bottom, heights.bottom + 4.0);
        svg.leaf("line", &[("class", &"grid"), ("x1", &Px(x)), ("x2", &Px(x)), ("y1", &Px(top)), ("y2", &Px(bottom))]);
        svg.text("text", &[("class", &"tick time"), ("x", &Px(x)), ("y", &Px(heights.bottom + 17.0))], &text);
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn draw_line(svg: &mut Svg, plot: &Plot, line: &Line, place: usize, heights: Heights) {
    let class = format!("line series{}", place % 6);
    for piece in &line.pieces {
        let point = |(at, value): &(At, f64)| (plot.axis.x(*at), heights.y(*value));
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

fn marks(svg: &mut Svg, plot: &Plot, heights: Heights) {
    if let Some((from, until)) = plot.window {
        let (left, right) = (plot.axis.x(from), plot.axis.x(until));
        svg.titled(
            "rect",
            &[
                ("class", &"judged"),
                ("x", &Px(left)),
                ("y", &Px(heights.bottom - 2.0)),
                ("width", &Px((right - left).max(3.0))),
                ("height", &4),
            ],
            &format!("judged from {from} to {until}"),
        );
    }
    if let Some(deadline) = plot.deadline.filter(|deadline| plot.axis.shows(*deadline)) {
        let x = plot.axis.x(deadline);
        let (top, bottom) = (heights.top, heights.bottom);
        svg.leaf(
            "line",
            &[("class", &"deadline"), ("x1", &Px(x)), ("x2", &Px(x)), ("y1", &Px(top)), ("y2", &Px(bottom))],
        );
        // Where the band is not, whose name and whose values stand there.
        let is_low = |band: Band| heights.y(band.high) > (top + bottom) / 2.0;
        let y = if plot.band.is_some_and(is_low) { top + 15.0 } else { bottom - 8.0 };
        let anchor = if x + 64.0 > RIGHT { ("end", x - 5.0) } else { ("start", x + 5.0) };
        svg.text(
            "text",
            &[("class", &"mark deadline-label"), ("text-anchor", &anchor.0), ("x", &Px(anchor.1)), ("y", &Px(y))],
            "deadline",
        );
    }
    if let Some((from, until)) = plot.transition {
        stripe(svg, plot, heights, "transition", (from, until), &format!("changed between {from} and {until}"));
    }
}

fn describe(plot: &Plot, windows: &[Window], wanted: &str) -> String {
    let values = plot.lines.iter().flat_map(|line| line.pieces.iter().flatten()).map(|(_, value)| *value);
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let values = if plot.levels.is_empty() {
        format!("{} samples between {} and {}", plot.samples, plot.unit.show(low), plot.unit.show(high))
    } else {
        format!("{} samples: {}", plot.samples, plot.levels.join(", "))
    };
    let mut text = format!("{values}, from {} to {}. Asked for: {wanted}.", plot.axis.from, plot.axis.until);
    for window in windows {
        text.push_str(&format!(" {} from {} to {}.", window.label, window.from, window.until));
    }
    if let Some((from, until)) = plot.transition {
        text.push_str(&format!(" The change lies between {:.2} and {:.2} s.", from.0, until.0));
    }
    if !plot.gaps.is_empty() {
        text.push_str(&format!(" {} stretches without data.", plot.gaps.len()));
    }
    text
}

fn keys(plot: &Plot, windows: &[Window], wanted: &str) -> Vec<Key> {
    let key = |class: &str, text: String| Key { class: class.to_owned(), text };
    let mut keys = Vec::new();
    for (place, line) in plot.lines.iter().enumerate() {
        let label = if line.label.is_empty() { "value".to_owned() } else { line.label.clone() };
        keys.push(key(&format!("line series{}", place % 6), label));
    }
    if plot.omitted > 0 {
        keys.push(key("none", format!("{} more series are not drawn", plot.omitted)));
    }
    match plot.band {
        Some(band) if band.unwanted => keys.push(key("band unwanted", format!("must not be: {wanted}"))),
        Some(_) => keys.push(key("band wanted", format!("asked for: {wanted}"))),
        None => {}
    }
    if let Some(window) = windows.first() {
        let text = if window.injected { "fault" } else { "where the fault would have been" };
        keys.push(key("fault", text.to_owned()));
    }
    if plot.transition.is_some() {
        keys.push(key("transition", "the change lies in here".to_owned()));
    }
    if plot.window.is_some() {
        keys.push(key("judged", "judged over this time".to_owned()));
    }
    if !plot.gaps.is_empty() {
        keys.push(key("gap", "no data".to_owned()));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Axis;
    use crate::words::Unit;

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
        let rows: Vec<usize> = labels(&plot, &windows).iter().map(|label| label.row).collect();
        assert_eq!(rows, [0, 1, 0, 1], "the change's label makes room too");
    }

    fn drawn(values: &[f64], unit: Unit, stepped: bool) -> (Heights, String) {
        let line = Line { label: String::new(), pieces: vec![values.iter().map(|value| (At(10.0), *value)).collect()] };
        let plot = Plot { unit, ..plot(vec![line], None, stepped) };
        (heights(&plot, 0.0), chart("c", "c", &plot, &[], "1").svg)
    }

    #[test]
    fn labels_end_within_the_plot_and_a_deadline_runs_through_none() {
        let line = Line { label: String::new(), pieces: vec![vec![(At(0.0), 1.0), (At(60.0), 0.0)]] };
        let band = Band { low: 0.0, high: 0.0, unwanted: false };
        let plot = Plot { unit: Unit::Plain, deadline: Some(At(58.0)), ..plot(vec![line], Some(band), true) };
        let change = labels(&plot, &[]).remove(0);
        assert!(change.x + text_width(&change.text) * BOLD <= RIGHT, "the change's label ends at the edge");
        let svg = chart("c", "c", &plot, &[], "0").svg;
        let of = |class: &str, key: &str| -> f64 {
            let element = svg.split('<').find(|part| part.contains(class)).unwrap();
            let value = element.split(&format!(" {key}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        };
        assert!(of("band-label", "x") < plot.axis.x(At(58.0)), "the band's name stands left of the deadline");
        assert!(of("band-label", "y") - of("deadline-label", "y") > 20.0, "and the deadline's name above it");
    }

    #[test]
    fn a_share_is_never_drawn_above_all_unless_a_value_is() {
        for values in [&[1.0, 1.0][..], &[0.0, 1.0], &[0.97, 1.0], &[0.3, 0.62], &[0.0, 0.0]] {
            for stepped in [false, true] {
                let (heights, svg) = drawn(values, Unit::Share, stepped);
                assert!(heights.high <= 1.1, "{values:?}: {heights:?}");
                let ticks: Vec<&str> = svg.split("%</text>").filter_map(|part| part.rsplit('>').next()).collect();
                let ticks: Vec<&str> = ticks.into_iter().filter(|text| !text.is_empty()).collect();
                assert!(ticks.len() >= 3, "{values:?}: {ticks:?}");
                assert!(ticks.iter().all(|tick| tick.trim().parse::<f64>().unwrap() <= 100.0), "{values:?}: {ticks:?}");
            }
        }
        let (heights, svg) = drawn(&[0.5, 2.4], Unit::Share, false);
        assert!(heights.high > 2.4 && svg.contains(">200 %<"), "what is more than all is drawn so");
    }

    #[test]
    fn a_value_that_never_moves_has_a_scale_of_its_own_size() {
        for (value, unit) in [(0.035, Unit::Seconds), (0.4, Unit::Plain), (1200.5, Unit::Plain), (-3.5, Unit::Plain)] {
            let (heights, _) = drawn(&[value, value], unit, false);
            let share = (value - heights.low) / (heights.high - heights.low);
            assert!((0.25..=0.75).contains(&share), "{value}: {heights:?}");
            assert!(heights.high - heights.low <= value.abs(), "{value}: {heights:?}");
            assert!(heights.ticks().len() >= 3, "{value}: {:?}", heights.ticks());
        }
        for (value, low, high) in [(0.0, -0.2, 1.2), (1.0, -0.2, 1.2), (5.0, 3.8, 6.2)] {
            let (heights, _) = drawn(&[value, value], Unit::Plain, true);
            assert_eq!((heights.low, heights.high), (low, high));
        }
        assert_eq!(drawn(&[1.0, 7.0], Unit::Plain, true).0.low, -0.2, "0 is in sight");
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
