//! The JSON that Bakeoff writes and promises to read again: one document per experiment or load test.
//!
//! Units are in the names: `_ms`, `_us`, `_seconds`, `_bytes`, `_ratio` (1 is the whole), `_per_second`.
//! Every field is always there; what was not measured is `null`. The schemas are in the crate's folder `schema`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::experiment::{
    Agreement, Contender, ContenderKind, Disagreement, Experiment, Fact, LeftOut, Machine, Problem,
    Run,
};
use crate::moment::exact_moment;
use crate::run::{GeneratorUse, LoadTest};
use crate::summary::Summary;

/// Converts between a core type and its record, both ways, field by field or variant by variant.
macro_rules! same_fields {
    ($core:ident, $record:ident { $($field:ident),+ }) => {
        impl From<&$core> for $record {
            fn from(core: &$core) -> Self {
                Self { $($field: core.$field.clone().into()),+ }
            }
        }
        impl From<$record> for $core {
            fn from(record: $record) -> Self {
                Self { $($field: record.$field.into()),+ }
            }
        }
    };
    ($core:ident, $record:ident [ $($variant:ident),+ ]) => {
        impl From<$core> for $record {
            fn from(core: $core) -> Self {
                match core { $($core::$variant => Self::$variant),+ }
            }
        }
        impl From<$record> for $core {
            fn from(record: $record) -> Self {
                match record { $($record::$variant => Self::$variant),+ }
            }
        }
    };
}

mod coarse;
mod measurement;
mod plan;
mod scenario;
mod summary;
pub mod unit;

pub use coarse::{CoarseRecord, SourceRecord};
pub use measurement::{
    FailureCauseRecord, MeasurementRecord, RequestStatsRecord, SecondRecord, TimesRecord,
    UsageRecord,
};
pub use plan::{
    CoreSplitRecord, FloorRecord, PlanRecord, PrimaryMetricRecord, RestartRecord, RunLoadRecord,
    SloRecord,
};
pub use scenario::{DataFileRecord, ScenarioRecord};
pub use summary::{PercentilesRecord, SummaryRecord, SummaryRowRecord};

/// The version of both documents. A reader refuses any other.
pub const SCHEMA_VERSION: u32 = 1;

/// Why a document is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not of the record's shape.
    #[error("not a record of version {SCHEMA_VERSION}")]
    Shape(#[source] serde_json::Error),
    /// Written by another version of Bakeoff.
    #[error("record has schema version {found}, this program reads version {SCHEMA_VERSION}")]
    Version {
        /// The version in the document.
        found: u64,
    },
    /// A figure that cannot be.
    #[error("{field} is {found}, expected {expected}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
}

/// An experiment at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Experiment` and their documentation is there"
)]
pub struct ExperimentRecord<Derived> {
    pub schema_version: u32,
    pub name: String,
    pub started_at: String,
    pub bakeoff_version: String,
    pub interrupted: bool,
    pub plan: PlanRecord,
    pub machine: MachineRecord,
    pub contenders: Vec<ContenderRecord>,
    pub left_out: Vec<LeftOutRecord>,
    pub problems: Vec<ProblemRecord>,
    /// Worked out from the rest for readers of the JSON, and ignored when read back.
    pub derived: Derived,
    #[serde(default)]
    pub agreements: Vec<AgreementRecord>,
    #[serde(default)]
    pub floor: Option<FloorRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_missing: Option<String>,
    pub runs: Vec<RunRecord>,
}

/// A load test at rest.
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
    /// Worked out from the measurement for readers of the JSON, and ignored when read back.
    pub summary: SummaryRecord,
    pub measurement: MeasurementRecord,
}

/// [`Agreement`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Agreement` and their documentation is there"
)]
pub struct AgreementRecord {
    pub contender: String,
    pub compared: u32,
    pub differing: u32,
    pub examples: Vec<DisagreementRecord>,
}

/// [`Disagreement`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Disagreement` and their documentation is there"
)]
pub struct DisagreementRecord {
    pub request: String,
    pub rule: String,
    pub expected: String,
    pub actual: String,
}

/// [`GeneratorUse`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `GeneratorUse` and their documentation is there"
)]
pub struct GeneratorUseRecord {
    pub cpu_ratio: f64,
    pub steal_ratio: f64,
    #[serde(default)]
    pub neighbour_ratio: Option<f64>,
    #[serde(default)]
    pub pressure_ratio: Option<f64>,
}

/// [`Fact`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Fact` and their documentation is there"
)]
pub struct FactRecord {
    pub name: String,
    pub value: String,
}

