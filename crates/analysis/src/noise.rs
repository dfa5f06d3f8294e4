//! Noise: difference of the baseline from itself.

use crate::compared::Compared;
use crate::statistics::Estimate;
use bakeoff_record::experiment::Plan;

/// Difference between two turns of the same contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Ratio of the control's figure to the baseline's.
    pub estimate: Estimate,
    /// Relative difference of that ratio from 1, 0.02 for 2 %. Smaller differences between contenders are not detected.
    pub floor_ratio: f64,
}

impl Noise {
    /// Noise by the primary metric; `None` without a control, or without a block in which both were measured.
    pub(crate) fn of(compared: &[Compared], plan: &Plan) -> Option<Self> {
        let control = plan.control.as_ref()?;
        let control = compared.iter().find(|one| one.name() == control)?;
        let estimate = control.comparison(plan.primary)?.estimate?;
        Some(Self {
            floor_ratio: estimate.point_estimate.ln().abs().exp_m1(),
            estimate,
        })
    }

    /// `true` if the whole confidence interval lies outside the band of `same_ratio` around 1.
    pub(crate) fn is_beyond(&self, same_ratio: f64) -> bool {
        let band = same_ratio.max(0.0).ln_1p();
        let interval = self.estimate.confidence_interval;
        interval.is_some_and(|interval| interval.low.ln() > band || interval.high.ln() < -band)
    }
}
