//! The statistics of one or several measurements, per request name and in total.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::experiment::Run;
use crate::run::{Arrivals, FailureCause, Measurement, RequestStats};
use crate::times::{LONGEST, RequestTimes, TimeKind, Times};

/// The percentiles that every report shows, the ones that Locust prints at the end of a run.
pub const PERCENTILES: [f64; 11] = [
    50.0, 66.0, 75.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.9, 99.99, 100.0,
];

/// The name of the row over all requests, as in Locust's tables.
pub const AGGREGATED: &str = "Aggregated";

/// What one or several measurements of the same thing amount to.
///
/// Summaries are merged, not averaged: histograms are added and percentiles taken from the sum,
/// and rates are all completions over the sum of the measured periods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// One row per method and request name, sorted by name, then method.
    pub rows: Vec<SummaryRow>,
    /// All requests together, under the name [`AGGREGATED`] and without a method.
    pub total: SummaryRow,
    /// Failed requests by cause, most frequent first.
    pub failures: Vec<FailureCause>,
    /// How late the generator itself sent, of all requests.
    pub lag: Times,
    /// Requests that had no answer when waiting for them was given up.
    pub unfinished: u64,
    /// The arrivals of an open model; `None` where users made the load.
    pub arrivals: Option<Arrivals>,
    /// TCP connections opened, warm-up included.
    pub connections_opened: u64,
    /// The sum of the periods that rates refer to: the measured ones, or in a comparison the mean over all users of the
    /// time that their tasks of the measured periods took.
    pub period: Duration,
}

/// A percentile of the response time over all requests of which it is known, those without an answer among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentile {
    /// The response time.
    pub time: Duration,
    /// `true` if requests without an answer are among the times up to this one, so that the percentile is at least this:
    /// a right-censored value, as survival analysis calls it. It is shown as `> 5,000`.
    pub is_lower_bound: bool,
}

/// One line of the statistics table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SummaryRow {
    /// The HTTP method; empty in the row over all requests.
    pub method: String,
    /// The name that requests are grouped under.
    pub name: String,
    /// Times of all measurements, by kind.
    pub times: RequestTimes,
    /// Requests, successful or not, that completed inside the measured periods.
    pub completed_in_period: u64,
    /// Requests that failed inside the measured periods.
    pub failed_in_period: u64,
    /// Bytes of all response bodies.
    pub body_bytes: u64,
    /// The sum of the measured periods of the whole summary, which the rates refer to.
    pub period: Duration,
}

impl Summary {
    /// Merges measurements of the same thing, such as one contender's blocks.
    pub fn of<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Self {
        let mut summary = Self::default();
        AGGREGATED.clone_into(&mut summary.total.name);
        for measurement in measurements {
            summary.merge(&Self::of_one(measurement));
        }
        summary
    }

