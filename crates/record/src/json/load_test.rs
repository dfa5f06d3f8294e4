//! Load tests at rest.

use serde::{Deserialize, Serialize};

use super::document::{parse, write};
use super::error::RecordError;
use super::machine::MachineRecord;
use super::measurement::MeasurementRecord;
use super::summary::SummaryRecord;
use super::unit;
use super::version::SCHEMA_VERSION;
use crate::run::LoadTest;
use crate::summary::Summary;

/// Load test at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `LoadTest` and their documentation is there"
)]
pub struct LoadTestRecord {
    pub schema_version: u32,
    pub name: String,
    pub host: String,
    pub bakeoff_version: String,
    pub machine: MachineRecord,
    /// Statistics that follow from the measurement, for other programs; ignored when the record is read.
    pub summary: SummaryRecord,
    pub measurement: MeasurementRecord,
}

impl LoadTestRecord {
    /// Record of `test`, with the statistics that follow from it.
    pub fn from_load_test(test: &LoadTest) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            name: test.name.clone(),
            host: test.host.clone(),
            bakeoff_version: test.bakeoff_version.clone(),
            machine: (&test.machine).into(),
            summary: (&Summary::of([&test.measurement])).into(),
            measurement: (&test.measurement).into(),
        }
    }

    /// Record in `json`; the version is checked before anything else.
    pub fn from_json(json: &str) -> Result<Self, RecordError> {
        parse(json)
    }

    /// Record as indented JSON with a newline at its end.
    pub fn to_json(&self) -> String {
        write(self)
    }
}

impl TryFrom<LoadTestRecord> for LoadTest {
    type Error = RecordError;

    fn try_from(record: LoadTestRecord) -> Result<Self, RecordError> {
        unit::version(record.schema_version)?;
        Ok(Self {
            name: record.name,
            host: record.host,
            bakeoff_version: record.bakeoff_version,
            machine: record.machine.try_into()?,
            measurement: record.measurement.try_into()?,
        })
    }
}
