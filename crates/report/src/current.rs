//! Current rates of a running load, over the last ten seconds.

use bakeoff_record::run::{Measurement, SecondFigures};

const SECONDS: usize = 10;

/// Rates over the last complete seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Current {
    /// Number of seconds; 0 at the start.
    pub(super) seconds: usize,
    /// Rates by entry of the measurement's `requests`.
    pub(super) by_name: Vec<Rates>,
    pub(super) total: Rates,
}

/// Completed and failed requests per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) requests: f64,
    pub(super) failures: f64,
}

impl Current {
    pub(super) fn of(measurement: &Measurement) -> Self {
        // The last second may not be complete, so its count may be too low.
        let seconds = || measurement.timeline.iter().rev().skip(1).take(SECONDS);
        let number = seconds().count();
        let rates = |figures: &mut dyn Iterator<Item = SecondFigures>| {
            let (mut requests, mut failures) = (0_u64, 0_u64);
            for second in figures {
                requests = requests.saturating_add(second.requests);
                failures = failures.saturating_add(second.failures);
            }
            // Without seconds, both sums and both rates are 0.
            let seconds = number.max(1) as f64;
            Rates {
                requests: requests as f64 / seconds,
                failures: failures as f64 / seconds,
            }
        };
        Self {
            seconds: number,
            by_name: (0..measurement.requests.len())
                .map(|entry| rates(&mut seconds().filter_map(|second| second.of_entry(entry))))
                .collect(),
            total: rates(&mut seconds().map(bakeoff_record::run::Second::of_all)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let mut measurement = fixture::load_test(&["/a", "/b"], 24).measurement;
        let current = Current::of(&measurement);
        assert_eq!(current.seconds, 10);
        let rates = |requests, failures| Rates { requests, failures };
        assert_eq!(current.by_name, [rates(20.0, 0.0), rates(20.0, 0.2)]);
        assert_eq!(current.total, rates(40.0, 0.2));
        measurement.timeline.clear();
        assert_eq!(Current::of(&measurement).total, Rates::default());
    }
}
