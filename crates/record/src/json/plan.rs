//! Plans of experiments at rest, and the loads of their runs.

use serde::{Deserialize, Serialize};

use super::at_rest::{AtRest, at_rest};
use super::error::RecordError;
use super::scenario::ScenarioRecord;
use crate::experiment::{CoreSplit, Floor, Plan, Restart, RunLoad, Slo};
use crate::metric::Metric;

/// [`Plan`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Plan` and their documentation is there"
)]
pub struct PlanRecord {
    pub primary: String,
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

/// Older records do not have the field; their users may have paused.
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

at_rest!(
    Plan,
    PlanRecord {
        primary,
        same_ratio,
        baseline,
        control,
        other_answers_ratio,
        blocks,
        restart,
        users,
        users_pause,
        seed,
        slo,
        price_per_core_hour,
        cores,
        scenario,
    }
    {
        warm_up => warm_up_ms,
        warm_up_limit => warm_up_limit_ms,
        measure => measure_ms,
        measure_limit => measure_limit_ms,
    }
);
at_rest!(Slo, SloRecord { quantile } { below => below_ms });
at_rest!(Floor, FloorRecord { requests_per_second } { median => median_ms });
at_rest!(
    CoreSplit,
    CoreSplitRecord {
        generator,
        contenders
    }
);
at_rest!(Restart, RestartRecord [Block, Once]);

/// Name of a primary metric, such as `p95_response_time`.
impl AtRest for Metric {
    type Record = String;

    fn to_record(&self) -> String {
        self.descriptor().json_name
    }

    fn from_record(field: &'static str, name: String) -> Result<Self, RecordError> {
        Self::primary_of_json(&name).ok_or(RecordError::Value {
            field,
            found: name,
            expected: "a metric that a verdict can be about, such as p95_response_time",
        })
    }
}

impl AtRest for RunLoad {
    type Record = RunLoadRecord;

    fn to_record(&self) -> RunLoadRecord {
        match *self {
            Self::Users => RunLoadRecord::Users,
            Self::Sweep { users } => RunLoadRecord::Sweep { users },
            Self::Arrivals { per_second } => RunLoadRecord::Arrivals { per_second },
        }
    }

    fn from_record(_: &'static str, record: RunLoadRecord) -> Result<Self, RecordError> {
        Ok(match record {
            RunLoadRecord::Users => Self::Users,
            RunLoadRecord::Sweep { users } => Self::Sweep { users },
            RunLoadRecord::Arrivals { per_second } => Self::Arrivals { per_second },
        })
    }
}