    /// Merges runs of one contender, at the rates of [`Summary::at_cycle_rates`].
    pub fn of_runs<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let mut summary = Self::of([]);
        for Run { measurement, .. } in runs {
            summary.merge(&Self::of_one(measurement).at_cycle_rates(measurement));
        }
        summary
    }

    /// Adds another summary. The order of merging does not matter.
    pub fn merge(&mut self, other: &Self) {
        let mut rows: BTreeMap<(String, String), SummaryRow> = BTreeMap::new();
        for row in self.rows.drain(..).chain(other.rows.iter().cloned()) {
            rows.entry((row.name.clone(), row.method.clone()))
                .and_modify(|sum| sum.merge(&row))
                .or_insert(row);
        }
        self.rows = rows.into_values().collect();
        self.total.merge(&other.total);
        self.failures = merge_failures(
            self.failures
                .drain(..)
                .chain(other.failures.iter().cloned()),
        );
        self.lag.merge(&other.lag);
        self.unfinished = self.unfinished.saturating_add(other.unfinished);
        self.arrivals = match (self.arrivals, other.arrivals) {
            (Some(one), Some(other)) => Some(Arrivals {
                planned: one.planned.saturating_add(other.planned),
                not_sent: one.not_sent.saturating_add(other.not_sent),
            }),
            (one, other) => one.or(other),
        };
        self.connections_opened = self
            .connections_opened
            .saturating_add(other.connections_opened);
        self.period = self.period.saturating_add(other.period);
        // A name that was not requested in some of the measurements still had all of their time to be.
        for row in self.rows.iter_mut().chain([&mut self.total]) {
            row.period = self.period;
        }
    }

    /// The same measurement with rates from the time between completions in place of counts in a window.
    ///
    /// A closed load of `users` is a set of renewal processes: each user's tasks follow one another. The tasks planned in
    /// the measured period took `user_time` together, so that the users made `requests / (user_time / users)` per second
    /// (the ratio estimate of renewal theory; Law, "Simulation Modeling and Analysis", section 9.5.3, "regenerative
    /// method"). A count in a window is off by up to one request for each user where users are in lockstep.
    ///
    /// Unchanged where the time was not measured: in an open model, and in older records.
    #[must_use]
    pub fn at_cycle_rates(mut self, measurement: &Measurement) -> Self {
        let users = measurement.users.max(1);
        if let Some(period) = measurement.user_time.map(|time| time / users)
            && !period.is_zero()
        {
            self.period = period;
            for row in self.rows.iter_mut().chain([&mut self.total]) {
                row.period = period;
                (row.completed_in_period, row.failed_in_period) = (row.requests(), row.failures());
            }
        }
        self
    }

    /// Rows of requests that were not sent in the measured period, such as those of a login in the warm-up; none where
    /// nothing was sent at all.
    pub fn unasked(&self) -> impl Iterator<Item = &SummaryRow> {
        let is_any_asked = self.total.requests() > 0;
        let rows = self.rows.iter();
        rows.filter(move |row| is_any_asked && row.requests() == 0)
    }

    /// The same without [`Self::unasked`].
    #[must_use]
    pub fn without_unasked(&self) -> Self {
        let mut summary = self.clone();
        let is_any_asked = self.total.requests() > 0;
        summary
            .rows
            .retain(|row| !is_any_asked || row.requests() > 0);
        summary
    }

    /// Requests that had no answer when the load ended.
    pub fn unanswered(&self) -> u64 {
        self.total.times[TimeKind::Unanswered].count() + self.unfinished
    }

    /// Requests that failed or had no answer over all that were sent, 0 to 1.
    pub fn fail_ratio(&self) -> f64 {
        let failed = self.total.failures() + self.unfinished;
        let sent = self.total.requests() + self.unfinished;
        failed as f64 / sent.max(1) as f64
    }

    /// The 99th percentile of how late the generator itself was; `None` without requests.
    pub fn lag_p99(&self) -> Option<Duration> {
        self.lag.quantile(0.99)
    }

    fn of_one(measurement: &Measurement) -> Self {
        let mut rows: BTreeMap<(&str, &str), SummaryRow> = BTreeMap::new();
        let mut total = SummaryRow {
            name: AGGREGATED.to_owned(),
            period: measurement.period,
            ..SummaryRow::default()
        };
        for stats in &measurement.requests {
            let row = SummaryRow::of(stats, measurement.period);
            total.merge(&row);
            rows.entry((&stats.name, &stats.method))
                .and_modify(|sum| sum.merge(&row))
                .or_insert(row);
        }
        Self {
            rows: rows.into_values().collect(),
            total,
            failures: merge_failures(measurement.failures.iter().cloned()),
            lag: measurement.lag.clone(),
            unfinished: measurement.unfinished,
            arrivals: measurement.arrivals,
            connections_opened: measurement.connections_opened,
            period: measurement.period,
        }
    }
}

impl SummaryRow {
    /// Finished requests, successful or not.
    pub fn requests(&self) -> u64 {
        self.times.requests()
    }

    /// Requests that failed, those without an answer among them.
    pub fn failures(&self) -> u64 {
        self.times.failures()
    }

    /// Failures over requests, 0 to 1; 0 without requests.
    pub fn fail_ratio(&self) -> f64 {
        if self.requests() == 0 {
            0.0
        } else {
            self.failures() as f64 / self.requests() as f64
        }
    }

    /// The response time that a share `quantile` (0 to 1) of the requests does not exceed; `None` without requests.
    ///
    /// Requests that succeeded count with their response time and those without an answer with at least their age at the
    /// end of the load. Requests that failed with an answer, an error or a time limit have no response time.
    pub fn percentile(&self, quantile: f64) -> Option<Percentile> {
        let time = self.percentile_times().quantile(quantile)?;
        let shortest_age = self.times[TimeKind::Unanswered].min();
        Some(Percentile {
            time,
            is_lower_bound: shortest_age.is_some_and(|age| time >= age.min(LONGEST)),
        })
    }

