//! A timeline in steps: neighbouring seconds put together for a chart, their histograms merged.
//!
//! Percentiles of a step come from the merged histogram of its seconds. Percentiles of seconds are never averaged.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::run::{Second, SecondFigures};
use crate::times::{EncodedTimes, Times};

/// Quantiles that every step has at hand: p50, p95 and p99.
pub const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Steps of equal length, in the order of time. Steps without a second are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// Length of a step, in seconds.
    length: u64,
    /// Steps by number; step `n` begins at second `n * length`.
    steps: BTreeMap<u64, Step>,
}

/// Figures of the seconds of one step, of one or several runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Users active at the end of the last second.
    pub users: u32,
    /// Sum of the active users over all seconds.
    user_seconds: u64,
    all: StepFigures,
    /// Figures by entry of the measurement's `requests`; empty where the seconds have none.
    by_name: Vec<StepFigures>,
}

/// Figures of one step, of all requests or of one entry of the measurement's `requests`.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFigures {
    /// Seconds put together.
    pub seconds: u64,
    /// Requests completed, successful or not.
    pub requests: u64,
    /// Requests failed.
    pub failures: u64,
    /// Response times at the [`QUANTILES`]; `None` without a success.
    pub quantiles: [Option<Duration>; 3],
    response_times: EncodedTimes,
}

/// Length in seconds of the shortest round step (1, 2, 5, 10, 30, … seconds) with which a timeline up to second `last`
/// has at most `most` steps.
pub fn round_length(last: u64, most: u64) -> u64 {
    const LENGTHS: [u64; 9] = [1, 2, 5, 10, 30, 60, 300, 600, 3600];
    let fits = |length: &u64| last / length < most;
    let length = LENGTHS.into_iter().find(fits);
    length.unwrap_or_else(|| last / most.max(1) + 1)
}

impl Steps {
    /// The seconds in steps of `length` seconds. Seconds of several runs are laid over each other.
    pub fn of<'a>(length: u64, seconds: impl IntoIterator<Item = &'a Second>) -> Self {
        let length = length.max(1);
        let mut groups: BTreeMap<u64, Vec<&Second>> = BTreeMap::new();
        for second in seconds {
            let number = second.since_start.as_secs() / length;
            groups.entry(number).or_default().push(second);
        }
        let steps = groups.into_iter();
        Self {
            length,
            steps: steps
                .map(|(number, seconds)| (number, Step::of_seconds(&seconds)))
                .collect(),
        }
    }

    /// Adds a second. When there would be more than `most` steps, the length of a step is doubled.
    pub fn push(&mut self, second: &Second, most: usize) {
        let number = second.since_start.as_secs() / self.length;
        let mut step = Step::of(second);
        if let Some(earlier) = self.steps.remove(&number) {
            step = Step::merged(&[earlier, step]);
        }
        self.steps.insert(number, step);
        if self.steps.len() > most.max(1) {
            self.lengthen(most.max(1));
        }
    }

    /// Steps by the second that they begin with.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Step)> {
        let steps = self.steps.iter();
        steps.map(|(number, step)| (number.saturating_mul(self.length), step))
    }

    /// The step that begins with second `start`.
    pub fn at(&self, start: u64) -> Option<&Step> {
        let step = self.steps.get(&(start / self.length));
        step.filter(|_| start.is_multiple_of(self.length))
    }

    /// Doubles the length of a step until there are at most `most` steps.
    fn lengthen(&mut self, most: usize) {
        let mut factor: u64 = 1;
        let count = |factor: u64| {
            let mut numbers: Vec<u64> = self.steps.keys().map(|number| number / factor).collect();
            numbers.dedup();
            numbers.len()
        };
        while count(factor) > most && factor < u64::MAX {
            factor = factor.saturating_mul(2);
        }
        let mut groups: BTreeMap<u64, Vec<Step>> = BTreeMap::new();
        for (number, step) in std::mem::take(&mut self.steps) {
            groups.entry(number / factor).or_default().push(step);
        }
        self.length = self.length.saturating_mul(factor);
        let groups = groups.into_iter();
        self.steps = groups
            .map(|(number, steps)| (number, Step::merged(&steps)))
            .collect();
    }
}

impl Default for Steps {
    /// No steps yet; the first ones last a second.
    fn default() -> Self {
        Self::of(1, [])
    }
}

impl Step {
    /// The step of a single second.
    pub fn of(second: &Second) -> Self {
        Self::of_seconds(&[second])
    }

    /// Mean of the active users.
    pub fn mean_users(&self) -> f64 {
        self.user_seconds as f64 / self.all.seconds.max(1) as f64
    }

    /// Figures of all requests.
    pub fn of_all(&self) -> &StepFigures {
        &self.all
    }

    /// Figures of one entry of the measurement's `requests`; `None` where the record has none.
    pub fn of_entry(&self, entry: usize) -> Option<&StepFigures> {
        if self.by_name.is_empty() {
            return (entry == 0).then_some(&self.all);
        }
        self.by_name
            .get(entry)
            .filter(|figures| figures.seconds > 0)
    }

    fn of_seconds(seconds: &[&Second]) -> Self {
        let names = seconds.iter().map(|second| second.by_name.len()).max();
        let of_entry = |entry| {
            let figures = seconds.iter().filter_map(|second| second.of_entry(entry));
            StepFigures::merged(figures.map(|figures| (1, figures)))
        };
        Self {
            users: seconds.last().map_or(0, |second| second.users),
            user_seconds: seconds.iter().map(|second| u64::from(second.users)).sum(),
            all: StepFigures::merged(seconds.iter().map(|second| (1, second.of_all()))),
            by_name: (0..names.unwrap_or(0)).map(of_entry).collect(),
        }
    }

