//! The figures behind the charts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Axis, Cell, Chart, Line, Table};
use crate::analysis::Analysis;
use crate::experiment::Experiment;
use crate::run::Measurement;
use crate::times::Times;
use crate::words;

/// One chart per quantity, with a line for each contender.
pub(super) fn of_experiment(experiment: &Experiment, analysis: &Analysis) -> Vec<Chart> {
    let measured: Vec<_> = analysis
        .results
        .iter()
        .filter(|result| !result.blocks.is_empty())
        .collect();
    let Some(first) = experiment.runs.first() else {
        return Vec::new();
    };
    let histories: Vec<(String, History)> = measured
        .iter()
        .map(|result| {
            let runs = experiment
                .runs
                .iter()
                .filter(|run| run.contender == result.contender.name);
            (
                result.contender.name.clone(),
                History::of(runs.map(|run| &run.measurement)),
            )
        })
        .collect();
    let curves: Vec<(String, &Times)> = measured
        .iter()
        .map(|result| {
            (
                result.contender.name.clone(),
                &result.summary.total.response_times,
            )
        })
        .collect();
    let over_time = |id, title: &str, unit, value: Value| {
        let lines = histories
            .iter()
            .map(|(name, history)| (name.clone(), history.line(value)))
            .collect();
        time_chart(id, title, unit, (lines, period(&first.measurement)))
    };
    vec![
        percentile_chart(&curves),
        over_time(
            "rate",
            "Requests per second over time",
            "requests/s",
            Moment::requests,
        ),
        over_time("median", "Median response time over time", "ms", |moment| {
            moment.quantile_ms(0.5)
        }),
        over_time(
            "p95",
            "95th percentile of the response time over time",
            "ms",
            |moment| moment.quantile_ms(0.95),
        ),
        over_time("users", "Users over time", "users", Moment::users),
    ]
}

/// The same for one load test, with several quantities in one chart where they share a unit.
pub(super) fn of_measurement(measurement: &Measurement) -> Vec<Chart> {
    let history = History::of([measurement]);
    let over_time = |id, title: &str, unit, lines: &[(&str, Value)]| {
        let lines = lines
            .iter()
            .map(|(name, value)| ((*name).to_owned(), history.line(*value)))
            .collect();
        time_chart(id, title, unit, (lines, period(measurement)))
    };
    let mut times = Times::new();
    measurement
        .requests
        .iter()
        .for_each(|stats| times.merge(&stats.response_times));
    let median: Value = |moment| moment.quantile_ms(0.5);
    let p95: Value = |moment| moment.quantile_ms(0.95);
    vec![
        over_time(
            "rate",
            "Requests per second over time",
            "requests/s",
            &[
                ("requests", Moment::requests),
                ("failures", Moment::failures),
            ],
        ),
        over_time(
            "times",
            "Response times over time",
            "ms",
            &[("median", median), ("95th percentile", p95)],
        ),
        over_time(
            "users",
            "Users over time",
            "users",
            &[("users", Moment::users)],
        ),
        percentile_chart(&[("all requests".to_owned(), &times)]),
    ]
}

/// The chart's figures in full, or for a percentile curve at the percentiles named on its axis.
pub(super) fn as_table(chart: &Chart) -> Table {
    let x_name = match chart.axis {
        Axis::Seconds => "Second",
        Axis::Share => "Percentile",
    };
    let header = [x_name.to_owned()]
        .into_iter()
        .chain(chart.lines.iter().map(|line| line.name.clone()));
    let rows = chart.x.iter().enumerate().filter_map(|(index, x)| {
        let name = match chart.axis {
            Axis::Seconds => Some(format!("{x}")),
            Axis::Share => SHARES
                .iter()
                .find(|(share, _)| (share - x).abs() < 1e-9)
                .map(|(_, name)| (*name).to_owned()),
        }?;
        let figure =
            |line: &Line| Cell::optional(line.y.get(index).copied().flatten().map(words::figure));
        Some(
            [Cell::words(name)]
                .into_iter()
                .chain(chart.lines.iter().map(figure))
                .collect(),
        )
    });
    Table {
        caption: format!("{} ({})", chart.title, chart.unit),
        header: header.collect(),
        rows: rows.collect(),
    }
}

/// The percentiles named on the axis of a percentile curve, by their place on it.
pub(super) const SHARES: [(f64, &str); 5] = [
    (std::f64::consts::LOG10_2, "50 %"),
    (1.0, "90 %"),
    (2.0, "99 %"),
    (3.0, "99.9 %"),
    (4.0, "99.99 %"),
];