    /// The times that percentiles are taken from: response times, and the ages of the requests without an answer.
    pub fn percentile_times(&self) -> Cow<'_, Times> {
        self.times.with_unanswered(TimeKind::Response)
    }

    /// The median response time, as [`SummaryRow::percentile`] has it.
    pub fn median(&self) -> Option<Percentile> {
        self.percentile(0.5)
    }

    /// Completions inside the measured periods, successful or not, per second; `None` where nothing was measured.
    pub fn requests_per_second(&self) -> Option<f64> {
        self.per_second(self.completed_in_period)
    }

    /// Failures inside the measured periods per second; `None` where nothing was measured.
    pub fn failures_per_second(&self) -> Option<f64> {
        self.per_second(self.failed_in_period)
    }

    /// Successes inside the measured periods per second; `None` where nothing was measured.
    pub fn successes_per_second(&self) -> Option<f64> {
        self.per_second(
            self.completed_in_period
                .saturating_sub(self.failed_in_period),
        )
    }

    /// Bytes of the average response body; `None` without requests.
    pub fn average_body_bytes(&self) -> Option<f64> {
        (self.requests() > 0).then(|| self.body_bytes as f64 / self.requests() as f64)
    }

    /// The response times at [`PERCENTILES`], in their order; `None` without any.
    pub fn percentiles(&self) -> Option<[Percentile; PERCENTILES.len()]> {
        let none = Percentile {
            time: Duration::ZERO,
            is_lower_bound: false,
        };
        let mut times = [none; PERCENTILES.len()];
        for (time, percentile) in times.iter_mut().zip(PERCENTILES) {
            *time = self.percentile(percentile / 100.0)?;
        }
        Some(times)
    }

    /// Requests of `measurement` under the name `name`, or all of them, whatever their method.
    pub fn of_name(measurement: &Measurement, name: Option<&str>) -> Self {
        let mut row = Self {
            name: name.unwrap_or(AGGREGATED).to_owned(),
            period: measurement.period,
            ..Self::default()
        };
        let requests = measurement.requests.iter();
        for stats in requests.filter(|stats| name.is_none_or(|name| stats.name == name)) {
            row.merge(&Self::of(stats, measurement.period));
        }
        row
    }

    fn of(stats: &RequestStats, period: Duration) -> Self {
        Self {
            method: stats.method.clone(),
            name: stats.name.clone(),
            times: stats.times.clone(),
            completed_in_period: stats.completed_in_period,
            failed_in_period: stats.failed_in_period,
            body_bytes: stats.body_bytes,
            period,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.completed_in_period = self
            .completed_in_period
            .saturating_add(other.completed_in_period);
        self.failed_in_period = self.failed_in_period.saturating_add(other.failed_in_period);
        self.body_bytes = self.body_bytes.saturating_add(other.body_bytes);
    }

    fn per_second(&self, count: u64) -> Option<f64> {
        (!self.period.is_zero()).then(|| count as f64 / self.period.as_secs_f64())
    }
}