    fn merged(steps: &[Self]) -> Self {
        let names = steps.iter().map(|step| step.by_name.len()).max();
        let of_entry = |entry| {
            let figures = steps.iter().filter_map(|step| step.of_entry(entry));
            StepFigures::merged(figures.map(StepFigures::parts))
        };
        let user_seconds = steps.iter().map(|step| step.user_seconds);
        Self {
            users: steps.last().map_or(0, |step| step.users),
            user_seconds: user_seconds.fold(0, u64::saturating_add),
            all: StepFigures::merged(steps.iter().map(|step| step.all.parts())),
            by_name: (0..names.unwrap_or(0)).map(of_entry).collect(),
        }
    }
}

impl StepFigures {
    /// Requests per second.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.seconds.max(1) as f64
    }

    /// Failures per second.
    pub fn failures_per_second(&self) -> f64 {
        self.failures as f64 / self.seconds.max(1) as f64
    }

    /// The sum of all parts, each with the number of its seconds.
    fn merged<'a>(parts: impl Iterator<Item = (u64, SecondFigures<'a>)>) -> Self {
        let (mut seconds, mut requests, mut failures) = (0_u64, 0_u64, 0_u64);
        let mut times = Times::new();
        for (length, figures) in parts {
            seconds = seconds.saturating_add(length);
            requests = requests.saturating_add(figures.requests);
            failures = failures.saturating_add(figures.failures);
            if let Some(decoded) = figures.response_times.decode() {
                times.merge(&decoded);
            }
        }
        Self {
            seconds,
            requests,
            failures,
            quantiles: QUANTILES.map(|quantile| times.quantile(quantile)),
            response_times: times.encode(),
        }
    }

    fn parts(&self) -> (u64, SecondFigures<'_>) {
        let figures = SecondFigures {
            requests: self.requests,
            failures: self.failures,
            response_times: &self.response_times,
        };
        (self.seconds, figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SecondOfName;

    fn times(ms: u64, count: u64) -> EncodedTimes {
        let mut times = Times::new();
        times.record_many(Duration::from_millis(ms), count);
        times.encode()
    }

    fn second(index: u64, ms: u64) -> Second {
        let of_name = |ms: u64, count: u64| SecondOfName {
            requests: count,
            failures: 0,
            response_times: times(ms, count),
        };
        Second {
            since_start: Duration::from_secs(index),
            users: u32::try_from(index).unwrap(),
            requests: 4,
            failures: 1,
            response_times: times(ms, 3),
            by_name: vec![of_name(ms, 3), of_name(7, 1)],
        }
    }

    #[test]
    fn percentiles_of_a_step_are_those_of_all_its_requests() {
        // Nine requests of 10 ms and three of 900 ms: a mean of the seconds' percentiles would lie between.
        let seconds: Vec<Second> = [10, 10, 10, 900]
            .into_iter()
            .zip(0..)
            .map(|(ms, index)| second(index, ms))
            .collect();
        let steps = Steps::of(4, &seconds);
        let [(0, step)] = steps.iter().collect::<Vec<_>>()[..] else {
            panic!("{steps:?}");
        };
        let all = step.of_all();
        let ms = |time: Option<Duration>| time.map(|time| time.as_millis());
        assert_eq!(all.quantiles.map(ms), [Some(10), Some(900), Some(900)]);
        assert_eq!((all.seconds, all.requests, all.failures), (4, 16, 4));
        assert!((all.requests_per_second() - 4.0).abs() < 1e-9);
        assert!((step.mean_users() - 1.5).abs() < 1e-9);
        assert_eq!(step.users, 3);
        let other = step.of_entry(1).unwrap();
        assert_eq!((other.requests, ms(other.quantiles[2])), (4, Some(7)));
        assert_eq!(step.of_entry(2), None);
    }

    #[test]
    fn steps_that_grow_are_those_of_the_whole_timeline() {
        let seconds: Vec<Second> = (0..100).map(|index| second(index, 10 + index)).collect();
        let mut growing = Steps::default();
        for second in &seconds {
            growing.push(second, 30);
            assert!(growing.steps.len() <= 30);
        }
        assert_eq!(growing, Steps::of(4, &seconds));
        assert_eq!(growing.iter().count(), 25);
        assert_eq!(growing.at(96), growing.iter().last().map(|(_, step)| step));
        assert_eq!(growing.at(97), None);
    }

    #[test]
    fn seconds_far_apart_stay_few_steps() {
        let mut steps = Steps::default();
        for power in 0..60 {
            let mut second = second(1, 10);
            second.since_start = Duration::from_secs(1 << power);
            steps.push(&second, 10);
        }
        assert!(steps.iter().count() <= 10);
        let requests: u64 = steps.iter().map(|(_, step)| step.of_all().requests).sum();
        assert_eq!(requests, 240);
    }

    #[test]
    fn round_lengths_keep_a_timeline_below_the_limit() {
        for (seconds, expected) in [
            (1, 1),
            (300, 1),
            (301, 2),
            (600, 2),
            (601, 5),
            (90_001, 600),
            (4_000_000, 13_334),
        ] {
            assert_eq!(round_length(seconds - 1, 300), expected, "{seconds}");
        }
    }
}