/// A figure of one second.
type Value = fn(&Moment) -> Option<f64>;

/// The same figure of every second.
type BySecond = BTreeMap<u64, f64>;

/// What happened second by second, several runs laid over each other.
#[derive(Default)]
struct History(BTreeMap<u64, Moment>);

/// The same second of several runs.
#[derive(Default)]
struct Moment {
    runs: u64,
    users: u64,
    requests: u64,
    failures: u64,
    times: Times,
}

impl History {
    fn of<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Self {
        let mut history = Self::default();
        for second in measurements
            .into_iter()
            .flat_map(|measurement| &measurement.timeline)
        {
            let moment = history.0.entry(second.since_start.as_secs()).or_default();
            moment.runs += 1;
            moment.users += u64::from(second.users);
            moment.requests = moment.requests.saturating_add(second.requests);
            moment.failures = moment.failures.saturating_add(second.failures);
            if let Some(times) = second.response_times.decode() {
                moment.times.merge(&times);
            }
        }
        history
    }

    fn line(&self, value: Value) -> BySecond {
        self.0
            .iter()
            .filter_map(|(second, moment)| Some((*second, value(moment)?)))
            .collect()
    }
}

impl Moment {
    fn users(&self) -> Option<f64> {
        self.per_run(self.users)
    }

    fn requests(&self) -> Option<f64> {
        self.per_run(self.requests)
    }

    fn failures(&self) -> Option<f64> {
        self.per_run(self.failures)
    }

    fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        self.times.quantile(quantile).map(milliseconds)
    }

    fn per_run(&self, sum: u64) -> Option<f64> {
        (self.runs > 0).then(|| rounded(sum as f64 / self.runs as f64))
    }
}

fn time_chart(
    id: &'static str,
    title: &str,
    unit: &'static str,
    (lines, measured): (Vec<(String, BySecond)>, (f64, f64)),
) -> Chart {
    let mut seconds: Vec<u64> = lines
        .iter()
        .flat_map(|(_, line)| line.keys().copied())
        .collect();
    seconds.sort_unstable();
    seconds.dedup();
    let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    Chart {
        id,
        title: title.to_owned(),
        description: format!(
            "{title}, in {unit}, for {}, by seconds since the start of the load; the runs of all blocks together.",
            words::list(&names)
        ),
        axis: Axis::Seconds,
        unit,
        lines: lines
            .iter()
            .map(|(name, line)| Line {
                name: name.clone(),
                y: seconds
                    .iter()
                    .map(|second| line.get(second).copied())
                    .collect(),
            })
            .collect(),
        x: seconds.into_iter().map(|second| second as f64).collect(),
        measured: Some(measured),
    }
}

/// The response time that each share of requests does not exceed; a curve ends where its requests no longer tell.
fn percentile_chart(curves: &[(String, &Times)]) -> Chart {
    const STEPS_PER_DECADE: u32 = 20;
    // The last of n requests is at the share 1 − 1/n; nothing is known beyond it.
    let end = |times: &Times| (times.count() as f64).log10().min(4.0);
    let x: Vec<f64> = (0..=4 * STEPS_PER_DECADE)
        // The step next to the median is put on it.
        .map(|step| {
            if step == 6 {
                std::f64::consts::LOG10_2
            } else {
                f64::from(step) / f64::from(STEPS_PER_DECADE)
            }
        })
        .collect();
    let lines = curves.iter().map(|(name, times)| Line {
        name: name.clone(),
        y: x.iter()
            .map(|x| {
                (*x <= end(times))
                    .then(|| times.quantile(1.0 - 10_f64.powf(-x)).map(milliseconds))
                    .flatten()
            })
            .collect(),
    });
    let names: Vec<&str> = curves.iter().map(|(name, _)| name.as_str()).collect();
    Chart {
        id: "percentiles",
        title: "Response time by percentile".to_owned(),
        description: format!(
            "The response time in ms that each share of the requests does not exceed, for {}; the lower the better.",
            words::list(&names)
        ),
        axis: Axis::Share,
        unit: "ms",
        lines: lines.collect(),
        x,
        measured: None,
    }
}

/// Where the measured period lies, in seconds from the start of the load.
fn period(measurement: &Measurement) -> (f64, f64) {
    let start = measurement.warm_up.as_secs_f64();
    (start, start + measurement.period.as_secs_f64())
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3)
}

/// Three decimals, more than any screen shows.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
