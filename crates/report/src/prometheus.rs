//! A running load for Prometheus, in the text exposition format, version 0.0.4.
//!
//! Counters begin with the measured period. Only the count of connections includes the warm-up.

use bakeoff_record::times::TimeKind;
use std::fmt::Write;
use std::time::Duration;

use bakeoff_record::run::{Measurement, RequestStats};
use bakeoff_record::times::Times;

/// Content type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the load, with the active users and the state of the load.
pub fn render(measurement: &Measurement, users: u32, state: &str) -> String {
    let mut page = Page::default();
    of_requests(&mut page, measurement);
    page.family("users", "gauge", "Users active now.");
    page.sample("users", &[], users);
    page.family("state", "gauge", "The state of the load, as a label.");
    page.sample("state", &[("state", state)], 1);
    page.family(
        "unfinished_requests",
        "gauge",
        "Requests sent that have no answer yet.",
    );
    page.sample("unfinished_requests", &[], measurement.unfinished);
    if let Some(arrivals) = measurement.arrivals {
        page.family(
            "arrivals_not_sent_total",
            "counter",
            "Arrivals not sent because as many requests as allowed were in flight.",
        );
        page.sample("arrivals_not_sent_total", &[], arrivals.not_sent);
    }
    page.family(
        "connections_opened_total",
        "counter",
        "TCP connections opened.",
    );
    page.sample(
        "connections_opened_total",
        &[],
        measurement.connections_opened,
    );
    page.family(
        "lag_seconds",
        "summary",
        "Lag of the load generator: sent minus planned.",
    );
    page.summary("lag_seconds", &[], &measurement.lag);
    page.0
}

fn of_requests(page: &mut Page, measurement: &Measurement) {
    page.family(
        "requests_total",
        "counter",
        "Finished requests, successful or not.",
    );
    for stats in &measurement.requests {
        page.sample("requests_total", &labels(stats), stats.requests());
    }
    page.family("failures_total", "counter", "Failed requests by cause.");
    for failure in &measurement.failures {
        let labels = [
            ("method", failure.method.as_str()),
            ("name", &failure.name),
            ("cause", &failure.cause),
        ];
        page.sample("failures_total", &labels, failure.occurrences);
    }
    page.family(
        "response_time_seconds",
        "summary",
        "From the planned start to the last byte, of the requests that succeeded.",
    );
    for stats in &measurement.requests {
        page.summary(
            "response_time_seconds",
            &labels(stats),
            &stats.times[TimeKind::Response],
        );
    }
    page.family(
        "service_time_seconds",
        "summary",
        "From the sent request to the last byte, of the requests that succeeded.",
    );
    for stats in &measurement.requests {
        page.summary(
            "service_time_seconds",
            &labels(stats),
            &stats.times[TimeKind::Service],
        );
    }
}

fn labels(stats: &RequestStats) -> [(&str, &str); 2] {
    [("method", &stats.method), ("name", &stats.name)]
}

/// Text of the page. Names of metrics are given without their common prefix.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, metric: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP bakeoff_swarm_{metric} {help}"));
        self.line(format_args!("# TYPE bakeoff_swarm_{metric} {kind}"));
    }

    fn sample(&mut self, metric: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        self.line(format_args!("bakeoff_swarm_{metric}{labels} {value}"));
    }

    /// A summary: p50, p95, p99, sum and count. Without times, quantiles are `NaN`.
    fn summary(&mut self, metric: &str, labels: &[(&str, &str)], times: &Times) {
        for (label, quantile) in [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)] {
            let value = times
                .quantile(quantile)
                .map_or(f64::NAN, |time| time.as_secs_f64());
            let labels = [labels, &[("quantile", label)]].concat();
            self.sample(metric, &labels, value);
        }
        let sum: Duration = times.sum();
        self.sample(&format!("{metric}_sum"), labels, sum.as_secs_f64());
        self.sample(&format!("{metric}_count"), labels, times.count());
    }

    fn line(&mut self, line: std::fmt::Arguments) {
        writeln!(self.0, "{line}").expect("writing to a string cannot fail");
    }
}

/// Value of a label, escaped for the format.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_running_load() {
        let measurement = fixture::load_test(&["/a", "/b"], 16).measurement;
        insta::assert_snapshot!(render(&measurement, 10, "running"));
    }

    #[test]
    fn a_load_of_users_has_no_arrivals() {
        let text = render(&fixture::measurement("/a", &[1], &[], 1), 70, "running");
        assert!(!text.contains("arrivals"), "{text}");
    }

    #[test]
    fn a_label_stays_within_its_quotes() {
        let name = "a\\\"}\n# b";
        let text = render(&fixture::measurement(name, &[], &[], 1), 1, "stopped");
        assert!(
            text.contains("requests_total{method=\"POST\",name=\"a\\\\\\\"}\\n# b\"} 0\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| !line.starts_with("# b")));
    }
}
