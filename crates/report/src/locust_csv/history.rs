//! `PREFIX_stats_history.csv`: the course of a load, a row for each second.

use std::collections::VecDeque;
use std::time::Duration;

use super::{
    NOT_AVAILABLE, append_percentile_names, append_percentiles, rate, times_in_total, written,
};
use bakeoff_analysis::words;
use bakeoff_record::run::{Measurement, Second, SecondFigures};
use bakeoff_record::summary::AGGREGATED;
use bakeoff_record::times::Times;

/// Length of the window of current figures, in time on the clock.
const WINDOW: Duration = Duration::from_secs(10);

/// The whole file: a row over all requests for each second, and before it, if `full`, a row for each name.
///
/// A row describes the load up to its time, the end of a second. Differences from Locust:
/// - Rates are those of the last ten seconds on the clock. Locust's window ends two seconds before the last answer, so its
///   rates do not fall when the server stops.
/// - Percentiles are those of the same ten seconds, `full` or not. Locust has these in its full history only. Under the same
///   header it otherwise has those of the whole test so far, in which a slow minute of a long test does not show.
/// - Totals begin at zero when the warm-up ends, as Locust's do with `--reset-stats`.
/// - The average content size is `N/A`: the record has no sizes by second.
pub fn stats_history(measurement: &Measurement, full: bool) -> String {
    history_header() + &history_rows(measurement, 0, full)
}

/// First line of the file.
pub fn history_header() -> String {
    let mut header: Vec<String> = [
        "Timestamp",
        "User Count",
        "Type",
        "Name",
        "Requests/s",
        "Failures/s",
    ]
    .map(str::to_owned)
    .into();
    append_percentile_names(&mut header);
    header.extend(
        [
            "Request Count",
            "Failure Count",
            "Median Response Time",
            "Average Response Time",
            "Min Response Time",
            "Max Response Time",
            "Average Content Size",
        ]
        .map(|name| format!("Total {name}")),
    );
    written(&[header])
}

/// Rows of the timeline's seconds from `from_second` on.
///
/// Every call reads the earlier seconds again. To add to a file every second, keep a [`History`].
pub fn history_rows(measurement: &Measurement, from_second: usize, full: bool) -> String {
    let mut history = History::new(full);
    history.read(measurement, from_second);
    written(&history.read(measurement, usize::MAX))
}

/// Rows of a running load, part by part.
///
/// ```
/// # fn appended(measurement: &bakeoff_record::Measurement) -> String {
/// use bakeoff_report::locust_csv::{History, history_header};
///
/// let mut history = History::new(false);
/// let mut file = history_header();
/// // Once a second:
/// file += &history.new_rows(measurement);
/// # file
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct History {
    full: bool,
    /// Seconds of the timeline that were read.
    read: usize,
    /// Figures of the seconds in the window; for each second, those of all requests, then those of each entry.
    window: VecDeque<(Duration, Vec<Tally>)>,
    totals: Vec<Tally>,
    warming_up: bool,
}

/// Requests that completed in some time.
#[derive(Debug, Clone, Default)]
struct Tally {
    requests: u64,
    failures: u64,
    response_times: Times,
}

impl History {
    /// A history without any second, with a row for each name if `full`.
    pub fn new(full: bool) -> Self {
        Self {
            full,
            read: 0,
            window: VecDeque::new(),
            totals: Vec::new(),
            warming_up: false,
        }
    }

    /// Rows of the seconds that were added to the timeline since the last call.
    pub fn new_rows(&mut self, measurement: &Measurement) -> String {
        written(&self.read(measurement, usize::MAX))
    }

    /// Reads the timeline up to second `end`.
    fn read(&mut self, measurement: &Measurement, end: usize) -> Vec<Vec<String>> {
        let end = end.min(measurement.timeline.len());
        let mut rows = Vec::new();
        while self.read < end {
            let second = &measurement.timeline[self.read];
            self.add(measurement, second);
            rows.extend(self.rows(measurement, second));
            self.read += 1;
        }
        rows
    }

    fn add(&mut self, measurement: &Measurement, second: &Second) {
        let names = if self.full {
            measurement.requests.len()
        } else {
            0
        };
        let by_name =
            (0..names).map(|entry| second.of_entry(entry).map(Tally::of).unwrap_or_default());
        let tallies: Vec<Tally> = [Tally::of(second.of_all())]
            .into_iter()
            .chain(by_name)
            .collect();
        let warming_up = second.since_start < measurement.warm_up;
        if self.warming_up && !warming_up {
            self.totals.clear();
        }
        self.warming_up = warming_up;
        self.totals.resize_with(tallies.len(), Tally::default);
        for (total, tally) in self.totals.iter_mut().zip(&tallies) {
            total.add(tally);
        }
        self.window.push_back((second.since_start, tallies));
        while let Some((start, _)) = self.window.front()
            && start.saturating_add(WINDOW) <= second.since_start
        {
            self.window.pop_front();
        }
    }

