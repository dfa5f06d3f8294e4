//! Last phase of an analysis: the gates and the verdict on one contender.

use crate::compared::Compared;
use crate::comparison::Comparison;
use crate::measured::Measured;
use crate::verdict::{Gated, Obstacle, Reading, Verdict};
use bakeoff_record::metric::Metric;

/// Figures of one contender, their ratios to the baseline's, its gates and the verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Figures and their ratios to the baseline's.
    pub compared: Compared,
    /// Readings of all gates, in the order in which the verdict looks at them.
    pub gates: Vec<Reading>,
    /// Verdict on the contender by the primary metric.
    pub verdict: Verdict,
}

impl Judged {
    pub(crate) fn new(gated: Gated, verdict: Verdict) -> Self {
        let Gated { compared, gates } = gated;
        Self {
            compared,
            gates,
            verdict,
        }
    }

    /// Name of the contender.
    pub fn name(&self) -> &str {
        self.measured().name()
    }

    /// Figures of the contender by itself.
    pub fn measured(&self) -> &Measured {
        &self.compared.measured
    }

    /// Comparison by `metric`; `None` for the baseline and without a baseline.
    pub fn comparison(&self, metric: Metric) -> Option<&Comparison> {
        self.compared.comparison(metric)
    }

    /// First gate that is beyond its limit; `None` if all are within.
    pub fn obstacle(&self) -> Option<Obstacle> {
        Obstacle::of(self.name(), &self.gates)
    }
}
