//! Figures of the charts over time and of the percentile curves.

use std::time::Duration;

use super::document::{Axis, Cell, Chart, Choice, Line, Mark, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, RunLoad};
use bakeoff_record::run::{Measurement, RequestStats};
use bakeoff_record::timeline::Steps;
use bakeoff_record::times::{TimeKind, Times};

mod over_time;

use over_time::{Value, failures, line, quantile, requests, step_length, steps, users};

/// One chart over time per quantity, with a line for each contender.
pub(super) fn of_experiment(experiment: &Experiment, analysis: &Analysis) -> Vec<Chart> {
    let measured: Vec<_> = analysis
        .contenders()
        .filter(|result| !result.measured().blocks.is_empty())
        .collect();
    let runs = || experiment.runs_under(RunLoad::Users);
    let Some(first) = runs().next() else {
        return Vec::new();
    };
    let length = step_length(runs().map(|run| &run.measurement));
    let by_contender: Vec<(String, Steps)> = measured
        .iter()
        .map(|result| {
            let runs = runs().filter(|run| run.contender == result.name());
            (
                result.name().to_owned(),
                steps(length, runs.map(|run| &run.measurement)),
            )
        })
        .collect();
    let seconds = seconds(by_contender.iter().map(|(_, steps)| steps));
    let over_time = |id, title: &str, unit, value: Value| {
        let lines = by_contender.iter().map(|(name, steps)| Line {
            name: name.clone(),
            y: line(steps, None, &seconds, value),
        });
        Chart {
            measured: Some(period(&first.measurement)),
            ..time_chart((id, title, unit), length, &seconds, lines.collect())
        }
    };
    vec![
        over_time(
            "rate",
            "Requests per second over time",
            "requests/s",
            requests,
        ),
        over_time(
            "median",
            "Median response time over time",
            "ms",
            quantile::<0>,
        ),
        over_time(
            "p95",
            "p95 of the response time over time",
            "ms",
            quantile::<1>,
        ),
        over_time("users", "Users over time", "users", users),
    ]
}

/// Charts of one load test. Quantities with the same unit share a chart; each chart has a choice of request names.
pub(super) fn of_measurement(measurement: &Measurement) -> Vec<Chart> {
    let length = step_length([measurement]);
    let steps = steps(length, [measurement]);
    let seconds = seconds([&steps]);
    let over_time = |id, title: &str, unit, values: &[(&str, Value)]| {
        let y = |entry| -> Vec<_> {
            let values = values.iter();
            values
                .map(|(_, value)| line(&steps, entry, &seconds, *value))
                .collect()
        };
        let lines = values.iter().zip(y(None)).map(|((name, _), y)| Line {
            name: (*name).to_owned(),
            y,
        });
        let choices = (0..)
            .zip(named(measurement))
            .map(|(entry, (name, _))| Choice {
                name,
                y: y(Some(entry)),
            });
        Chart {
            choices: choices.collect(),
            marks: marks(measurement),
            measured: Some(period(measurement)),
            ..time_chart((id, title, unit), length, &seconds, lines.collect())
        }
    };
    let rates: [(&str, Value); 2] = [("requests", requests), ("failures", failures)];
    let times: [(&str, Value); 3] = [
        ("p50 (median)", quantile::<0>),
        ("p95", quantile::<1>),
        ("p99", quantile::<2>),
    ];
    let users = over_time("users", "Users over time", "users", &[("users", users)]);
    vec![
        over_time(
            "rate",
            "Requests per second over time",
            "requests/s",
            &rates,
        ),
        over_time("times", "Response times over time", "ms", &times),
        Chart {
            choices: Vec::new(),
            ..users
        },
        percentiles_of(measurement),
    ]
}

/// Response times, and service times if arrivals were planned; each with the name of its curve.
fn curves<'a>(
    measurement: &Measurement,
    response: &'a Times,
    service: &'a Times,
) -> Vec<(String, &'a Times)> {
    let mut curves = vec![("response time".to_owned(), response)];
    if measurement.arrivals.is_some() {
        curves.push(("service time".to_owned(), service));
    }
    curves
}

/// Response times by percentile, and service times if arrivals were planned.
fn percentiles_of(measurement: &Measurement) -> Chart {
    let (mut response, mut service) = (Times::new(), Times::new());
    for stats in &measurement.requests {
        response.merge(&stats.percentile_times());
        service.merge(&stats.times[TimeKind::Service]);
    }
    let choices = named(measurement).map(|(name, stats)| {
        let chart = percentile_chart(&curves(
            measurement,
            &stats.percentile_times(),
            &stats.times[TimeKind::Service],
        ));
        Choice {
            name,
            y: chart.lines.into_iter().map(|line| line.y).collect(),
        }
    });
    Chart {
        choices: choices.collect(),
        ..percentile_chart(&curves(measurement, &response, &service))
    }
}

