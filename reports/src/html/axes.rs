//! A chart's axes: which values it spans, and the round numbers beside and below it.

use super::scale::{Across, Frame, Paper};
use super::svg::{Px, Svg};
use crate::view::Plot;
use crate::words::Unit;

const PLOT_HEIGHT: f64 = 170.0;

/// Where a plot's times and values fall, below `top`.
pub(super) fn frame(plot: &Plot, paper: Paper, top: f64) -> Frame {
    let values = plot.lines.iter().flat_map(|line| line.pieces.iter().flatten()).map(|(_, value)| *value);
    let edges = plot.band.iter().flat_map(|band| [band.low, band.high]).filter(|edge| edge.is_finite());
    let (low, high) = values
        .chain(edges)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let (low, high) =
        if plot.stepped && plot.unit == Unit::Plain { states(low, high) } else { range(low, high, plot.unit) };
    Frame { across: Across { axis: plot.axis, paper }, low, high, top, bottom: top + PLOT_HEIGHT }
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

/// Writes round values beside the plot, and round times below it.
pub(super) fn axes(svg: &mut Svg, plot: &Plot, frame: Frame) {
    let ticks: Vec<(f64, String)> = if plot.levels.is_empty() {
        let ticks = frame.ticks().into_iter();
        let states = plot.stepped && plot.unit == Unit::Plain;
        let share = plot.unit == Unit::Share && frame.high < 1.5;
        let whole = ticks.filter(|tick| !states || *tick == tick.trunc()).filter(|tick| !share || *tick <= 1.0 + 1e-9);
        whole.map(|tick| (tick, plot.unit.show(tick))).collect()
    } else {
        let names = plot.levels.iter().enumerate();
        #[expect(clippy::cast_precision_loss, reason = "a handful of levels")]
        let levels = names.map(|(place, level)| (place as f64, shortened(level, 9))).collect();
        levels
    };
    for (value, text) in ticks {
        let y = frame.y(value);
        svg.leaf(
            "line",
            &[("class", &"grid"), ("x1", &frame.left()), ("x2", &frame.right()), ("y1", &Px(y)), ("y2", &Px(y))],
        );
        svg.text("text", &[("class", &"tick value"), ("x", &(frame.left() - 8.0)), ("y", &Px(y + 4.0))], &text);
    }
    for (at, text) in frame.across.ticks() {
        let x = frame.x(at);
        let (top, bottom) = (frame.bottom, frame.bottom + 4.0);
        svg.leaf("line", &[("class", &"grid"), ("x1", &Px(x)), ("x2", &Px(x)), ("y1", &Px(top)), ("y2", &Px(bottom))]);
        svg.text("text", &[("class", &"tick time"), ("x", &Px(x)), ("y", &Px(frame.bottom + 17.0))], &text);
    }
}

/// A text of at most so many letters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{At, Axis, Line};

    fn drawn(values: &[f64], unit: Unit, stepped: bool) -> (Frame, String) {
        let line = Line { label: String::new(), pieces: vec![values.iter().map(|value| (At(10.0), *value)).collect()] };
        let plot = Plot {
            axis: Axis { from: At(0.0), until: At(60.0) },
            unit,
            levels: Vec::new(),
            stepped,
            lines: vec![line],
            omitted: 0,
            samples: 2,
            band: None,
            window: None,
            transition: None,
            deadline: None,
            gaps: Vec::new(),
        };
        let frame = frame(&plot, Paper::Wide, 0.0);
        let mut svg = Svg::default();
        axes(&mut svg, &plot, frame);
        (frame, svg.into_string())
    }

    #[test]
    fn a_share_is_never_drawn_above_all_unless_a_value_is() {
        for values in [&[1.0, 1.0][..], &[0.0, 1.0], &[0.97, 1.0], &[0.3, 0.62], &[0.0, 0.0]] {
            for stepped in [false, true] {
                let (frame, svg) = drawn(values, Unit::Share, stepped);
                assert!(frame.high <= 1.1, "{values:?}: {frame:?}");
                let ticks: Vec<&str> = svg.split("%</text>").filter_map(|part| part.rsplit('>').next()).collect();
                let ticks: Vec<&str> = ticks.into_iter().filter(|text| !text.is_empty()).collect();
                assert!(ticks.len() >= 3, "{values:?}: {ticks:?}");
                assert!(ticks.iter().all(|tick| tick.trim().parse::<f64>().unwrap() <= 100.0), "{values:?}: {ticks:?}");
            }
        }
        let (frame, svg) = drawn(&[0.5, 2.4], Unit::Share, false);
        assert!(frame.high > 2.4 && svg.contains(">200 %<"), "what is more than all is drawn so");
    }

    #[test]
    fn a_value_that_never_moves_has_a_scale_of_its_own_size() {
        for (value, unit) in [(0.035, Unit::Seconds), (0.4, Unit::Plain), (1200.5, Unit::Plain), (-3.5, Unit::Plain)] {
            let (frame, _) = drawn(&[value, value], unit, false);
            let share = (value - frame.low) / (frame.high - frame.low);
            assert!((0.25..=0.75).contains(&share), "{value}: {frame:?}");
            assert!(frame.high - frame.low <= value.abs(), "{value}: {frame:?}");
            assert!(frame.ticks().len() >= 3, "{value}: {:?}", frame.ticks());
        }
        for (value, low, high) in [(0.0, -0.2, 1.2), (1.0, -0.2, 1.2), (5.0, 3.8, 6.2)] {
            let (frame, _) = drawn(&[value, value], Unit::Plain, true);
            assert_eq!((frame.low, frame.high), (low, high));
        }
        assert_eq!(drawn(&[1.0, 7.0], Unit::Plain, true).0.low, -0.2, "0 is in sight");
    }
}
