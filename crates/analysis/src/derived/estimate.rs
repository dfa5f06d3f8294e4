//! Estimates at rest.

use serde::{Deserialize, Serialize};

use crate::statistics::Estimate;

/// A figure and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateRecord {
    /// The geometric mean of the blocks.
    pub point_estimate: f64,
    /// The lower end of the interval; `null` where there are too few blocks for one.
    pub low: Option<f64>,
    /// The upper end of the interval; `null` where there are too few blocks for one.
    pub high: Option<f64>,
}

impl From<Estimate> for EstimateRecord {
    fn from(estimate: Estimate) -> Self {
        let interval = estimate.confidence_interval;
        Self {
            point_estimate: estimate.point_estimate,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        }
    }
}
