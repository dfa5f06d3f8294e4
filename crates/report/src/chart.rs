//! The figures behind the charts.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use super::document::{Axis, Cell, Chart, Choice, Line, Mark, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, RunLoad};
use bakeoff_record::run::{Measurement, RequestStats};
use bakeoff_record::times::Times;

mod history;

use history::{History, Moment, Value};

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
    let step = history::step(runs().map(|run| &run.measurement));
    let histories: Vec<(String, History)> = measured
        .iter()
        .map(|result| {
            let runs = runs().filter(|run| run.contender == result.name());
            (
                result.name().to_owned(),
                History::of_all(step, runs.map(|run| &run.measurement)),
            )
        })
        .collect();
    let seconds = seconds(histories.iter().map(|(_, history)| history));
    let over_time = |id, title: &str, unit, value: Value| {
        let lines = histories.iter().map(|(name, history)| Line {
            name: name.clone(),
            y: history.line(&seconds, value),
        });
        let chart = time_chart((id, title, unit), step, &seconds, lines.collect());
        Chart {
            measured: Some(period(&first.measurement)),
            description: chart.description + " The runs of all blocks are put together.",
            ..chart
        }
    };
    vec![
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

/// The same for one load test, with several quantities in one chart where they share a unit,
/// and a choice of request names.
pub(super) fn of_measurement(measurement: &Measurement) -> Vec<Chart> {
    let step = history::step([measurement]);
    let all = History::of_all(step, [measurement]);
    let by_name: Vec<(String, History)> = (0..)
        .zip(named(measurement))
        .map(|(entry, (name, _))| (name, History::of_entry(step, measurement, entry)))
        .collect();
    let seconds = seconds([&all]);
    let over_time = |id, title: &str, unit, values: &[(&str, Value)]| {
        let y = |history: &History| -> Vec<_> {
            values
                .iter()
                .map(|(_, value)| history.line(&seconds, *value))
                .collect()
        };
        let lines = values.iter().zip(y(&all)).map(|((name, _), y)| Line {
            name: (*name).to_owned(),
            y,
        });
        let choices = by_name.iter().map(|(name, history)| Choice {
            name: name.clone(),
            y: y(history),
        });
        Chart {
            choices: choices.collect(),
            marks: marks(measurement),
            measured: Some(period(measurement)),
            ..time_chart((id, title, unit), step, &seconds, lines.collect())
        }
    };
    let rates: [(&str, Value); 2] = [
        ("requests", Moment::requests),
        ("failures", Moment::failures),
    ];
    let times: [(&str, Value); 3] = [
        ("median", |moment| moment.quantile_ms(0.5)),
        ("95th percentile", |moment| moment.quantile_ms(0.95)),
        ("99th percentile", |moment| moment.quantile_ms(0.99)),
    ];
    let users = over_time(
        "users",
        "Users over time",
        "users",
        &[("users", Moment::users)],
    );
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

/// The curve of the response times, and that of the service times where arrivals were planned.
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

/// Response times by percentile, and service times where they are something else.
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

/// What a reader can choose instead of all requests; nothing where there is one name only.
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

/// The percentiles named on the axis of a percentile curve, by their place on it.
pub(super) const SHARES: [(f64, &str); 5] = [
    (std::f64::consts::LOG10_2, "50 %"),
    (1.0, "90 %"),
    (2.0, "99 %"),
    (3.0, "99.9 %"),
    (4.0, "99.99 %"),
];

/// Every second that a point of one of these begins with.
fn seconds<'a>(histories: impl IntoIterator<Item = &'a History>) -> Vec<u64> {
    let mut seconds: Vec<u64> = histories.into_iter().flat_map(History::seconds).collect();
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
            "{title}, in {unit}, for {}, by seconds since the start of the load.",
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

/// Where each share of the requests stands on the axis of a percentile curve.
fn shares() -> Vec<f64> {
    const STEPS_PER_DECADE: u32 = 20;
    let place = |step| {
        // The step next to the median is put on it.
        if step == 6 {
            std::f64::consts::LOG10_2
        } else {
            f64::from(step) / f64::from(STEPS_PER_DECADE)
        }
    };
    (0..=4 * STEPS_PER_DECADE).map(place).collect()
}

/// The response time in milliseconds that each share of requests does not exceed, as far as the requests tell.
pub(super) fn percentile_points(times: &Times) -> Vec<(f64, f64)> {
    // The last of n requests is at the share 1 − 1/n; nothing is known beyond it.
    let end = (times.count() as f64).log10().min(4.0);
    let point = |x: f64| Some((x, milliseconds(times.quantile(1.0 - 10_f64.powf(-x))?)));
    let known = shares().into_iter().take_while(|x| *x <= end);
    known.filter_map(point).collect()
}

/// The response time that each share of requests does not exceed; a curve ends where its requests no longer tell.
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
            "The response time in ms that each share of the requests does not exceed, for {}; the lower the better.",
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
