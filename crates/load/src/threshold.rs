//! Thresholds: limits on the metrics of a measurement. Pure.

use std::fmt;
use std::time::Duration;

use bakeoff_record::metric::{Metric, Unit};
use bakeoff_record::{Measurement, RequestStats, SummaryRow};

/// A limit on one metric of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub(crate) metric: Metric,
    /// Request name of the threshold; `None` for all requests together.
    pub(crate) name: Option<String>,
    pub(crate) above: Option<f64>,
    pub(crate) below: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    /// Measured period after which the threshold can end a load; `None` if it never does.
    pub(crate) abort_after: Option<Duration>,
}

/// A threshold that a measurement breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenThreshold {
    /// Name of the metric, such as `response_time.p95`.
    pub metric: String,
    /// Limit, such as `below 500ms`.
    pub limit: String,
    /// Value, such as `612ms`; `None` if nothing was measured.
    pub value: Option<String>,
}

impl Threshold {
    /// The threshold as broken by `measurement`; `None` if it holds.
    ///
    /// A threshold on a metric without a value, such as response times without a success, is broken.
    pub fn broken(&self, measurement: &Measurement) -> Option<BrokenThreshold> {
        let row = SummaryRow::of_name(measurement, self.name.as_deref());
        let value = self.metric.value(&row, &[]);
        let kept = value.is_some_and(|value| {
            self.above.is_none_or(|above| value > above)
                && self.below.is_none_or(|below| value < below)
                && self.at_least.is_none_or(|least| value >= least)
                && self.at_most.is_none_or(|most| value <= most)
        });
        (!kept).then(|| BrokenThreshold {
            metric: self.subject(),
            limit: self.limits(),
            value: value.map(|value| in_words(self.metric, value)),
        })
    }

    /// The threshold as broken by `measurement` of a running load; `None` if the load goes on.
    pub(crate) fn aborts(&self, measurement: &Measurement) -> Option<BrokenThreshold> {
        let after = self.abort_after?;
        let broken = (measurement.period >= after).then(|| self.broken(measurement))?;
        broken.filter(|broken| broken.value.is_some())
    }

    fn subject(&self) -> String {
        match &self.name {
            None => self.metric.to_string(),
            Some(name) => format!("{} of {name}", self.metric),
        }
    }

    /// Limit for `metric` from its value in the file, given as a number and as a duration.
    pub(crate) fn limit(
        metric: Metric,
        number: Option<f64>,
        duration: Option<Duration>,
    ) -> Result<f64, &'static str> {
        match metric.unit() {
            Unit::Time => duration
                .map(|duration| duration.as_secs_f64())
                .ok_or("must be a duration such as \"500ms\""),
            Unit::Ratio => number
                .filter(|ratio| (0.0..=1.0).contains(ratio))
                .ok_or("must be a number from 0 to 1, the failed share of all requests"),
            _ => number
                .filter(|limit| limit.is_finite() && *limit >= 0.0)
                .ok_or("must be a number of at least 0"),
        }
    }

    /// Largest possible value of `metric`; `None` if it has no bound.
    pub(crate) fn most(metric: Metric) -> Option<f64> {
        (metric.unit() == Unit::Ratio).then_some(1.0)
    }

    fn limits(&self) -> String {
        let with_word = |word: &str, limit: Option<f64>| {
            Some(format!("{word} {}", in_words(self.metric, limit?)))
        };
        let limits: Vec<String> = [
            with_word("above", self.above),
            with_word("below", self.below),
            with_word("at least", self.at_least),
            with_word("at most", self.at_most),
        ]
        .into_iter()
        .flatten()
        .collect();
        limits.join(" and ")
    }

    /// `true` if the threshold limits the failures of this request name, so that failures alone do not fail the run.
    fn tolerates_failures_of(&self, name: &str) -> bool {
        let is_about_failures = matches!(
            self.metric,
            Metric::Failures | Metric::FailRatio | Metric::FailuresPerSecond
        );
        is_about_failures && self.name.as_deref().is_none_or(|of| of == name)
    }
}

/// Number of failed requests of `measurement` whose name no threshold on failures is about.
pub(crate) fn failures_without_threshold(
    thresholds: &[Threshold],
    measurement: &Measurement,
) -> u64 {
    let is_open = |stats: &&RequestStats| {
        let tolerated = |threshold: &Threshold| threshold.tolerates_failures_of(&stats.name);
        !thresholds.iter().any(tolerated)
    };
    let open = measurement.requests.iter().filter(is_open);
    open.map(RequestStats::failures).sum()
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject(), self.limits())
    }
}

