//! Turns, voided blocks, gates and noise at rest.

use serde::{Deserialize, Serialize};

use super::estimate::EstimateRecord;
use crate::judged::Judged;
use crate::noise::Noise;
use crate::precision::QUANTILES;
use crate::turn::VoidedBlock;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::json::unit;

/// A block that is not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoidedBlockRecord {
    /// The block, from 1.
    pub block: u32,
    /// The contender whose turn was disturbed.
    pub contender: String,
    /// Cause of the disturbance.
    pub by: String,
}

/// Difference of the baseline from itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseRecord {
    /// The control's figure over the baseline's.
    pub ratio: EstimateRecord,
    /// The relative difference behind it, 0.02 for 2 %.
    pub floor_ratio: f64,
}

/// A turn that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedTurnRecord {
    /// The block, from 1.
    pub block: u32,
    /// Kind of failure, in words.
    pub how: String,
}

/// Reading of one gate for one contender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRecord {
    /// The gate in a few words.
    pub gate: String,
    /// Limit as text.
    pub limit: String,
    /// The figure; `null` where there is none.
    pub value: Option<String>,
    /// `true` if the figure is beyond the limit.
    pub is_beyond: bool,
}

/// Where a percentile of a contender's response times lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentileIntervalRecord {
    /// The quantile, 0.95 for the 95th percentile.
    pub quantile: f64,
    /// The lower end.
    pub low_ms: f64,
    /// The upper end.
    pub high_ms: f64,
}

impl From<&VoidedBlock> for VoidedBlockRecord {
    fn from(voided: &VoidedBlock) -> Self {
        Self {
            block: voided.block,
            contender: voided.contender.clone(),
            by: voided.by.in_words(),
        }
    }
}

impl From<&Noise> for NoiseRecord {
    fn from(noise: &Noise) -> Self {
        Self {
            ratio: noise.estimate.into(),
            floor_ratio: noise.floor_ratio,
        }
    }
}

pub(super) fn failed_turns(result: &Judged) -> Vec<FailedTurnRecord> {
    let failed = result.measured().turns.failed.iter();
    failed
        .map(|failed| FailedTurnRecord {
            block: failed.block,
            how: failed.how.in_words(),
        })
        .collect()
}

pub(super) fn gates(result: &Judged, experiment: &Experiment) -> Vec<GateRecord> {
    let readings = result.gates.iter();
    readings
        .map(|reading| GateRecord {
            gate: reading.gate.name().to_owned(),
            limit: reading.gate.limit(experiment),
            value: reading.value.clone(),
            is_beyond: reading.beyond.is_some(),
        })
        .collect()
}

pub(super) fn percentile_intervals(result: &Judged) -> Vec<PercentileIntervalRecord> {
    let intervals = QUANTILES
        .into_iter()
        .zip(result.measured().precision.intervals);
    intervals
        .filter_map(|(quantile, interval)| {
            let (low, high) = interval?;
            Some(PercentileIntervalRecord {
                quantile,
                low_ms: unit::ms(low),
                high_ms: unit::ms(high),
            })
        })
        .collect()
}
