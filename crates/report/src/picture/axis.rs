//! Scales of a picture, with their ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged};

use bakeoff_analysis::words;

/// A scale from a low to a high value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values with their labels.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A linear scale from 0 to a little more than `most`, in about `ticks` steps of 1, 2 or 5.
    pub(super) fn from_zero(most: f64, ticks: u32) -> Self {
        let most = if most > 0.0 {
            most.clamp(1e-12, 1e15)
        } else {
            1.0
        };
        let rough = most / f64::from(ticks);
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * decade)
            .into_iter()
            .find(|step| *step >= rough * 0.8)
            .unwrap_or(10.0 * decade);
        let high = most * 1.06;
        let values = (0..=20)
            .map(|index| f64::from(index) * step)
            .filter(|at| *at <= high);
        Self {
            low: 0.0,
            high,
            logarithmic: false,
            ticks: values.map(|at| (at, named(at))).collect(),
        }
    }

    /// A logarithmic scale over all `values`, with a free margin of `room` times its width at each end. Ticks are the roundest
    /// values, at least about a `ticks`-th of the scale apart.
    pub(super) fn logarithmic(
        values: impl IntoIterator<Item = f64>,
        room: f64,
        ticks: u32,
    ) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values {
            if value > 0.0 {
                // No measured value lies beyond these bounds, but a record may hold any number.
                let value = value.clamp(1e-12, 1e12);
                (least, most) = (least.min(value), most.max(value));
            }
        }
        if least > most {
            (least, most) = (1.0, 10.0);
        }
        // A scale over a single value needs two ends, too.
        let width = (most / least).ln().max(0.02);
        let margin = (width * room).exp();
        let (low, high) = (least / margin, most * margin);
        Self {
            low,
            high,
            logarithmic: true,
            ticks: round_values(low, high, ticks),
        }
    }

    /// A scale of places with names instead of values.
    pub(super) fn of_places(low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        Self {
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// Values with their labels.
    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// Place of a value on the scale, 0 at the low end and 1 at the high end.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// The value, limited to the scale.
    pub(super) fn within(&self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }
}

/// The roundest values between `low` and `high`. Rounder values come first; values too close to an earlier one are left out.
fn round_values(low: f64, high: f64, ticks: u32) -> Vec<(f64, String)> {
    const LEVELS: [&[f64]; 5] = [
        &[1.0],
        &[2.0, 5.0],
        &[1.5, 3.0, 7.0],
        &[1.2, 1.8, 2.5, 4.0, 6.0, 8.0, 9.0],
        &[1.05, 1.1, 1.3, 1.4, 1.6, 1.7, 2.2, 3.5, 9.5],
    ];
    let width = (high / low).ln();
    let apart = width / f64::from(ticks.max(1)) * 0.9;
    let mut values: Vec<f64> = Vec::new();
    for level in LEVELS {
        for exponent in decades(low, high) {
            for factor in level {
                let value = factor * 10_f64.powi(exponent);
                let free = values
                    .iter()
                    .all(|other| (value / other).ln().abs() >= apart);
                if value >= low && value <= high && free {
                    values.push(value);
                }
            }
        }
        if values.len() as u64 * 2 > u64::from(ticks) {
            break;
        }
    }
    values.sort_by(f64::total_cmp);
    values.into_iter().map(|at| (at, named(at))).collect()
}

fn decades(low: f64, high: f64) -> Range<i32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a finite number is small"
    )]
    let exponent = |value: f64| value.log10().floor() as i32;
    exponent(low)..exponent(high) + 1
}

/// A round value as it is written at an axis.
fn named(value: f64) -> String {
    if value >= 1000.0 {
        return words::figure(value);
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (from, to) = (f64::from(limit.0), f64::from(limit.1));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, which is outside the picture"
        )]
        let place = (from + (to - from) * self.share(*value)).round() as i32;
        place
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn linear_scales_have_round_steps() {
        for (most, expected) in [
            (7.0, "0 2 4 6"),
            (402.0, "0 100 200 300 400"),
            (1900.0, "0 500 1,000 1,500 2,000"),
            (0.034, "0 0.01 0.02 0.03"),
            (f64::NAN, "0 0.2 0.4 0.6 0.8 1"),
        ] {
            assert_eq!(names(&Axis::from_zero(most, 4)).join(" "), expected);
        }
    }

    #[test]
    fn logarithmic_scales_have_the_roundest_values_that_there_is_room_for() {
        for (values, expected) in [
            ([0.9, 2.2], "1 1.5 2"),
            ([0.1, 1000.0], "0.1 1 10 100 1000"),
            ([100.0, 700.0], "100 200 500"),
        ] {
            let axis = Axis::logarithmic(values, 0.05, 5);
            let shown = names(&axis).join(" ").replace(',', "");
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn a_scale_of_one_value_or_none_has_two_ends() {
        for values in [vec![], vec![3.0], vec![0.0, f64::NAN]] {
            let axis = Axis::logarithmic(values, 0.05, 5);
            assert!(axis.low < axis.high);
        }
    }
}
