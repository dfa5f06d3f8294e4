//! Runs of the history side by side, with the limits of such a comparison.

use bakeoff_record::times::TimeKind;
use std::time::{Duration, SystemTime};

use super::super::document::{Cell, Piece, Table};
use super::super::table::percentile_name;
use super::super::terminal::Terminal;
use super::super::{html, machine, markdown};
use bakeoff_analysis::precision::{Precision, QUANTILES};
use bakeoff_analysis::words;
use bakeoff_record::coarse::Timed;
use bakeoff_record::stored::{Detail, StoredRun};
use bakeoff_record::summary::{PERCENTILES, Summary, SummaryRow};

/// Smallest ratio that is shown as a ratio, since a difference in percent would be hard to read.
const MUCH_RATIO: f64 = 10.0;

/// Figures of several runs over all requests, with the difference and the ratio of each run to the first.
pub fn compare(runs: &[(StoredRun, Detail)], terminal: Terminal) -> String {
    terminal.document(&title(runs), &pieces(runs))
}

/// The comparison as one HTML page.
pub fn compare_html(runs: &[(StoredRun, Detail)]) -> String {
    let line = "Stored runs side by side, without a verdict";
    html::page(&title(runs), line, &pieces(runs))
}

/// The comparison as Markdown.
pub fn compare_markdown(runs: &[(StoredRun, Detail)]) -> String {
    markdown::document(&title(runs), &pieces(runs))
}

/// Limits of a comparison of these runs, and their differences, a sentence each.
pub fn caveats(runs: &[(StoredRun, Detail)]) -> Vec<String> {
    let sides: Vec<Side<'_>> = runs.iter().map(Side::of).collect();
    let mut sentences = unknowable(&sides);
    sentences.extend(differences(&sides));
    sentences
}

fn title(runs: &[(StoredRun, Detail)]) -> String {
    let numbers: Vec<String> = runs.iter().map(|(run, _)| run.id.to_string()).collect();
    format!("Runs {} side by side", words::list(&numbers))
}

fn pieces(runs: &[(StoredRun, Detail)]) -> Vec<Piece> {
    let sides: Vec<Side<'_>> = runs.iter().map(Side::of).collect();
    let heading = |text: &str| Piece::Heading(2, text.to_owned());
    let mut pieces = vec![
        heading("Side by side"),
        Piece::Table(side_by_side(&sides)),
        Piece::Table(ratios(&sides)),
    ];
    pieces.extend(intervals(&sides).map(Piece::Table));
    pieces.push(heading("Limits of this comparison"));
    pieces.push(Piece::List(unknowable(&sides)));
    let differences = differences(&sides);
    if !differences.is_empty() {
        pieces.push(heading("Differences between the runs"));
        pieces.push(Piece::List(differences));
    }
    pieces
}

/// One run with its compared figures.
struct Side<'a> {
    run: &'a StoredRun,
    detail: &'a Detail,
    /// Figures of a run by Bakeoff, with the intervals of its percentiles; `None` for a coarse run.
    ours: Option<(SummaryRow, Precision)>,
}

impl<'a> Side<'a> {
    fn of((run, detail): &'a (StoredRun, Detail)) -> Self {
        let ours = match detail {
            Detail::Full(test) => {
                let total = Summary::of([&test.measurement]).total;
                let precision =
                    Precision::of(&[&test.measurement], &total.times[TimeKind::Response]);
                Some((total, precision))
            }
            Detail::Coarse(_) => None,
        };
        Self { run, detail, ours }
    }

    fn percentile(&self, percentile: f64) -> Option<Duration> {
        match (&self.ours, self.detail) {
            (Some((total, _)), _) => Some(total.percentile(percentile / 100.0)?.time),
            (None, Detail::Coarse(run)) => run.total.times.percentile(percentile),
            (None, Detail::Full(_)) => None,
        }
    }

