//! A chart in words: its key, and its description for who does not see it.

use crate::view::{At, Plot};

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

/// The chart in sentences, for who does not see it.
pub(super) fn describe(plot: &Plot, windows: &[Window], wanted: &str) -> String {
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

/// What stands below the chart: every colour of it, with what narrow paper has no room to say beside it.
pub(super) fn keys(plot: &Plot, windows: &[Window], wanted: &str) -> Vec<Key> {
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
    if let Some((from, until)) = plot.transition {
        keys.push(key("transition", format!("the change lies between {:.2} and {:.2} s", from.0, until.0)));
    }
    if plot.deadline.is_some_and(|deadline| plot.axis.shows(deadline)) {
        keys.push(key("deadline", "deadline".to_owned()));
    }
    if plot.window.is_some() {
        keys.push(key("judged", "judged over this time".to_owned()));
    }
    if !plot.gaps.is_empty() {
        keys.push(key("gap", "no data".to_owned()));
    }
    keys
}
