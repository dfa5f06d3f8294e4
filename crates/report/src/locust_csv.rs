//! CSV files in the format of Locust's `--csv PREFIX`, with Locust's columns, order and dialect.
//!
//! Differences from Locust:
//! - Times are in milliseconds, exact or to three significant digits; Locust rounds them to two digits.
//! - Times are those of successful requests only, as everywhere in this crate.
//! - Without a success, every time is `N/A`; Locust writes 0 for all times but the percentiles.
//!
//! The statistics are without the warm-up, as with Locust's `--reset-stats`.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use crate::cell::harmless;
use bakeoff_analysis::words;
use bakeoff_record::run::Measurement;
use bakeoff_record::summary::{PERCENTILES, Summary, SummaryRow};
use bakeoff_record::times::Times;

mod history;

pub use history::{History, history_header, history_rows, stats_history};

const NOT_AVAILABLE: &str = "N/A";

/// `PREFIX_stats.csv`: a row for each name and method, then a row over all requests.
pub fn stats(measurement: &Measurement) -> String {
    let summary = Summary::of([measurement]);
    let header = [
        "Type",
        "Name",
        "Request Count",
        "Failure Count",
        "Median Response Time",
        "Average Response Time",
        "Min Response Time",
        "Max Response Time",
        "Average Content Size",
        "Requests/s",
        "Failures/s",
    ];
    let mut rows = vec![header.map(str::to_owned).into()];
    append_percentile_names(&mut rows[0]);
    rows.extend(summary.rows.iter().chain([&summary.total]).map(stats_row));
    written(&rows)
}

/// `PREFIX_failures.csv`: a row for each cause, the most frequent first. Locust has the order of a hash.
pub fn failures(measurement: &Measurement) -> String {
    let header = [
        "Method",
        "Name",
        "Error",
        "Occurrences",
        "First Seen",
        "Last Seen",
    ];
    let moment = |since_start: Duration| words::moment_after(measurement.started_at, since_start);
    let mut rows = vec![header.map(str::to_owned).into()];
    for failure in Summary::of([measurement]).failures {
        rows.push(vec![
            failure.method,
            failure.name,
            failure.cause,
            failure.occurrences.to_string(),
            moment(failure.first_seen),
            moment(failure.last_seen),
        ]);
    }
    written(&rows)
}

/// `PREFIX_exceptions.csv`: the header without rows. A scenario has no code that could raise an exception.
pub fn exceptions() -> String {
    written(&[["Count", "Message", "Traceback", "Nodes"]
        .map(str::to_owned)
        .into()])
}

fn stats_row(row: &SummaryRow) -> Vec<String> {
    let mut fields = vec![
        row.method.clone(),
        row.name.clone(),
        row.requests().to_string(),
        row.failures().to_string(),
    ];
    let mut times = times_in_total(&row.times[TimeKind::Response]);
    times[0] = optional_ms(row.median().map(|median| median.time));
    fields.extend(times);
    fields.extend([
        row.average_body_bytes().unwrap_or(0.0).to_string(),
        rate(row.requests_per_second()),
        rate(row.failures_per_second()),
    ]);
    append_percentiles(&mut fields, &row.percentile_times());
    fields
}

/// Median, average, shortest and longest.
fn times_in_total(times: &Times) -> [String; 4] {
    [times.quantile(0.5), times.mean(), times.min(), times.max()].map(optional_ms)
}

fn append_percentile_names(fields: &mut Vec<String>) {
    fields.extend(PERCENTILES.map(|percentile| format!("{percentile}%")));
}

fn append_percentiles(fields: &mut Vec<String>, times: &Times) {
    fields.extend(PERCENTILES.map(|percentile| optional_ms(times.quantile(percentile / 100.0))));
}

/// A rate with six decimals, as in Locust's history.
fn rate(per_second: Option<f64>) -> String {
    format!("{:.6}", per_second.unwrap_or(0.0))
}

fn optional_ms(time: Option<Duration>) -> String {
    time.map_or_else(
        || NOT_AVAILABLE.to_owned(),
        |time| words::exact_ms(time).to_string(),
    )
}

/// Rows in the dialect of Python's `csv.writer`.
fn written(rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row.iter().map(|text| harmless(text)))
            .expect("writing to a vector cannot fail");
    }
    let bytes = writer
        .into_inner()
        .expect("writing to a vector cannot fail");
    String::from_utf8(bytes).expect("fields of text, set apart by ASCII, are text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    /// `csv` with line ends that a snapshot can show.
    fn visible(csv: &str) -> String {
        assert_eq!(csv.matches('\n').count(), csv.matches("\r\n").count());
        csv.replace("\r\n", "\n")
    }

    #[test]
    fn the_files_of_a_load() {
        let measurement = fixture::load_test(&["/a", "/b"], 16).measurement;
        insta::assert_snapshot!("stats", visible(&stats(&measurement)));
        insta::assert_snapshot!("failures", visible(&failures(&measurement)));
        insta::assert_snapshot!("exceptions", visible(&exceptions()));
        insta::assert_snapshot!(
            "stats_history",
            visible(&stats_history(&measurement, false))
        );
        insta::assert_snapshot!(
            "stats_history_full",
            visible(&stats_history(&measurement, true))
        );
    }

    #[test]
    fn without_a_success_there_are_no_times() {
        let csv = stats(&fixture::measurement("/a", &[], &[7], 1));
        let row = csv.lines().nth(1).unwrap();
        assert_eq!(
            row,
            format!(
                "POST,/a,1,1{},64,1.000000,1.000000{}",
                ",N/A".repeat(4),
                ",N/A".repeat(11)
            )
        );
    }

    #[test]
    fn only_fields_that_need_it_are_quoted() {
        let csv = stats(&fixture::measurement("a,\"b\"", &[1], &[], 1));
        assert!(
            csv.contains("POST,\"a,\"\"b\"\"\",1,0,1,1,1,1,64,"),
            "{csv}"
        );
    }
}
