//! What an experiment was asked to do, and the loads that its runs were under.

use serde::{Deserialize, Serialize};

use super::{RecordError, ScenarioRecord, unit};
use crate::experiment::{CoreSplit, Floor, Plan, PrimaryMetric, Restart, RunLoad, Slo};

/// [`Plan`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Plan` and their documentation is there"
)]
pub struct PlanRecord {
    pub primary: PrimaryMetricRecord,
    pub same_ratio: f64,
    pub baseline: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    #[serde(default)]
    pub other_answers_ratio: f64,
    pub blocks: u32,
    #[serde(default)]
    pub restart: RestartRecord,
    pub users: u32,
    #[serde(default = "unknown")]
    pub users_pause: bool,
    pub warm_up_ms: f64,
    #[serde(default)]
    pub warm_up_limit_ms: f64,
    pub measure_ms: f64,
    #[serde(default)]
    pub measure_limit_ms: f64,
    pub seed: u64,
    #[serde(default)]
    pub slo: Option<SloRecord>,
    #[serde(default)]
    pub price_per_core_hour: Option<f64>,
    #[serde(default)]
    pub cores: Option<CoreSplitRecord>,
    #[serde(default)]
    pub scenario: Option<ScenarioRecord>,
}

/// Users may have paused in an experiment whose record is from before that was written down.
fn unknown() -> bool {
    true
}

/// [`Restart`] at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are those of `Restart` and their documentation is there"
)]
pub enum RestartRecord {
    #[default]
    Block,
    Once,
}

/// [`Slo`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Slo` and their documentation is there"
)]
pub struct SloRecord {
    pub quantile: f64,
    pub below_ms: f64,
}

/// [`CoreSplit`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `CoreSplit` and their documentation is there"
)]
pub struct CoreSplitRecord {
    pub generator: String,
    pub contenders: String,
}

/// [`Floor`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Floor` and their documentation is there"
)]
pub struct FloorRecord {
    pub requests_per_second: f64,
    pub median_ms: f64,
}

/// [`RunLoad`] at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the variants are those of `RunLoad` and their documentation is there"
)]
pub enum RunLoadRecord {
    #[default]
    Users,
    Sweep {
        users: u32,
    },
    Arrivals {
        per_second: f64,
    },
}

/// [`PrimaryMetric`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are those of `PrimaryMetric` and their documentation is there"
)]
pub enum PrimaryMetricRecord {
    RequestsPerSecond,
    MedianResponseTime,
    P95ResponseTime,
    P99ResponseTime,
}

impl From<&Plan> for PlanRecord {
    fn from(plan: &Plan) -> Self {
        Self {
            primary: plan.primary.into(),
            same_ratio: plan.same_ratio,
            baseline: plan.baseline.clone(),
            control: plan.control.clone(),
            other_answers_ratio: plan.other_answers_ratio,
            blocks: plan.blocks,
            restart: plan.restart.into(),
            users: plan.users,
            users_pause: plan.users_pause,
            warm_up_ms: unit::ms(plan.warm_up),
            warm_up_limit_ms: unit::ms(plan.warm_up_limit),
            measure_ms: unit::ms(plan.measure),
            measure_limit_ms: unit::ms(plan.measure_limit),
            seed: plan.seed,
            slo: plan.slo.map(|slo| SloRecord {
                quantile: slo.quantile,
                below_ms: unit::ms(slo.below),
            }),
            price_per_core_hour: plan.price_per_core_hour,
            cores: plan.cores.as_ref().map(Into::into),
            scenario: plan.scenario.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<PlanRecord> for Plan {
    type Error = RecordError;

    fn try_from(record: PlanRecord) -> Result<Self, RecordError> {
        Ok(Self {
            primary: record.primary.into(),
            same_ratio: record.same_ratio,
            baseline: record.baseline,
            control: record.control,
            other_answers_ratio: record.other_answers_ratio,
            blocks: record.blocks,
            restart: record.restart.into(),
            users: record.users,
            users_pause: record.users_pause,
            warm_up: unit::duration("warm_up_ms", record.warm_up_ms)?,
            warm_up_limit: unit::duration("warm_up_limit_ms", record.warm_up_limit_ms)?,
            measure: unit::duration("measure_ms", record.measure_ms)?,
            measure_limit: unit::duration("measure_limit_ms", record.measure_limit_ms)?,
            seed: record.seed,
            slo: record.slo.map(TryInto::try_into).transpose()?,
            price_per_core_hour: record.price_per_core_hour,
            cores: record.cores.map(Into::into),
            scenario: record.scenario.map(TryInto::try_into).transpose()?,
        })
    }
}

impl TryFrom<SloRecord> for Slo {
    type Error = RecordError;

    fn try_from(record: SloRecord) -> Result<Self, RecordError> {
        Ok(Self {
            quantile: record.quantile,
            below: unit::duration("below_ms", record.below_ms)?,
        })
    }
}

impl From<Floor> for FloorRecord {
    fn from(floor: Floor) -> Self {
        Self {
            requests_per_second: floor.requests_per_second,
            median_ms: unit::ms(floor.median),
        }
    }
}

impl TryFrom<FloorRecord> for Floor {
    type Error = RecordError;

    fn try_from(record: FloorRecord) -> Result<Self, RecordError> {
        Ok(Self {
            requests_per_second: record.requests_per_second,
            median: unit::duration("median_ms", record.median_ms)?,
        })
    }
}

impl From<RunLoad> for RunLoadRecord {
    fn from(load: RunLoad) -> Self {
        match load {
            RunLoad::Users => Self::Users,
            RunLoad::Sweep { users } => Self::Sweep { users },
            RunLoad::Arrivals { per_second } => Self::Arrivals { per_second },
        }
    }
}

impl From<RunLoadRecord> for RunLoad {
    fn from(record: RunLoadRecord) -> Self {
        match record {
            RunLoadRecord::Users => Self::Users,
            RunLoadRecord::Sweep { users } => Self::Sweep { users },
            RunLoadRecord::Arrivals { per_second } => Self::Arrivals { per_second },
        }
    }
}

same_fields!(
    CoreSplit,
    CoreSplitRecord {
        generator,
        contenders
    }
);
same_fields!(Restart, RestartRecord [Block, Once]);
same_fields!(
    PrimaryMetric,
    PrimaryMetricRecord [RequestsPerSecond, MedianResponseTime, P95ResponseTime, P99ResponseTime]
);
