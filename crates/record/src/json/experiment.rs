//! Experiments at rest.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::at_rest::{AtRest, at_rest};
use super::document::{parse, write};
use super::error::RecordError;
use super::machine::MachineRecord;
use super::measurement::{MeasurementRecord, UsageRecord};
use super::plan::{FloorRecord, PlanRecord, RunLoadRecord};
use super::unit;
use super::version::SCHEMA_VERSION;
use crate::experiment::{
    Agreement, Contender, ContenderKind, Disagreement, Experiment, Fact, LeftOut, Problem, Run,
};
use crate::run::GeneratorUse;

/// Experiment at rest.
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
    /// Conclusions from the rest, for other programs; ignored when the record is read.
    pub derived: Derived,
    #[serde(default)]
    pub agreements: Vec<AgreementRecord>,
    #[serde(default)]
    pub floor: Option<FloorRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_missing: Option<String>,
    pub runs: Vec<RunRecord>,
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

/// Older records do not have the field; their runs count as settled.
fn unknown_is_settled() -> bool {
    true
}

impl<Derived> ExperimentRecord<Derived> {
    /// Record of `experiment` with `derived`, the conclusions from it.
    pub fn new(experiment: &Experiment, derived: Derived) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            name: experiment.name.clone(),
            started_at: experiment.started_at.to_record(),
            bakeoff_version: experiment.bakeoff_version.clone(),
            interrupted: experiment.interrupted,
            plan: experiment.plan.to_record(),
            machine: experiment.machine.to_record(),
            contenders: experiment.contenders.to_record(),
            left_out: experiment.left_out.to_record(),
            problems: experiment.problems.to_record(),
            derived,
            agreements: experiment.agreements.to_record(),
            floor: experiment.floor.to_record(),
            floor_missing: experiment.floor_missing.clone(),
            runs: experiment.runs.to_record(),
        }
    }
}

impl<Derived: Serialize + DeserializeOwned> ExperimentRecord<Derived> {
    /// Record in `json`; the version is checked before anything else.
    pub fn from_json(json: &str) -> Result<Self, RecordError> {
        parse(json)
    }

    /// Record as indented JSON with a newline at its end.
    pub fn to_json(&self) -> String {
        write(self)
    }
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
            machine: record.machine.try_into()?,
            contenders: AtRest::from_record("contenders", record.contenders)?,
            left_out: AtRest::from_record("left_out", record.left_out)?,
            agreements: AtRest::from_record("agreements", record.agreements)?,
            floor: AtRest::from_record("floor", record.floor)?,
            floor_missing: record.floor_missing,
            runs: AtRest::from_record("runs", record.runs)?,
            problems: AtRest::from_record("problems", record.problems)?,
            interrupted: record.interrupted,
        })
    }
}

at_rest!(
    Contender,
    ContenderRecord {
        name,
        kind,
        detail,
        facts
    }
);

impl AtRest for ContenderKind {
    type Record = ContenderKindRecord;

    fn to_record(&self) -> ContenderKindRecord {
        match self {
            Self::Process => ContenderKindRecord::Process,
            Self::Docker => ContenderKindRecord::Docker,
            Self::Url => ContenderKindRecord::Url,
            Self::Other(name) => ContenderKindRecord::Other(name.clone()),
        }
    }

    fn from_record(_: &'static str, record: ContenderKindRecord) -> Result<Self, RecordError> {
        Ok(match record {
            ContenderKindRecord::Process => Self::Process,
            ContenderKindRecord::Docker => Self::Docker,
            ContenderKindRecord::Url => Self::Url,
            ContenderKindRecord::Other(name) => Self::Other(name),
        })
    }
}
at_rest!(@from ContenderKind, ContenderKindRecord);

at_rest!(Fact, FactRecord { name, value });
at_rest!(
    LeftOut,
    LeftOutRecord {
        name,
        reason,
        remedy
    }
);
at_rest!(
    Problem,
    ProblemRecord {
        contender,
        block,
        load,
        what
    }
);
at_rest!(
    Agreement,
    AgreementRecord {
        contender,
        compared,
        differing,
        examples
    }
);
at_rest!(
    Disagreement,
    DisagreementRecord {
        request,
        rule,
        expected,
        actual
    }
);
at_rest!(
    Run,
    RunRecord { contender, block, load, usage, generator, settled, measurement }
    { cold_start => cold_start_ms }
);
at_rest!(
    GeneratorUse,
    GeneratorUseRecord {
        cpu_ratio,
        steal_ratio,
        neighbour_ratio,
        pressure_ratio
    }
);