/// Entries of the measurement's `requests` that a reader can choose, by name; none if there is only one.
fn named(measurement: &Measurement) -> impl Iterator<Item = (String, &RequestStats)> {
    let several = measurement.requests.len() > 1;
    measurement
        .requests
        .iter()
        .filter(move |_| several)
        .map(|stats| (format!("{} {}", stats.method, stats.name), stats))
}

fn marks(measurement: &Measurement) -> Vec<Mark> {
    measurement
        .marks
        .iter()
        .map(|mark| Mark {
            x: rounded(mark.at.as_secs_f64()),
            text: mark.what.clone(),
        })
        .collect()
}

/// Figures of a chart as a table: one row for each point, or, for a percentile curve, for each percentile named on its axis.
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
        caption: format!("{}{} ({})", chart.title, of_all(chart), chart.scale()),
        header: header.collect(),
        rows: rows.collect(),
    }
}

fn of_all(chart: &Chart) -> &'static str {
    if chart.choices.is_empty() {
        ""
    } else {
        ", all requests"
    }
}

/// Percentiles named on the axis of a percentile curve, by their place on the axis.
pub(super) const SHARES: [(f64, &str); 5] = [
    (std::f64::consts::LOG10_2, "p50"),
    (1.0, "p90"),
    (2.0, "p99"),
    (3.0, "p99.9"),
    (4.0, "p99.99"),
];

/// Start of every step of these timelines, in seconds.
fn seconds<'a>(timelines: impl IntoIterator<Item = &'a Steps>) -> Vec<u64> {
    let steps = timelines.into_iter().flat_map(Steps::iter);
    let mut seconds: Vec<u64> = steps.map(|(second, _)| second).collect();
    seconds.sort_unstable();
    seconds.dedup();
    seconds
}

fn time_chart(
    (id, title, unit): (&'static str, &str, &'static str),
    step: u64,
    seconds: &[u64],
    lines: Vec<Line>,
) -> Chart {
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    Chart {
        id,
        title: title.to_owned(),
        description: format!(
            "{title}, in {unit}, for {}. The axis shows seconds since the start of the load.",
            words::list(&names)
        ),
        axis: Axis::Seconds,
        unit,
        x: seconds.iter().map(|second| *second as f64).collect(),
        step,
        lines,
        choices: Vec::new(),
        marks: Vec::new(),
        measured: None,
    }
}

/// Places of all points on the axis of a percentile curve, see [`Axis::Share`].
fn shares() -> Vec<f64> {
    const STEPS_PER_DECADE: u32 = 20;
    let place = |step| {
        // The step next to p50 is moved onto p50.
        if step == 6 {
            std::f64::consts::LOG10_2
        } else {
            f64::from(step) / f64::from(STEPS_PER_DECADE)
        }
    };
    (0..=4 * STEPS_PER_DECADE).map(place).collect()
}

/// Percentile curve: places on the axis with the response time in milliseconds. The curve ends where the percentile is the
/// last request.
pub(super) fn percentile_points(times: &Times) -> Vec<(f64, f64)> {
    // The last of n requests is at the share 1 − 1/n. No percentile beyond that share is known.
    let end = (times.count() as f64).log10().min(4.0);
    let point = |x: f64| Some((x, milliseconds(times.quantile(1.0 - 10_f64.powf(-x))?)));
    let known = shares().into_iter().take_while(|x| *x <= end);
    known.filter_map(point).collect()
}

/// Chart of percentile curves, see [`percentile_points`].
pub(super) fn percentile_chart(curves: &[(String, &Times)]) -> Chart {
    let x = shares();
    let lines = curves.iter().map(|(name, times)| {
        let points = percentile_points(times);
        Line {
            name: name.clone(),
            y: (0..x.len())
                .map(|index| points.get(index).map(|(_, y)| *y))
                .collect(),
        }
    });
    let names: Vec<&str> = curves.iter().map(|(name, _)| name.as_str()).collect();
    Chart {
        id: "percentiles",
        title: "Response time by percentile".to_owned(),
        description: format!(
            "Response time in ms at each percentile, for {}. Lower is better.",
            words::list(&names)
        ),
        axis: Axis::Share,
        unit: "ms",
        lines: lines.collect(),
        x,
        step: 1,
        choices: Vec::new(),
        marks: Vec::new(),
        measured: None,
    }
}

/// Start and end of the measured period, in seconds from the start of the load.
fn period(measurement: &Measurement) -> (f64, f64) {
    let start = measurement.warm_up.as_secs_f64();
    (start, start + measurement.period.as_secs_f64())
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3)
}

/// `value` with three decimals, more than a screen shows.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
