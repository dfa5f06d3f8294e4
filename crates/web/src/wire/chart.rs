//! Points of charts, in columns.

use bakeoff_record::{Mark, Measurement};
use serde::Serialize;

use super::ms;
use crate::points::Point;

/// Points in the order of time. Each list has one value per point.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Columns {
    /// Seconds since the start of the load.
    seconds: Vec<u64>,
    users: Vec<u32>,
    requests_per_second: Vec<f64>,
    failures_per_second: Vec<f64>,
    p50_ms: Vec<Option<f64>>,
    p95_ms: Vec<Option<f64>>,
    p99_ms: Vec<Option<f64>>,
}

/// Event during the load, such as a change of its users.
#[derive(Debug, Serialize)]
pub(crate) struct MarkOut {
    at_seconds: f64,
    what: String,
}

impl FromIterator<Point> for Columns {
    fn from_iter<Points: IntoIterator<Item = Point>>(points: Points) -> Self {
        let mut columns = Self::default();
        for point in points {
            let [p50, p95, p99] = point.quantiles.map(|time| time.map(ms));
            columns.seconds.push(point.since_start.as_secs());
            columns.users.push(point.users);
            columns.requests_per_second.push(point.requests_per_second);
            columns.failures_per_second.push(point.failures_per_second);
            columns.p50_ms.push(p50);
            columns.p95_ms.push(p95);
            columns.p99_ms.push(p99);
        }
        columns
    }
}

impl From<&Mark> for MarkOut {
    fn from(mark: &Mark) -> Self {
        Self {
            at_seconds: mark.at.as_secs_f64(),
            what: mark.what.clone(),
        }
    }
}

/// Names of the series of a chart: method and name of each entry of the requests.
pub(crate) fn names(measurement: &Measurement) -> Vec<String> {
    let requests = measurement.requests.iter();
    requests
        .map(|request| format!("{} {}", request.method, request.name))
        .collect()
}

/// Index of the entry of the requests that `name` means; `None` for all requests.
pub(crate) fn position(measurement: &Measurement, name: &str) -> Option<usize> {
    names(measurement).iter().position(|known| known == name)
}
