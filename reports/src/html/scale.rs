//! Where times and values fall on the paper. Every drawing has the same left and right edge, so that
//! the timeline and all charts line up.

use crate::view::{At, Axis};
use crate::words::Unit;

/// The paper of a drawing. A phone's is no smaller print of a screen's: letters keep their size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Paper {
    /// For screens and printers.
    Wide,
    /// For phones.
    Narrow,
}

impl Paper {
    /// Both: the style sheet shows the one that fits.
    pub(super) const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    /// The drawing's width.
    pub(super) fn width(self) -> f64 {
        match self {
            Self::Wide => 960.0,
            Self::Narrow => 372.0,
        }
    }

    /// Where time begins: room for the numbers of the upright axis.
    pub(super) fn left(self) -> f64 {
        match self {
            Self::Wide => 72.0,
            Self::Narrow => 62.0,
        }
    }

    /// Where it ends.
    pub(super) fn right(self) -> f64 {
        self.width() - 16.0
    }

    /// A class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Wide => "chart",
            Self::Narrow => "chart narrow",
        }
    }

    /// What makes an id of this paper differ from the same of another.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Wide => "",
            Self::Narrow => "-narrow",
        }
    }
}

/// About how wide a text is in the drawings' letters.
pub(super) fn text_width(text: &str) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
    let letters = text.chars().count() as f64;
    letters * 6.7
}

/// A stretch of time on paper.
#[derive(Debug, Clone, Copy)]
pub(super) struct Across {
    pub(super) axis: Axis,
    pub(super) paper: Paper,
}

impl Across {
    /// Where a time falls; times outside fall on the edge.
    pub(super) fn x(self, at: At) -> f64 {
        let share = (at.0 - self.axis.from.0) / self.axis.length();
        self.left() + share.clamp(0.0, 1.0) * (self.right() - self.left())
    }

    /// Where time begins.
    pub(super) fn left(self) -> f64 {
        self.paper.left()
    }

    /// Where it ends.
    pub(super) fn right(self) -> f64 {
        self.paper.right()
    }

    /// Round times to write below, about one each 80 pixels; on narrow paper each 50.
    pub(super) fn ticks(self) -> Vec<(At, String)> {
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
        let room = if self.paper == Paper::Wide { 80.0 } else { 50.0 };
        let most = (self.right() - self.left()) / room;
        let length = self.axis.length();
        let step = steps.into_iter().find(|step| length / step <= most).unwrap_or(length / most);
        let mut ticks = Vec::new();
        let mut place = (self.axis.from.0 / step).ceil();
        while place * step <= self.axis.until.0 + 1e-9 {
            // Adding 0 makes the `-0` of a time before the beginning 0.
            let at = place * step + 0.0;
            ticks.push((At(at), Unit::Seconds.show((at * 10.0).round() / 10.0)));
            place += 1.0;
        }
        ticks
    }
}

/// Where a chart's times and values fall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) across: Across,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// Where a time falls.
    pub(super) fn x(self, at: At) -> f64 {
        self.across.x(at)
    }

    /// Where time begins.
    pub(super) fn left(self) -> f64 {
        self.across.left()
    }

    /// Where it ends.
    pub(super) fn right(self) -> f64 {
        self.across.right()
    }

    /// Where a value falls; values outside fall on the edge.
    pub(super) fn y(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.bottom - share.clamp(0.0, 1.0) * (self.bottom - self.top)
    }

    /// Round values to write beside it: three to six.
    pub(super) fn ticks(self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|it| it * power)
            .find(|it| *it >= rough * (1.0 - 1e-9))
            .unwrap_or(rough);
        let mut ticks = Vec::new();
        let mut place = (self.low / step - 1e-9).ceil();
        while place * step <= self.high + step * 1e-9 && ticks.len() < 12 {
            ticks.push(place * step + 0.0);
            place += 1.0;
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let axis = Axis { from: At(-0.4), until: At(37.0) };
        let texts =
            |paper| -> Vec<String> { Across { axis, paper }.ticks().into_iter().map(|(_, text)| text).collect() };
        assert_eq!(texts(Paper::Wide), ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s"]);
        assert_eq!(texts(Paper::Narrow), ["0 s", "10 s", "20 s", "30 s"]);
        let across = Across { axis, paper: Paper::Wide };
        let frame = Frame { across, low: 0.0, high: 0.42, top: 0.0, bottom: 100.0 };
        assert_eq!(frame.ticks().len(), 5);
        assert_eq!(frame.y(0.21), 50.0);
    }
}
