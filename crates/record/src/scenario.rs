//! What identifies the load of an experiment: its files by their content, and the times that its scenario sets.

use std::time::Duration;

/// The scenario of an experiment as it was when the experiment began.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioFacts {
    /// The name of the scenario file.
    pub file: String,
    /// The SHA-256 of the scenario file in hexadecimal, or the reason why there is none.
    pub sha256: String,
    /// The files whose content goes into requests, in the order of the scenario file.
    pub data_files: Vec<DataFileFacts>,
    /// The waits of the users between their requests in words: one for all, or one for each class of users with its name.
    pub wait_times: Vec<String>,
    /// The time limits of the requests, each value once, the shortest first.
    pub request_timeouts: Vec<Duration>,
    /// The time that requests in flight at the end of the measured period have left.
    pub stop_timeout: Duration,
    /// Users that start per second under the plan's users.
    pub spawn_rate: Option<f64>,
}

/// A file whose content goes into requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFileFacts {
    /// Its name in the scenario file.
    pub name: String,
    /// Its SHA-256 in hexadecimal, or the reason why there is none.
    pub sha256: String,
    /// Its rows; `None` for a file that is a body as a whole.
    pub rows: Option<u64>,
}