/// [`Machine`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Machine` and their documentation is there"
)]
pub struct MachineRecord {
    pub cpu: String,
    pub cores: u32,
    pub memory_bytes: u64,
    pub os: String,
    #[serde(default)]
    pub governor: Option<String>,
    #[serde(default)]
    pub cpu_family: Option<String>,
    #[serde(default)]
    pub cpu_model: Option<String>,
    #[serde(default)]
    pub cpu_stepping: Option<String>,
    #[serde(default)]
    pub physical_cores: Option<u32>,
    #[serde(default)]
    pub smt: Option<bool>,
    #[serde(default)]
    pub numa_nodes: Option<u32>,
    #[serde(default)]
    pub vector_instructions: Option<Vec<String>>,
    #[serde(default)]
    pub boost: Option<bool>,
    #[serde(default)]
    pub hypervisor: Option<String>,
}

/// [`Contender`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Contender` and their documentation is there"
)]
pub struct ContenderRecord {
    pub name: String,
    pub kind: ContenderKindRecord,
    pub detail: String,
    #[serde(default)]
    pub facts: Vec<FactRecord>,
}

/// [`ContenderKind`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are those of `ContenderKind` and their documentation is there"
)]
pub enum ContenderKindRecord {
    Process,
    Docker,
    Url,
    #[serde(untagged)]
    Other(String),
}

/// [`LeftOut`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `LeftOut` and their documentation is there"
)]
pub struct LeftOutRecord {
    pub name: String,
    pub reason: String,
    pub remedy: String,
}

/// [`Problem`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Problem` and their documentation is there"
)]
pub struct ProblemRecord {
    pub contender: String,
    pub block: u32,
    #[serde(default)]
    pub load: RunLoadRecord,
    pub what: String,
}

/// [`Run`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Run` and their documentation is there"
)]
pub struct RunRecord {
    pub contender: String,
    pub block: u32,
    #[serde(default)]
    pub load: RunLoadRecord,
    pub cold_start_ms: Option<f64>,
    pub usage: Option<UsageRecord>,
    #[serde(default)]
    pub generator: Option<GeneratorUseRecord>,
    #[serde(default = "unknown_is_settled")]
    pub settled: bool,
    pub measurement: MeasurementRecord,
}

/// Records from before this was looked at do not say that anything had not settled.
fn unknown_is_settled() -> bool {
    true
}

impl<Derived> ExperimentRecord<Derived> {
    /// The record of `experiment` with `derived`, which holds what was worked out from it.
    pub fn new(experiment: &Experiment, derived: Derived) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            name: experiment.name.clone(),
            started_at: exact_moment(experiment.started_at),
            bakeoff_version: experiment.bakeoff_version.clone(),
            interrupted: experiment.interrupted,
            plan: (&experiment.plan).into(),
            machine: (&experiment.machine).into(),
            contenders: experiment.contenders.iter().map(Into::into).collect(),
            left_out: experiment.left_out.iter().map(Into::into).collect(),
            problems: experiment.problems.iter().map(Into::into).collect(),
            derived,
            agreements: experiment.agreements.iter().map(Into::into).collect(),
            floor: experiment.floor.map(Into::into),
            floor_missing: experiment.floor_missing.clone(),
            runs: experiment.runs.iter().map(Into::into).collect(),
        }
    }
}

impl<Derived: Serialize + DeserializeOwned> ExperimentRecord<Derived> {
    /// Reads a record, whose version is looked at before anything else.
    pub fn from_json(json: &str) -> Result<Self, RecordError> {
        parse(json)
    }

    /// The record as indented JSON with a newline at its end.
    pub fn to_json(&self) -> String {
        write(self)
    }
}

impl LoadTestRecord {
    /// The record of `test`, with the statistics that follow from it.
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

    /// Reads a record, whose version is looked at before anything else.
    pub fn from_json(json: &str) -> Result<Self, RecordError> {
        parse(json)
    }

    /// The record as indented JSON with a newline at its end.
    pub fn to_json(&self) -> String {
        write(self)
    }
}

fn parse<'json, Record: Deserialize<'json>>(json: &'json str) -> Result<Record, RecordError> {
    /// Nothing but the version, so that a newer record is called newer and not malformed.
    #[derive(Deserialize)]
    struct Version {
        schema_version: u64,
    }
    let Version { schema_version } = serde_json::from_str(json).map_err(RecordError::Shape)?;
    if schema_version != u64::from(SCHEMA_VERSION) {
        return Err(RecordError::Version {
            found: schema_version,
        });
    }
    serde_json::from_str(json).map_err(RecordError::Shape)
}

fn write(record: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(record)
        .expect("records have string keys and no failing serializers");
    json.push('\n');
    json
}

