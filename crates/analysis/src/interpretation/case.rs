//! Experiment with its analysis, as rules look at it.

use crate::analysis::Analysis;
use crate::judged::Judged;
use crate::measured::whole_runs;
use crate::statistics::{Estimate, estimate_ratio, seed_of};
use bakeoff_record::experiment::{Experiment, Plan, Run, RunLoad};

/// What rules look at.
#[derive(Debug)]
pub struct Case<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) analysis: &'a Analysis,
}

impl<'a> Case<'a> {
    pub(super) fn plan(&self) -> &'a Plan {
        &self.experiment.plan
    }

    /// All contenders, without the baseline's second turns.
    pub(super) fn contenders(&self) -> impl Iterator<Item = &'a Judged> {
        self.analysis.contenders()
    }

    /// Those of them that were measured at all.
    pub(super) fn measured(&self) -> impl Iterator<Item = &'a Judged> {
        self.contenders()
            .filter(|result| !result.measured().blocks.is_empty())
    }

    /// A figure of each block in which a contender was measured under users to the end.
    pub(super) fn of_blocks(
        &self,
        result: &Judged,
        figure: impl Fn(&[&Run]) -> Option<f64>,
    ) -> Vec<f64> {
        let runs: Vec<&Run> = self.experiment.runs_under(RunLoad::Users).collect();
        let figures = result.measured().blocks.iter().filter_map(|&block| {
            let runs = whole_runs(&runs, result.name(), block);
            (!runs.is_empty()).then(|| figure(&runs))?
        });
        figures.collect()
    }

    /// The figure behind those of blocks, with an interval over them; `what` seeds its bootstrap.
    pub(super) fn estimate(
        &self,
        result: &Judged,
        what: &str,
        figures: &[f64],
    ) -> Option<Estimate> {
        let seed = seed_of(self.plan().seed, result.name(), what);
        estimate_ratio(figures, seed)
    }

    /// What a rule says of each contender, one after another.
    pub(super) fn of_each(&self, say: impl Fn(&Judged) -> Option<String>) -> Vec<String> {
        self.measured().filter_map(say).collect()
    }
}
