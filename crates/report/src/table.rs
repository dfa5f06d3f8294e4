//! Locust's tables. Tables about an experiment are in the modules below.

use super::current::{Current, Rates};
use super::document::{Cell, Table};
use bakeoff_analysis::words;
use bakeoff_record::summary::{PERCENTILES, Summary, SummaryRow};
use bakeoff_record::times::TimeKind;

pub(super) mod manifest;
pub(super) mod side_by_side;
pub(super) mod validity;

/// Short name of a percentile, given as a quantile from 0 to 1: `p50`, `p99.9`.
pub(super) fn percentile_name(quantile: f64) -> String {
    // Four decimals, so that 0.999 is not p99.90000000000001.
    format!("p{}", (quantile * 1e6).round() / 1e4)
}

/// Locust's statistics table, times in milliseconds.
pub(super) fn statistics(summary: &Summary) -> Table {
    let header = [
        "Type",
        "Name",
        "# reqs",
        "# fails",
        "Median",
        "Average",
        "Min",
        "Max",
        "req/s",
        "failures/s",
        "Avg size (bytes)",
    ];
    let row = |row: &SummaryRow| {
        let times = &row.times[TimeKind::Response];
        let [method, name, requests, failures] = leading_cells(row);
        vec![
            method,
            name,
            requests,
            failures,
            Cell::optional(row.median().map(words::percentile_ms)),
            Cell::optional(times.mean().map(words::ms)),
            Cell::optional(times.min().map(words::ms)),
            Cell::optional(times.max().map(words::ms)),
            Cell::optional(row.requests_per_second().map(words::figure)),
            Cell::optional(row.failures_per_second().map(words::figure)),
            Cell::optional(row.average_body_bytes().map(words::figure)),
        ]
    };
    Table {
        caption: format!("Request statistics: {}", times_of(summary)),
        header: header.map(str::to_owned).into(),
        rows: rows(summary, row),
    }
}

/// First cells of a row: method, name, requests and failures.
fn leading_cells(row: &SummaryRow) -> [Cell; 4] {
    [
        Cell::words(&row.method),
        Cell::words(&row.name),
        Cell::figure(words::count(row.requests())),
        Cell::figure(failures_with_share(row)),
    ]
}

/// Figures for a short summary, times in milliseconds.
pub(super) fn in_short(summary: &Summary) -> Table {
    let header = [
        "Type",
        "Name",
        "# reqs",
        "# fails",
        "req/s",
        "failures/s",
        "p50",
        "p95",
        "p99",
        "Max",
    ];
    let row = |row: &SummaryRow| {
        let times = &row.times[TimeKind::Response];
        let [method, name, requests, failures] = leading_cells(row);
        vec![
            method,
            name,
            requests,
            failures,
            Cell::optional(row.requests_per_second().map(words::figure)),
            Cell::optional(row.failures_per_second().map(words::figure)),
            Cell::optional(row.median().map(words::percentile_ms)),
            Cell::optional(row.percentile(0.95).map(words::percentile_ms)),
            Cell::optional(row.percentile(0.99).map(words::percentile_ms)),
            Cell::optional(times.max().map(words::ms)),
        ]
    };
    Table {
        caption: format!("Requests: {}", times_of(summary)),
        header: header.map(str::to_owned).into(),
        rows: rows(summary, row),
    }
}

/// A row for each name, and one for all requests.
fn rows(summary: &Summary, row: impl Fn(&SummaryRow) -> Vec<Cell>) -> Vec<Vec<Cell>> {
    summary
        .rows
        .iter()
        .chain([&summary.total])
        .map(row)
        .collect()
}

fn failures_with_share(row: &SummaryRow) -> String {
    format!(
        "{} ({})",
        words::count(row.failures()),
        words::percent(row.fail_ratio())
    )
}

