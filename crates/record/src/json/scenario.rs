//! What identifies the load of an experiment, at rest.

use serde::{Deserialize, Serialize};

use super::{RecordError, unit};
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

impl From<&ScenarioFacts> for ScenarioRecord {
    fn from(facts: &ScenarioFacts) -> Self {
        Self {
            file: facts.file.clone(),
            sha256: facts.sha256.clone(),
            data_files: facts.data_files.iter().map(Into::into).collect(),
            wait_times: facts.wait_times.clone(),
            request_timeouts_ms: facts
                .request_timeouts
                .iter()
                .copied()
                .map(unit::ms)
                .collect(),
            stop_timeout_ms: unit::ms(facts.stop_timeout),
            spawn_rate_per_second: facts.spawn_rate,
        }
    }
}

impl TryFrom<ScenarioRecord> for ScenarioFacts {
    type Error = RecordError;

    fn try_from(record: ScenarioRecord) -> Result<Self, RecordError> {
        Ok(Self {
            file: record.file,
            sha256: record.sha256,
            data_files: record.data_files.into_iter().map(Into::into).collect(),
            wait_times: record.wait_times,
            request_timeouts: record
                .request_timeouts_ms
                .into_iter()
                .map(|ms| unit::duration("request_timeouts_ms", ms))
                .collect::<Result<_, _>>()?,
            stop_timeout: unit::duration("stop_timeout_ms", record.stop_timeout_ms)?,
            spawn_rate: record.spawn_rate_per_second,
        })
    }
}

same_fields!(DataFileFacts, DataFileRecord { name, sha256, rows });
