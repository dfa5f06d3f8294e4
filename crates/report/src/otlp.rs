//! A running load for an OpenTelemetry collector: the body of `POST /v1/metrics` of OTLP over HTTP, as JSON.
//!
//! Counters begin with the measured period. Every message has the sums since then (cumulative temporality).

use bakeoff_record::times::TimeKind;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use bakeoff_record::run::{Measurement, RequestStats};
use bakeoff_record::times::Times;

/// Upper bounds of the histogram's buckets in seconds, from OpenTelemetry's conventions for HTTP.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Cumulative temporality: sums begin at the start of the measured period.
const CUMULATIVE: u8 = 2;

/// Metrics of the load at `now`, with the active users.
pub fn render(measurement: &Measurement, users: u32, version: &str, now: SystemTime) -> String {
    let span = Span {
        start: nanoseconds(measurement.started_at + measurement.warm_up),
        end: nanoseconds(now),
    };
    let requests = &measurement.requests;
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let metrics = [
        span.sum("bakeoff.requests", requests, RequestStats::requests),
        span.sum("bakeoff.failures", requests, RequestStats::failures),
        span.histogram("bakeoff.response_time", requests),
        json!({
            "name": "bakeoff.users",
            "unit": "{user}",
            "gauge": { "dataPoints": [{ "timeUnixNano": span.end, "asInt": users.to_string() }] },
        }),
    ];
    let body = json!({ "resourceMetrics": [{
        "resource": { "attributes": [text("service.name", "bakeoff"), text("service.version", version)] },
        "scopeMetrics": [{ "scope": { "name": "bakeoff", "version": version }, "metrics": metrics }],
    }] });
    body.to_string()
}

/// Start and end of the figures, in nanoseconds since 1970. As texts, because numbers in JSON do not hold 64 bits.
struct Span {
    start: String,
    end: String,
}

impl Span {
    fn sum(&self, name: &str, of: &[RequestStats], count: fn(&RequestStats) -> u64) -> Value {
        let points: Vec<Value> = of
            .iter()
            .map(|stats| self.point(stats, json!({ "asInt": count(stats).to_string() })))
            .collect();
        json!({
            "name": name,
            "unit": "{request}",
            "sum": { "aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": points },
        })
    }

    fn histogram(&self, name: &str, of: &[RequestStats]) -> Value {
        let points: Vec<Value> = of
            .iter()
            .map(|stats| self.point(stats, distribution(&stats.times[TimeKind::Response])))
            .collect();
        json!({
            "name": name,
            "unit": "s",
            "description": "Response times of successful requests",
            "histogram": { "aggregationTemporality": CUMULATIVE, "dataPoints": points },
        })
    }

    fn point(&self, stats: &RequestStats, mut point: Value) -> Value {
        point["attributes"] = json!([
            { "key": "name", "value": { "stringValue": stats.name } },
            { "key": "http.request.method", "value": { "stringValue": stats.method } },
        ]);
        point["startTimeUnixNano"] = json!(self.start);
        point["timeUnixNano"] = json!(self.end);
        point
    }
}

fn distribution(times: &Times) -> Value {
    let mut counts = [0; BOUNDS.len() + 1];
    for (time, count) in times.buckets() {
        let seconds = time.as_secs_f64();
        counts[BOUNDS.partition_point(|bound| *bound < seconds)] += count;
    }
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    let seconds = |time: Option<Duration>| time.map_or(0.0, |time| time.as_secs_f64());
    json!({
        "count": times.count().to_string(),
        "sum": times.sum().as_secs_f64(),
        "min": seconds(times.min()),
        "max": seconds(times.max()),
        "explicitBounds": BOUNDS,
        "bucketCounts": counts,
    })
}

fn nanoseconds(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_message_has_sums_a_histogram_and_the_users() {
        let measurement = fixture::measurement("/<a>", &[4, 20, 20_000], &[30], 1);
        let message = render(&measurement, 7, "0.1.0", measurement.started_at);
        let message: Value = serde_json::from_str(&message).unwrap();
        let metrics = &message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        let requests = &metrics[0]["sum"];
        assert_eq!(
            (
                &requests["isMonotonic"],
                &requests["aggregationTemporality"]
            ),
            (&json!(true), &json!(2))
        );
        assert_eq!(requests["dataPoints"][0]["asInt"], "4");
        assert_eq!(metrics[1]["sum"]["dataPoints"][0]["asInt"], "1");
        let times = &metrics[2]["histogram"]["dataPoints"][0];
        assert_eq!(times["count"], "3");
        let counts = times["bucketCounts"].as_array().unwrap();
        assert_eq!(counts.len(), BOUNDS.len() + 1);
        assert_eq!(
            (&counts[0], &counts[2], &counts[14]),
            (&json!("1"), &json!("1"), &json!("1"))
        );
        assert_eq!(times["attributes"][0]["value"]["stringValue"], "/<a>");
        assert_eq!(metrics[3]["gauge"]["dataPoints"][0]["asInt"], "7");
    }
}