/// Locust's table of a running load: response times so far in milliseconds, and current rates.
pub(super) fn live(summary: &Summary, current: &Current) -> Table {
    let header = [
        "Type",
        "Name",
        "# reqs",
        "# fails",
        "Avg",
        "Min",
        "Max",
        "Med",
        "req/s",
        "failures/s",
    ];
    let rates = current.by_name.iter().chain([&current.total]);
    let rows = summary.rows.iter().chain([&summary.total]).zip(rates);
    let row = |(row, rates): (&SummaryRow, &Rates)| {
        let times = &row.times[TimeKind::Response];
        vec![
            Cell::words(&row.method),
            Cell::words(&row.name),
            Cell::figure(words::count(row.requests())),
            Cell::figure(failures_with_share(row)),
            Cell::optional(times.mean().map(words::ms)),
            Cell::optional(times.min().map(words::ms)),
            Cell::optional(times.max().map(words::ms)),
            Cell::optional(row.median().map(words::percentile_ms)),
            Cell::figure(words::figure(rates.requests)),
            Cell::figure(words::figure(rates.failures)),
        ]
    };
    Table {
        caption: String::new(),
        header: header.map(str::to_owned).into(),
        rows: rows.map(row).collect(),
    }
}

/// Locust's table of percentiles, in milliseconds. With planned arrivals, a second table has the service times; the rest of a
/// response time is the wait before the request was sent.
pub(super) fn percentiles(summary: &Summary) -> Vec<Table> {
    let response = |row: &SummaryRow, quantile| row.percentile(quantile).map(words::percentile_ms);
    let service = |row: &SummaryRow, quantile| {
        row.times[TimeKind::Service]
            .quantile(quantile)
            .map(words::ms)
    };
    if summary.arrivals.is_none() {
        let caption = format!("Percentiles: {}", times_of(summary));
        return vec![percentiles_of(summary, &caption, response)];
    }
    let planned = format!(
        "Percentiles: {}; response times begin at the planned arrival",
        times_of(summary)
    );
    let sent = "Percentiles: service times of successful requests in ms; service times begin when the request is sent";
    vec![
        percentiles_of(summary, &planned, response),
        percentiles_of(summary, sent, service),
    ]
}

/// Kind of the response times, for a caption.
fn times_of(summary: &Summary) -> &'static str {
    if summary.total.times[TimeKind::Unanswered].count() == 0 {
        "response times of successful requests in ms"
    } else {
        "response times of successful requests in ms; in percentiles, a request without an answer counts with the time that it \
         had waited"
    }
}

fn percentiles_of(
    summary: &Summary,
    caption: &str,
    time: impl Fn(&SummaryRow, f64) -> Option<String>,
) -> Table {
    let mut header = vec!["Type".to_owned(), "Name".to_owned()];
    header.extend(PERCENTILES.map(words::percentile));
    header.push("# reqs".to_owned());
    let row = |row: &SummaryRow| {
        let mut cells = vec![Cell::words(&row.method), Cell::words(&row.name)];
        cells.extend(PERCENTILES.map(|percentile| Cell::optional(time(row, percentile / 100.0))));
        cells.push(Cell::figure(words::count(
            row.times[TimeKind::Response].count(),
        )));
        cells
    };
    Table {
        caption: caption.to_owned(),
        header,
        rows: rows(summary, row),
    }
}

/// Locust's error report; `None` without failures.
pub(super) fn failures(summary: &Summary) -> Option<Table> {
    let header = [
        "Type",
        "Name",
        "Error",
        "# occurrences",
        "First seen (s)",
        "Last seen (s)",
    ];
    let rows = summary.failures.iter().map(|failure| {
        vec![
            Cell::words(&failure.method),
            Cell::words(&failure.name),
            Cell::words(&failure.cause),
            Cell::figure(words::count(failure.occurrences)),
            Cell::figure(words::figure(failure.first_seen.as_secs_f64())),
            Cell::figure(words::figure(failure.last_seen.as_secs_f64())),
        ]
    });
    (!summary.failures.is_empty()).then(|| Table {
        caption: format!("Error report{}", failed_times(summary)),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
    })
}

fn failed_times(summary: &Summary) -> String {
    let times = &summary.total.times[TimeKind::Failure];
    match (times.quantile(0.5), times.max()) {
        (Some(median), Some(max)) => format!(
            "; response times of failed requests: p50 {} ms, maximum {} ms",
            words::ms(median),
            words::ms(max)
        ),
        // No failed request has an answer.
        _ => String::new(),
    }
}