    /// Rows of the second that was added last.
    fn rows(&self, measurement: &Measurement, second: &Second) -> Vec<Vec<String>> {
        let end = second.since_start.saturating_add(Duration::from_secs(1));
        let moment = [
            words::epoch_second(measurement.started_at, end).to_string(),
            second.users.to_string(),
        ];
        let seconds = end.min(WINDOW).as_secs_f64();
        let row = |index: usize, method: &str, name: &str| {
            let mut fields = moment.to_vec();
            fields.extend([method.to_owned(), name.to_owned()]);
            fields.extend(self.figures(index, seconds));
            fields
        };
        let by_name = (1..self.totals.len()).zip(&measurement.requests);
        by_name
            .map(|(index, stats)| row(index, &stats.method, &stats.name))
            .chain([row(0, "", AGGREGATED)])
            .collect()
    }

    /// Fields of all requests (`index` 0) or of one entry: figures of the window of `seconds` seconds, then totals.
    fn figures(&self, index: usize, seconds: f64) -> Vec<String> {
        let mut current = Tally::default();
        for tally in self
            .window
            .iter()
            .filter_map(|(_, tallies)| tallies.get(index))
        {
            current.add(tally);
        }
        let mut fields = vec![
            rate(Some(current.requests as f64 / seconds)),
            rate(Some(current.failures as f64 / seconds)),
        ];
        append_percentiles(&mut fields, &current.response_times);
        let total = &self.totals[index];
        fields.extend([total.requests.to_string(), total.failures.to_string()]);
        fields.extend(times_in_total(&total.response_times));
        fields.push(NOT_AVAILABLE.to_owned());
        fields
    }
}

impl Tally {
    fn of(second: SecondFigures) -> Self {
        Self {
            requests: second.requests,
            failures: second.failures,
            response_times: second.response_times.decode().unwrap_or_default(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failures = self.failures.saturating_add(other.failures);
        self.response_times.merge(&other.response_times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    fn column(csv: &str, name: &str) -> Vec<String> {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let index = reader
            .headers()
            .unwrap()
            .iter()
            .position(|header| header == name);
        reader
            .records()
            .map(|record| record.unwrap()[index.unwrap()].to_owned())
            .collect()
    }

    #[test]
    fn rates_fall_to_zero_when_the_server_stalls() {
        let mut measurement = fixture::load_test(&["/a"], 12).measurement;
        for second in 12..24 {
            measurement.timeline.push(Second {
                since_start: Duration::from_secs(second),
                users: 5,
                requests: 0,
                failures: 0,
                response_times: Times::new().encode(),
                by_name: Vec::new(),
            });
        }
        let csv = stats_history(&measurement, false);
        let rates = column(&csv, "Requests/s");
        assert_eq!(
            (rates[0].as_str(), rates[11].as_str()),
            ("10.000000", "16.000000")
        );
        assert_eq!(
            (rates[20].as_str(), rates[23].as_str()),
            ("2.000000", "0.000000")
        );
        assert_eq!(column(&csv, "50%")[23], "N/A");
        assert_ne!(column(&csv, "Total Median Response Time")[23], "N/A");
    }

    #[test]
    fn rows_written_one_by_one_are_those_written_at_once() {
        let whole = fixture::load_test(&["/a", "/b"], 20).measurement;
        for full in [false, true] {
            let mut history = History::new(full);
            let mut growing = Measurement {
                timeline: Vec::new(),
                ..whole.clone()
            };
            let mut file = history_header();
            for second in &whole.timeline {
                growing.timeline.push(second.clone());
                let rows = history.new_rows(&growing);
                let from = growing.timeline.len() - 1;
                assert_eq!(rows, history_rows(&growing, from, full));
                file += &rows;
            }
            assert_eq!(file, stats_history(&whole, full));
        }
    }

    #[test]
    fn totals_end_as_the_statistics_do() {
        let measurement = fixture::load_test(&["/a"], 20).measurement;
        let stats = super::super::stats(&measurement);
        let history = stats_history(&measurement, true);
        for (total, whole) in [
            ("Total Request Count", "Request Count"),
            ("Total Median Response Time", "Median Response Time"),
            ("Total Max Response Time", "Max Response Time"),
        ] {
            assert_eq!(column(&history, total).last(), column(&stats, whole).last());
        }
    }

    #[test]
    fn a_single_name_has_a_row_of_its_own() {
        let measurement = fixture::load_test(&["/a"], 3).measurement;
        let csv = stats_history(&measurement, true);
        assert_eq!(column(&csv, "Name"), ["/a", AGGREGATED].repeat(3));
        assert_eq!(column(&csv, "Timestamp")[0], "1750000001");
    }
}