impl<Derived> TryFrom<ExperimentRecord<Derived>> for Experiment {
    type Error = RecordError;

    fn try_from(record: ExperimentRecord<Derived>) -> Result<Self, RecordError> {
        unit::version(record.schema_version)?;
        Ok(Self {
            name: record.name,
            started_at: unit::moment("started_at", &record.started_at)?,
            bakeoff_version: record.bakeoff_version,
            plan: record.plan.try_into()?,
            machine: record.machine.into(),
            contenders: record.contenders.into_iter().map(Into::into).collect(),
            left_out: record.left_out.into_iter().map(Into::into).collect(),
            agreements: record.agreements.into_iter().map(Into::into).collect(),
            floor: record.floor.map(TryInto::try_into).transpose()?,
            floor_missing: record.floor_missing,
            runs: record
                .runs
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            problems: record.problems.into_iter().map(Into::into).collect(),
            interrupted: record.interrupted,
        })
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
            machine: record.machine.into(),
            measurement: record.measurement.try_into()?,
        })
    }
}

impl From<&Contender> for ContenderRecord {
    fn from(contender: &Contender) -> Self {
        Self {
            name: contender.name.clone(),
            kind: contender.kind.clone().into(),
            detail: contender.detail.clone(),
            facts: contender.facts.iter().map(Into::into).collect(),
        }
    }
}

impl From<ContenderRecord> for Contender {
    fn from(record: ContenderRecord) -> Self {
        Self {
            name: record.name,
            kind: record.kind.into(),
            detail: record.detail,
            facts: record.facts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&Agreement> for AgreementRecord {
    fn from(agreement: &Agreement) -> Self {
        Self {
            contender: agreement.contender.clone(),
            compared: agreement.compared,
            differing: agreement.differing,
            examples: agreement.examples.iter().map(Into::into).collect(),
        }
    }
}

impl From<AgreementRecord> for Agreement {
    fn from(record: AgreementRecord) -> Self {
        Self {
            contender: record.contender,
            compared: record.compared,
            differing: record.differing,
            examples: record.examples.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&Run> for RunRecord {
    fn from(run: &Run) -> Self {
        Self {
            contender: run.contender.clone(),
            block: run.block,
            load: run.load.into(),
            cold_start_ms: run.cold_start.map(unit::ms),
            usage: run.usage.map(Into::into),
            generator: run.generator.as_ref().map(Into::into),
            settled: run.settled,
            measurement: (&run.measurement).into(),
        }
    }
}

impl TryFrom<RunRecord> for Run {
    type Error = RecordError;

    fn try_from(record: RunRecord) -> Result<Self, RecordError> {
        Ok(Self {
            contender: record.contender,
            block: record.block,
            load: record.load.into(),
            cold_start: record
                .cold_start_ms
                .map(|ms| unit::duration("cold_start_ms", ms))
                .transpose()?,
            usage: record.usage.map(TryInto::try_into).transpose()?,
            generator: record.generator.map(Into::into),
            settled: record.settled,
            measurement: record.measurement.try_into()?,
        })
    }
}

same_fields!(
    Disagreement,
    DisagreementRecord {
        request,
        rule,
        expected,
        actual
    }
);
same_fields!(
    GeneratorUse,
    GeneratorUseRecord {
        cpu_ratio,
        steal_ratio,
        neighbour_ratio,
        pressure_ratio
    }
);
same_fields!(
    Machine,
    MachineRecord {
        cpu,
        cores,
        memory_bytes,
        os,
        governor,
        cpu_family,
        cpu_model,
        cpu_stepping,
        physical_cores,
        smt,
        numa_nodes,
        vector_instructions,
        boost,
        hypervisor
    }
);
same_fields!(Fact, FactRecord { name, value });
same_fields!(
    LeftOut,
    LeftOutRecord {
        name,
        reason,
        remedy
    }
);
same_fields!(
    Problem,
    ProblemRecord {
        contender,
        block,
        load,
        what
    }
);

impl From<ContenderKind> for ContenderKindRecord {
    fn from(kind: ContenderKind) -> Self {
        match kind {
            ContenderKind::Process => Self::Process,
            ContenderKind::Docker => Self::Docker,
            ContenderKind::Url => Self::Url,
            ContenderKind::Other(name) => Self::Other(name),
        }
    }
}

impl From<ContenderKindRecord> for ContenderKind {
    fn from(kind: ContenderKindRecord) -> Self {
        match kind {
            ContenderKindRecord::Process => Self::Process,
            ContenderKindRecord::Docker => Self::Docker,
            ContenderKindRecord::Url => Self::Url,
            ContenderKindRecord::Other(name) => Self::Other(name),
        }
    }
}
