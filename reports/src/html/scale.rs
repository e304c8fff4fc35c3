//! Where times and values fall on the paper. Every drawing has the same left and right edge, so that
//! the timeline and all charts line up.

use crate::view::{At, Axis};
use crate::words::Unit;

/// The drawing's width.
pub(super) const WIDTH: f64 = 960.0;
/// Where time begins: room for the numbers of the upright axis.
pub(super) const LEFT: f64 = 72.0;
/// Where it ends.
pub(super) const RIGHT: f64 = WIDTH - 16.0;

/// About how wide a text is in the drawings' letters.
pub(super) fn text_width(text: &str) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
    let letters = text.chars().count() as f64;
    letters * 6.7
}

impl Axis {
    /// Where a time falls; times outside fall on the edge.
    pub(super) fn x(self, at: At) -> f64 {
        let share = (at.0 - self.from.0) / self.length();
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Round times to write below, about one each 80 pixels.
    pub(super) fn ticks(self) -> Vec<(At, String)> {
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
        let most = (RIGHT - LEFT) / 80.0;
        let step = steps.into_iter().find(|step| self.length() / step <= most).unwrap_or(self.length() / most);
        let mut ticks = Vec::new();
        let mut place = (self.from.0 / step).ceil();
        while place * step <= self.until.0 + 1e-9 {
            // Adding 0 makes the `-0` of a time before the beginning 0.
            let at = place * step + 0.0;
            ticks.push((At(at), Unit::Seconds.show((at * 10.0).round() / 10.0)));
            place += 1.0;
        }
        ticks
    }
}

/// The upright axis of a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heights {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Heights {
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
        let texts: Vec<String> = axis.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s"]);
        let heights = Heights { low: 0.0, high: 0.42, top: 0.0, bottom: 100.0 };
        assert_eq!(heights.ticks().len(), 5);
        assert_eq!(heights.y(0.21), 50.0);
    }
}
