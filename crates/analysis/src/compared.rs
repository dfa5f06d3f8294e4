//! Second phase of an analysis: one contender's figures against the baseline's.

use crate::comparison::Comparison;
use crate::measured::Measured;
use crate::shift::Shift;
use crate::statistics::holm_adjusted;
use bakeoff_record::experiment::{Plan, Run};
use bakeoff_record::metric::Metric;

/// Figures of one contender, and their ratios to the baseline's.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Figures of the contender by itself.
    pub measured: Measured,
    /// Response times against the baseline's, percentile by percentile; empty for the baseline and without a baseline.
    pub shift: Vec<Shift>,
    /// Ratios to the baseline, one for each of [`Metric::compared`]; empty for the baseline and without a baseline.
    pub comparisons: Vec<Comparison>,
    /// p-value of the comparison by the primary metric, adjusted for several contenders (Holm); `None` for the baseline,
    /// for its control, and without a block.
    pub adjusted_p: Option<f64>,
}

impl Compared {
    /// Compares every contender with the baseline of `plan`, by `runs`, the judged runs of all contenders.
    pub(crate) fn all(measured: Vec<Measured>, plan: &Plan, runs: &[&Run]) -> Vec<Self> {
        let baseline = measured.iter().find(|one| one.name() == plan.baseline);
        let against = |one: &Measured| {
            let baseline = baseline.filter(|baseline| baseline.name() != one.name())?;
            let compare = |metric| Comparison::of(one, baseline, metric, runs, plan.seed);
            let shift = Shift::all(one, baseline, runs, plan.seed);
            Some((Metric::compared().map(compare).collect(), shift))
        };
        let against: Vec<(Vec<Comparison>, Vec<Shift>)> = measured
            .iter()
            .map(|one| against(one).unwrap_or_default())
            .collect();
        let p_values = measured
            .iter()
            .zip(&against)
            .map(|(one, (comparisons, _))| {
                let is_control = plan.control.as_deref() == Some(one.name());
                comparisons
                    .iter()
                    .find(|comparison| comparison.metric == plan.primary && !is_control)?
                    .p_value
            });
        let adjusted = adjusted(&p_values.collect::<Vec<_>>());
        let parts = measured.into_iter().zip(against).zip(adjusted);
        parts
            .map(|((measured, (comparisons, shift)), adjusted_p)| Self {
                measured,
                shift,
                comparisons,
                adjusted_p,
            })
            .collect()
    }

    /// Name of the contender.
    pub fn name(&self) -> &str {
        self.measured.name()
    }

    /// Comparison by `metric`; `None` for the baseline and without a baseline.
    pub fn comparison(&self, metric: Metric) -> Option<&Comparison> {
        self.comparisons
            .iter()
            .find(|comparison| comparison.metric == metric)
    }
}

/// p-values adjusted for each other, each in its place; `None` stays `None`.
fn adjusted(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let known: Vec<f64> = p_values.iter().copied().flatten().collect();
    let mut adjusted = holm_adjusted(&known).into_iter();
    let in_place = p_values.iter().map(|p| p.and_then(|_| adjusted.next()));
    in_place.collect()
}
