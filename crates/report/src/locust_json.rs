//! JSON in the format of Locust's `--json`: an array with an object for each name and method.
//!
//! - Response times are those of successful requests only, as everywhere in this crate. Keys are milliseconds to three
//!   significant digits (`"1.234"`); Locust has whole ones to two digits.
//! - A failure counts in `num_none_requests`, as a request without a response time. Averages and percentiles that are computed
//!   in Locust's way are therefore those of successful requests.
//! - `last_request_timestamp` is the end of the second of the last request.
//! - The warm-up is not counted and `start_time` is its end, as with Locust's `--reset-stats`.

use bakeoff_record::times::TimeKind;
use serde::ser::{Serialize, Serializer};

use bakeoff_analysis::words::{self, exact_ms};
use bakeoff_record::run::{Measurement, RequestStats};

/// The array, indented by four spaces as in Locust.
pub fn render(measurement: &Measurement) -> String {
    let entries: Vec<Entry> = (0..)
        .zip(&measurement.requests)
        .map(|(index, stats)| Entry::of(measurement, index, stats))
        .collect();
    indented(&entries)
}

fn indented(entries: &[Entry]) -> String {
    let mut json = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
    entries
        .serialize(&mut serializer)
        .expect("numbers and text are JSON, and writing to a vector cannot fail");
    json.push(b'\n');
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// Locust's keys, in Locust's order.
#[derive(serde::Serialize)]
struct Entry<'a> {
    name: &'a str,
    method: &'a str,
    last_request_timestamp: Option<u64>,
    start_time: f64,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    total_response_time: f64,
    max_response_time: f64,
    min_response_time: Option<f64>,
    total_content_length: u64,
    response_times: Counts,
    num_reqs_per_sec: Counts,
    num_fail_per_sec: Counts,
}

/// An object of counts that keeps the order of its keys.
struct Counts(Vec<(String, u64)>);

impl Entry<'_> {
    fn of<'a>(measurement: &Measurement, index: usize, stats: &'a RequestStats) -> Entry<'a> {
        let times = &stats.times[TimeKind::Response];
        let (mut requests, mut failures) = (Vec::new(), Vec::new());
        let measured = measurement
            .timeline
            .iter()
            .filter(|second| second.since_start >= measurement.warm_up);
        for second in measured {
            let Some(figures) = second.of_entry(index) else {
                continue;
            };
            let epoch = words::epoch_second(measurement.started_at, second.since_start);
            requests.push((epoch, figures.requests));
            failures.push((epoch, figures.failures));
        }
        Entry {
            name: &stats.name,
            method: &stats.method,
            last_request_timestamp: requests
                .iter()
                .rfind(|(_, requests)| *requests > 0)
                .map(|(epoch, _)| epoch + 1),
            start_time: words::epoch_seconds(measurement.started_at, measurement.warm_up),
            num_requests: stats.requests(),
            num_none_requests: stats.failures(),
            num_failures: stats.failures(),
            total_response_time: exact_ms(times.sum()),
            max_response_time: times.max().map_or(0.0, exact_ms),
            min_response_time: times.min().map(exact_ms),
            total_content_length: stats.body_bytes,
            response_times: Counts(
                times
                    .buckets()
                    .map(|(time, count)| (exact_ms(time).to_string(), count))
                    .collect(),
            ),
            num_reqs_per_sec: Counts::by_second(requests),
            num_fail_per_sec: Counts::by_second(failures),
        }
    }
}

impl Counts {
    /// Counts by second. As in Locust, a second with count 0 has no key.
    fn by_second(seconds: Vec<(u64, u64)>) -> Self {
        Self(
            seconds
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(epoch, count)| (epoch.to_string(), count))
                .collect(),
        )
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, count)| (key, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_load() {
        insta::assert_snapshot!(render(&fixture::load_test(&["/a", "/b"], 5).measurement));
    }

    #[test]
    fn what_is_computed_from_it_is_about_successes() {
        let measurement = fixture::measurement("/a", &[10, 30], &[7000], 1);
        let json: serde_json::Value = serde_json::from_str(&render(&measurement)).unwrap();
        let entry = &json[0];
        let timed =
            entry["num_requests"].as_u64().unwrap() - entry["num_none_requests"].as_u64().unwrap();
        assert_eq!(timed, 2);
        assert_eq!(entry["total_response_time"], 40.0);
        let counts = entry["response_times"].as_object().unwrap();
        assert_eq!(
            counts.values().map(|n| n.as_u64().unwrap()).sum::<u64>(),
            timed
        );
    }

    #[test]
    fn a_name_without_requests_has_no_last_one() {
        let mut measurement = fixture::measurement("/a", &[], &[], 1);
        measurement.timeline.clear();
        let json: serde_json::Value = serde_json::from_str(&render(&measurement)).unwrap();
        assert!(json[0]["last_request_timestamp"].is_null());
        assert!(json[0]["min_response_time"].is_null());
    }
}