    fn fail_percent(&self) -> Option<f64> {
        let ratio = match (&self.ours, self.detail) {
            (Some((total, _)), _) => Some(total.fail_ratio()),
            (None, Detail::Coarse(run)) => run.total.fail_ratio(),
            (None, Detail::Full(_)) => None,
        };
        ratio.map(|ratio| ratio * 100.0)
    }
}

/// Figures with a ratio between runs, by name: one value for each run, `None` if it is not known.
fn figures(sides: &[Side<'_>]) -> Vec<(String, Vec<Option<f64>>)> {
    let rate = sides
        .iter()
        .map(|side| side.run.figures.requests_per_second);
    let mut figures = vec![("req/s".to_owned(), rate.collect())];
    for percentile in PERCENTILES {
        let times = sides.iter().map(|side| side.percentile(percentile));
        let times: Vec<Option<f64>> = times.map(|time| time.map(words::exact_ms)).collect();
        if times.iter().any(Option::is_some) {
            figures.push((percentile_title(percentile), times));
        }
    }
    figures
}

/// Name of a percentile's row: `p95 (ms)`, or `max (ms)` for 100.
fn percentile_title(percentile: f64) -> String {
    if percentile >= 100.0 {
        return "max (ms)".to_owned();
    }
    format!("{} (ms)", percentile_name(percentile / 100.0))
}

fn side_by_side(sides: &[Side<'_>]) -> Table {
    let texts = |title: &str, value: &dyn Fn(&StoredRun) -> Option<String>| {
        let values = sides.iter().map(|side| Cell::optional(value(side.run)));
        [Cell::words(title)].into_iter().chain(values).collect()
    };
    let mut rows: Vec<Vec<Cell>> = vec![
        texts("Started", &|run| run.started_at.map(words::moment)),
        texts("Host", &|run| {
            (!run.host.is_empty()).then(|| run.host.clone())
        }),
        texts("Users", &|run| {
            run.figures.users.map(|users| words::count(users.into()))
        }),
        texts("# reqs", &|run| Some(words::count(run.figures.requests))),
    ];
    let mut figures = figures(sides).into_iter();
    rows.extend(
        figures
            .next()
            .map(|(title, rate)| with_differences(&title, &rate)),
    );
    let failures: Vec<Option<f64>> = sides.iter().map(Side::fail_percent).collect();
    rows.push(with_differences("failures, %", &failures));
    rows.extend(figures.map(|(title, times)| with_differences(&title, &times)));
    let first = sides.first().map_or_else(String::new, |side| {
        format!("; differences in brackets are to run {}", side.run.id)
    });
    let titles = sides.iter().map(|side| {
        let coarse = if side.run.source.is_some() {
            ", coarse"
        } else {
            ""
        };
        format!("{} {}{coarse}", side.run.id, side.run.name)
    });
    Table {
        caption: format!(
            "Response times of successful requests, unless stated otherwise below{first}"
        ),
        header: ["Figure".to_owned()].into_iter().chain(titles).collect(),
        rows,
    }
}

/// Figures of a row. Figures after the first have their difference to the first in brackets.
fn with_differences(title: &str, values: &[Option<f64>]) -> Vec<Cell> {
    let first = values.first().copied().flatten();
    let cells = values.iter().enumerate().map(|(index, value)| {
        let text = value.map(|value| match first {
            Some(first) if index > 0 && first > 0.0 => {
                format!("{} ({})", words::figure(value), change(value / first))
            }
            _ => words::figure(value),
        });
        Cell::optional(text)
    });
    [Cell::words(title)].into_iter().chain(cells).collect()
}

/// A ratio as a change in percent, or, from 10 on, as a ratio.
fn change(ratio: f64) -> String {
    if ratio >= MUCH_RATIO {
        format!("{} times", words::figure(ratio))
    } else {
        format!("{:+.1} %", (ratio - 1.0) * 100.0)
    }
}

fn ratios(sides: &[Side<'_>]) -> Table {
    let (first, others) = sides
        .split_first()
        .map_or((None, sides), |(first, others)| (Some(first), others));
    let first = first.map_or_else(String::new, |side| side.run.id.to_string());
    let titles = others
        .iter()
        .map(|side| format!("run {} / run {first}", side.run.id));
    let rows = figures(sides).into_iter().map(|(title, values)| {
        let first = values
            .first()
            .copied()
            .flatten()
            .filter(|first| *first > 0.0);
        let ratios = values.iter().skip(1).map(|value| {
            let ratio = value.zip(first).map(|(value, first)| value / first);
            Cell::optional(ratio.map(|ratio| format!("{ratio:.3}")))
        });
        [Cell::words(title)].into_iter().chain(ratios).collect()
    });
    Table {
        caption: format!(
            "Ratios to run {first}, without intervals: an interval needs several runs of each"
        ),
        header: ["Figure".to_owned()].into_iter().chain(titles).collect(),
        rows: rows.collect(),
    }
}

/// Confidence intervals of the percentiles within each run; `None` if all runs are coarse.
fn intervals(sides: &[Side<'_>]) -> Option<Table> {
    sides.iter().find(|side| side.ours.is_some())?;
    let rows = QUANTILES.into_iter().enumerate().map(|(index, quantile)| {
        let cells = sides.iter().map(|side| {
            let precision = side.ours.as_ref().map(|(_, precision)| precision);
            let interval = precision.and_then(|precision| precision.intervals[index]);
            let text =
                interval.map(|(low, high)| format!("{} to {}", words::ms(low), words::ms(high)));
            Cell::optional(text)
        });
        let title = percentile_title(quantile * 100.0);
        [Cell::words(title)].into_iter().chain(cells).collect()
    });
    let titles = sides
        .iter()
        .map(|side| format!("{} {}", side.run.id, side.run.name));
    Some(Table {
        caption: "95 % confidence intervals of the percentiles within each run; a repeated run may differ by more"
            .to_owned(),
        header: ["Figure".to_owned()].into_iter().chain(titles).collect(),
        rows: rows.collect(),
    })
}

fn unknowable(sides: &[Side<'_>]) -> Vec<String> {
    let mut points = vec![
        apart(sides),
        "There is only one run of each, so the difference between repeated runs is not known. Ratios have no interval, and there \
         is no verdict. `bakeoff compare` repeats the runs in interleaved blocks and gives both."
            .to_owned(),
    ];
    for side in sides {
        if let Some(source) = side.run.source {
            points.push(format!("Run {} is {}.", side.run.id, source.caveat()));
        }
    }
    let with_failures = numbers(
        sides,
        |side| matches!(side.detail, Detail::Coarse(run) if run.timed == Timed::AllRequests),
    );
    if let Some(runs) = with_failures {
        points.push(format!(
            "The response times of {runs} are those of all requests, failed ones included."
        ));
    }
    if sides
        .iter()
        .any(|side| side.run.source != sides[0].run.source)
    {
        points.push(
            "Different programs measured these runs, and each defines the response time in its own way: with or without the wait \
             for a connection, and with or without the delay of requests that it sent too late."
                .to_owned(),
        );
    }
    points
}

/// Sentence that the runs were not interleaved, with the time between their starts.
fn apart(sides: &[Side<'_>]) -> String {
    let known: Vec<SystemTime> = sides
        .iter()
        .filter_map(|side| side.run.started_at)
        .collect();
    let first = known.iter().min();
    let span = first
        .zip(known.iter().max())
        .and_then(|(first, last)| last.duration_since(*first).ok());
    let span = span
        .filter(|_| known.len() > 1)
        .map_or_else(String::new, |span| {
            format!(" (all started within {})", long(span))
        });
    let undated = numbers(sides, |side| side.run.started_at.is_none())
        .map_or_else(String::new, |runs| {
            format!(" The start of {runs} is not known.")
        });
    format!(
        "The runs were not interleaved: each has its own time{span}. Any change of the machines or the network between the runs \
         is part of every difference.{undated}"
    )
}

fn long(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(size, _)| seconds >= 2 * size);
    let (size, name) = unit.unwrap_or((1, "second"));
    let whole = seconds.div_ceil(size);
    words::several(usize::try_from(whole).unwrap_or(usize::MAX), name)
}

/// Facts that differ between the runs or are not known of all runs, a line each.
fn differences(sides: &[Side<'_>]) -> Vec<String> {
    type Fact = (&'static str, fn(&Side<'_>) -> Option<String>);
    let facts: [Fact; 8] = [
        ("Scenario", |side| {
            side.run.source.is_none().then(|| side.run.name.clone())
        }),
        ("Requests", request_names),
        ("Host", |side| {
            (!side.run.host.is_empty()).then(|| side.run.host.clone())
        }),
        ("Users", |side| {
            side.run
                .figures
                .users
                .map(|users| words::count(users.into()))
        }),
        ("Load", |side| {
            side.run.source.is_none().then(|| side.run.config.clone())
        }),
        ("Measured for", |side| {
            // A few milliseconds beyond the run time are no difference.
            let seconds = side.run.figures.period?.as_secs_f64().round();
            Some(format!("{seconds} s"))
        }),
        ("Machine of the load", |side| match side.detail {
            Detail::Full(test) => Some(machine::sentence_part(&test.machine)),
            Detail::Coarse(_) => None,
        }),
        ("Measured by", |side| match side.detail {
            Detail::Full(test) => Some(format!("Bakeoff {}", test.bakeoff_version)),
            Detail::Coarse(run) => Some(format!("another program ({})", run.source.title())),
        }),
    ];
    let lines = facts
        .into_iter()
        .map(|(name, fact)| difference(sides, name, fact));
    lines.flatten().collect()
}

fn difference(
    sides: &[Side<'_>],
    name: &str,
    fact: fn(&Side<'_>) -> Option<String>,
) -> Option<String> {
    let values: Vec<Option<String>> = sides.iter().map(fact).collect();
    let mut distinct: Vec<&Option<String>> = Vec::new();
    for value in &values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    if let [Some(_)] = distinct.as_slice() {
        return None;
    }
    let groups = distinct.into_iter().map(|value| {
        let of = values
            .iter()
            .zip(sides)
            .filter(|(other, _)| *other == value);
        let runs = named(&of.map(|(_, side)| side).collect::<Vec<_>>());
        match value {
            Some(value) => format!("{value} in {runs}"),
            None => format!("not known for {runs}"),
        }
    });
    Some(format!(
        "{name}: {}.",
        groups.collect::<Vec<_>>().join("; ")
    ))
}

fn request_names(side: &Side<'_>) -> Option<String> {
    const MOST: usize = 6;
    let names: Vec<String> = match side.detail {
        Detail::Full(test) => {
            let requests = test.measurement.requests.iter();
            requests
                .map(|stats| format!("{} {}", stats.method, stats.name))
                .collect()
        }
        Detail::Coarse(run) => {
            let rows = run.rows.iter();
            rows.map(|row| format!("{} {}", row.method, row.name).trim().to_owned())
                .collect()
        }
    };
    match names.len() {
        0 => None,
        many if many > MOST => Some(format!(
            "{} and {} more",
            names[..MOST].join(", "),
            many - MOST
        )),
        _ => Some(words::list(&names)),
    }
}

/// Runs for which `holds` is true, such as `run 3` or `runs 1 and 2`; `None` without such runs.
fn numbers(sides: &[Side<'_>], holds: impl Fn(&Side<'_>) -> bool) -> Option<String> {
    let runs: Vec<&Side<'_>> = sides.iter().filter(|side| holds(side)).collect();
    (!runs.is_empty()).then(|| named(&runs))
}

fn named(runs: &[&Side<'_>]) -> String {
    let numbers: Vec<String> = runs.iter().map(|side| side.run.id.to_string()).collect();
    let plural = if runs.len() > 1 { "s" } else { "" };
    format!("run{plural} {}", words::list(&numbers))
}

#[cfg(test)]
mod tests;
