//! Facts that identify the load of an experiment: files by their content, and the times of the scenario.

use std::time::Duration;

/// Scenario of an experiment as it was when the experiment began.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioFacts {
    /// Name of the scenario file.
    pub file: String,
    /// SHA-256 of the scenario file in hexadecimal, or the reason why there is none.
    pub sha256: String,
    /// Files whose content goes into requests, in the order of the scenario file.
    pub data_files: Vec<DataFileFacts>,
    /// Waits of the users between their requests in words: one for all, or one for each class of users with its name.
    pub wait_times: Vec<String>,
    /// Time limits of the requests, each value once, the shortest first.
    pub request_timeouts: Vec<Duration>,
    /// Time that requests in flight at the end of the measured period have left.
    pub stop_timeout: Duration,
    /// Users that start per second under the plan's users.
    pub spawn_rate: Option<f64>,
}

/// File whose content goes into requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFileFacts {
    /// Name in the scenario file.
    pub name: String,
    /// SHA-256 in hexadecimal, or the reason why there is none.
    pub sha256: String,
    /// Rows of the file; `None` for a file that is a body as a whole.
    pub rows: Option<u64>,
}
