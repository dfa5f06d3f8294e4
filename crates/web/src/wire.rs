//! JSON of the HTTP API. Keys that Locust has are Locust's, so that scripts for Locust can read it.

mod chart;
mod history;
mod stats;

pub(crate) use chart::{Columns, MarkOut, names, position};
pub(crate) use history::{Changes, RunDetail, RunOut};
pub(crate) use stats::{Stats, state_name};

use std::time::{Duration, SystemTime};

use serde::Serialize;

/// Answer to `POST /swarm` and `POST /stop`.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// Run time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_time: Option<u64>,
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