/// Adds up equal causes; the most frequent first, equal ones in the order of their text.
fn merge_failures(causes: impl Iterator<Item = FailureCause>) -> Vec<FailureCause> {
    let mut merged: BTreeMap<(String, String, String), FailureCause> = BTreeMap::new();
    for cause in causes {
        let key = (
            cause.name.clone(),
            cause.method.clone(),
            cause.cause.clone(),
        );
        merged
            .entry(key)
            .and_modify(|sum| {
                sum.occurrences = sum.occurrences.saturating_add(cause.occurrences);
                sum.first_seen = sum.first_seen.min(cause.first_seen);
                sum.last_seen = sum.last_seen.max(cause.last_seen);
            })
            .or_insert(cause);
    }
    let mut causes: Vec<_> = merged.into_values().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.occurrences));
    causes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::measurement;

    #[test]
    fn a_rate_is_completions_over_all_measured_time() {
        let one = measurement("/a", &[10, 20, 30], &[], 2);
        let other = measurement("/b", &[40], &[5], 3);
        let summary = Summary::of([&one, &other]);
        assert_eq!(summary.total.requests_per_second(), Some(1.0));
        assert_eq!(summary.total.failures_per_second(), Some(0.2));
        assert_eq!(
            summary.rows[0].requests_per_second(),
            Some(0.6),
            "/a was asked for in one of the two"
        );
    }

    #[test]
    fn failures_stay_out_of_response_times() {
        let row = Summary::of([&measurement("/a", &[10, 20], &[90_000], 1)]).total;
        assert_eq!((row.requests(), row.failures()), (3, 1));
        assert_eq!(
            row.times[TimeKind::Response].max(),
            Some(Duration::from_millis(20))
        );
        assert_eq!(
            row.times[TimeKind::Failure].max(),
            Some(Duration::from_secs(90))
        );
        assert!((row.fail_ratio() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_measured_has_no_figures() {
        let row = Summary::of([]).total;
        assert_eq!((row.requests(), row.fail_ratio()), (0, 0.0));
        assert_eq!(
            (row.median(), row.requests_per_second(), row.percentiles()),
            (None, None, None)
        );
    }

    #[test]
    fn percentiles_come_from_the_merged_times() {
        // 99 fast requests in one block and one slow in the other: the mean of their medians would be 500 ms.
        let fast = measurement("/a", &[1; 99], &[], 1);
        let slow = measurement("/a", &[999], &[], 1);
        assert_eq!(
            Summary::of([&fast, &slow]).total.median().unwrap().time,
            Duration::from_millis(1)
        );
    }

    #[test]
    fn a_percentile_among_requests_without_an_answer_is_at_least_their_age() {
        let mut measurement = measurement("/a", &[10; 96], &[], 5);
        let ages = &mut measurement.requests[0].times[TimeKind::Unanswered];
        (0..4).for_each(|_| ages.record(Duration::from_secs(5)));
        let row = Summary::of([&measurement]).total;
        let at = |quantile| {
            let percentile = row.percentile(quantile).unwrap();
            (percentile.time.as_millis(), percentile.is_lower_bound)
        };
        assert_eq!((at(0.5), at(0.96)), ((10, false), (10, false)));
        assert_eq!((at(0.97), at(1.0)), ((5000, true), (5000, true)));
        assert_eq!((row.requests(), row.failures()), (100, 4));
        // One that was given up early may have taken longer than all that were answered later.
        let ages = &mut measurement.requests[0].times[TimeKind::Unanswered];
        ages.record(Duration::from_millis(1));
        let row = Summary::of([&measurement]).total;
        assert!(row.percentile(0.5).unwrap().is_lower_bound);
    }

    #[test]
    fn users_in_lockstep_have_the_rate_of_their_cycles() {
        // Seven users whose answers take 1.4 s: three of them fit into a window of 5 s, four into what they took.
        let mut measurement = measurement("/a", &[1400; 28], &[], 5);
        measurement.users = 7;
        measurement.requests[0].completed_in_period = 21;
        let window = Summary::of([&measurement]);
        assert_eq!(window.total.successes_per_second(), Some(4.2));
        measurement.user_time = Some(Duration::from_millis(28 * 1400));
        let cycles = window.at_cycle_rates(&measurement);
        let rate = cycles.total.successes_per_second().unwrap();
        assert!((rate - 7.0 / 1.4).abs() < 1e-9, "{rate}");
        assert_eq!(
            cycles.rows[0].successes_per_second(),
            cycles.total.successes_per_second()
        );
    }

    fn any_measurement() -> impl Strategy<Value = Measurement> {
        let times = || proptest::collection::vec(0_u64..2_000_000, 0..20);
        ("/[ab]", times(), times(), 1_u64..9)
            .prop_map(|(name, ok, bad, seconds)| measurement(&name, &ok, &bad, seconds))
    }

    proptest! {
        #[test]
        fn merging_is_associative_and_commutative(a in any_measurement(), b in any_measurement(), c in any_measurement()) {
            let (a, b, c) = (Summary::of([&a]), Summary::of([&b]), Summary::of([&c]));
            let merged = |parts: [&Summary; 2]| {
                let mut sum = parts[0].clone();
                sum.merge(parts[1]);
                sum
            };
            prop_assert_eq!(merged([&merged([&a, &b]), &c]), merged([&a, &merged([&b, &c])]));
            prop_assert_eq!(merged([&a, &b]), merged([&b, &a]));
        }

        #[test]
        fn percentiles_never_fall(measurement in any_measurement()) {
            let row = Summary::of([&measurement]).total;
            if let Some(percentiles) = row.percentiles() {
                prop_assert!(percentiles.is_sorted_by_key(|percentile| percentile.time));
                prop_assert!(row.times[TimeKind::Response].min() <= Some(percentiles[0].time));
                let max = row.times[TimeKind::Response].max().unwrap();
                prop_assert!(percentiles[10].time == max || max > LONGEST);
            }
        }
    }
}