/// Value of a metric with its unit, as people write it in a scenario.
fn in_words(metric: Metric, value: f64) -> String {
    match metric.unit() {
        Unit::Time => {
            let micros = Duration::try_from_secs_f64(value)
                .unwrap_or(Duration::MAX)
                .as_micros();
            let micros = u64::try_from(micros).unwrap_or(u64::MAX);
            humantime::format_duration(Duration::from_micros(micros)).to_string()
        }
        Unit::Ratio => format!("{value:.4}"),
        Unit::PerSecond => format!("{value:.2}"),
        Unit::Count | Unit::CpuSeconds | Unit::Bytes => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use bakeoff_record::times::{RequestTimes, TimeKind, Times};
    use std::time::SystemTime;

    use super::*;

    /// Two requests a second for ten seconds, of 10, 20, …, 190 ms and a failure.
    fn measurement() -> Measurement {
        let mut stats = RequestStats {
            method: "GET".to_owned(),
            name: "/".to_owned(),
            times: RequestTimes::default(),
            completed_in_period: 20,
            failed_in_period: 1,
            body_bytes: 0,
        };
        (1..20).for_each(|tens| {
            stats.times[TimeKind::Response].record(Duration::from_millis(10 * tens));
        });
        stats.times[TimeKind::Failure].record(Duration::from_secs(30));
        Measurement {
            period: Duration::from_secs(10),
            users: 1,
            requests: vec![stats],
            connections_opened: 1,
            ..Measurement::nothing(SystemTime::UNIX_EPOCH)
        }
    }

    fn below(metric: &str, below: f64) -> Threshold {
        Threshold {
            metric: Metric::of_threshold(metric).unwrap(),
            name: None,
            above: None,
            below: Some(below),
            at_least: None,
            at_most: None,
            abort_after: None,
        }
    }

    #[test]
    fn a_threshold_is_kept_on_its_side_of_the_limit_only() {
        let cases = [
            ("response_time.min", 0.01),
            ("response_time.mean", 0.1),
            ("response_time.median", 0.1),
            ("response_time.p50", 0.1),
            ("response_time.max", 0.19),
            ("requests", 20.0),
            ("failures", 1.0),
            ("fail_ratio", 0.05),
            ("requests_per_second", 2.0),
            ("failures_per_second", 0.1),
        ];
        for (metric, value) in cases {
            let metric = Metric::of_threshold(metric).unwrap();
            let broken = |above, below| {
                Threshold {
                    metric,
                    name: None,
                    above,
                    below,
                    at_least: None,
                    at_most: None,
                    abort_after: None,
                }
                .broken(&measurement())
                .is_some()
            };
            assert!(
                !broken(None, Some(value * 1.01)) && broken(None, Some(value * 0.99)),
                "{metric}"
            );
            assert!(
                broken(Some(value * 1.01), None) && !broken(Some(value * 0.99), None),
                "{metric}"
            );
            assert!(broken(Some(value * 1.01), Some(value * 1.02)), "{metric}");
        }
    }

    #[test]
    fn a_broken_threshold_says_what_it_should_have_been_and_what_it_was() {
        let broken = below("response_time.max", 0.1)
            .broken(&measurement())
            .unwrap();
        let expected = ("response_time.max", "below 100ms", Some("190ms"));
        assert_eq!(
            (
                broken.metric.as_str(),
                broken.limit.as_str(),
                broken.value.as_deref()
            ),
            expected
        );
        let both = Threshold {
            above: Some(0.0),
            ..below("fail_ratio", 0.01)
        };
        assert_eq!(both.to_string(), "fail_ratio above 0.0000 and below 0.0100");
    }

    #[test]
    fn at_most_nothing_is_kept_by_nothing() {
        let none = |metric: &str| Threshold {
            below: None,
            at_most: Some(0.0),
            ..below(metric, 0.0)
        };
        assert_eq!(none("failures").to_string(), "failures at most 0");
        let mut kept = measurement();
        for stats in &mut kept.requests {
            stats.times[TimeKind::Failure] = Times::new();
            stats.times[TimeKind::Unanswered] = Times::new();
        }
        assert!(none("failures").broken(&kept).is_none());
        assert!(none("fail_ratio").broken(&kept).is_none());
        assert!(none("failures").broken(&measurement()).is_some());
    }

    #[test]
    fn a_threshold_decides_about_the_failures_that_it_speaks_of() {
        let of = |metric: &str, name: Option<&str>| Threshold {
            name: name.map(str::to_owned),
            ..below(metric, 0.5)
        };
        let failures = failures_without_threshold(&[], &measurement());
        assert!(failures > 0);
        for (threshold, left) in [
            (of("fail_ratio", None), 0),
            (of("failures", Some("/")), 0),
            (of("failures_per_second", Some("/other")), failures),
            (of("response_time.p95", None), failures),
        ] {
            let open = failures_without_threshold(std::slice::from_ref(&threshold), &measurement());
            assert_eq!(open, left, "{threshold}");
        }
    }

    #[test]
    fn a_threshold_can_be_about_one_request_name() {
        let of = |name: &str| Threshold {
            name: Some(name.to_owned()),
            ..below("response_time.max", 0.1)
        };
        let broken = of("/").broken(&measurement()).unwrap();
        assert_eq!(broken.metric, "response_time.max of /");
        assert_eq!(of("/other").broken(&measurement()).unwrap().value, None);
    }

    #[test]
    fn a_load_is_given_up_once_enough_was_measured_and_only_where_that_is_asked_for() {
        let aborting = |after| Threshold {
            abort_after: after,
            ..below("response_time.max", 0.1)
        };
        let aborts = |threshold: &Threshold| threshold.aborts(&measurement()).is_some();
        assert!(!aborts(&aborting(None)));
        assert!(aborts(&aborting(Some(Duration::from_secs(10)))));
        assert!(!aborts(&aborting(Some(Duration::from_secs(11)))));
        let kept = Threshold {
            below: Some(10.0),
            ..aborting(Some(Duration::ZERO))
        };
        assert!(!aborts(&kept));
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        let nothing = Measurement {
            requests: Vec::new(),
            period: Duration::ZERO,
            ..measurement()
        };
        for metric in ["response_time.p95", "fail_ratio", "requests_per_second"] {
            assert_eq!(below(metric, 1.0).broken(&nothing).unwrap().value, None);
        }
        assert_eq!(below("failures", 1.0).broken(&nothing), None);
    }
}
