//! Facts that identify the load of an experiment, at rest.

use serde::{Deserialize, Serialize};

use super::at_rest::at_rest;
use crate::scenario::{DataFileFacts, ScenarioFacts};

/// [`ScenarioFacts`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `ScenarioFacts` and their documentation is there"
)]
pub struct ScenarioRecord {
    pub file: String,
    pub sha256: String,
    pub data_files: Vec<DataFileRecord>,
    pub wait_times: Vec<String>,
    pub request_timeouts_ms: Vec<f64>,
    pub stop_timeout_ms: f64,
    pub spawn_rate_per_second: Option<f64>,
}

/// [`DataFileFacts`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `DataFileFacts` and their documentation is there"
)]
pub struct DataFileRecord {
    pub name: String,
    pub sha256: String,
    pub rows: Option<u64>,
}

at_rest!(
    ScenarioFacts,
    ScenarioRecord { file, sha256, data_files, wait_times }
    {
        request_timeouts => request_timeouts_ms,
        stop_timeout => stop_timeout_ms,
        spawn_rate => spawn_rate_per_second,
    }
);
at_rest!(DataFileFacts, DataFileRecord { name, sha256, rows });
