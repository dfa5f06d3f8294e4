//! What the figures mean, in plain English, by rules.
//!
//! [`RULES`] is all of them. Every sentence names the figures that it rests on; what was not shown is never called equal,
//! and what was not measured is not mentioned.

use crate::analysis::{Analysis, ContenderResult};
use crate::comparison::{seed_of, whole_runs};
use crate::statistics::{Estimate, estimate_ratio};
use bakeoff_record::experiment::{Experiment, Plan, Run, RunLoad};

mod conclusion;
mod consistency;
mod cost;
mod evidence;
mod next;
mod performance;
mod rules;
mod so_far;
mod throughput;
mod turns;
mod work;

pub use conclusion::verdict_sentence;
pub use rules::{About, RULES, Rule};
pub use so_far::render_so_far;

/// One paragraph of the interpretation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// What it is about.
    pub heading: String,
    /// Its sentences, in order.
    pub sentences: Vec<String>,
}

/// What rules look at.
#[derive(Debug)]
pub struct Case<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) analysis: &'a Analysis,
}

impl<'a> Case<'a> {
    fn plan(&self) -> &'a Plan {
        &self.experiment.plan
    }

    /// All contenders, without the baseline's second turns.
    fn contenders(&self) -> impl Iterator<Item = &'a ContenderResult> {
        self.analysis.contenders()
    }

    /// Those of them that were measured at all.
    fn measured(&self) -> impl Iterator<Item = &'a ContenderResult> {
        self.contenders().filter(|result| !result.blocks.is_empty())
    }

    /// A figure of each block in which a contender was measured under users to the end.
    fn of_blocks(
        &self,
        result: &ContenderResult,
        figure: impl Fn(&[&Run]) -> Option<f64>,
    ) -> Vec<f64> {
        let runs: Vec<&Run> = self.experiment.runs_under(RunLoad::Users).collect();
        let figures = result.blocks.iter().filter_map(|&block| {
            let runs = whole_runs(&runs, &result.contender.name, block);
            (!runs.is_empty()).then(|| figure(&runs))?
        });
        figures.collect()
    }

    /// The figure behind those of blocks, with an interval over them; `what` seeds its bootstrap.
    fn estimate(&self, result: &ContenderResult, what: &str, figures: &[f64]) -> Option<Estimate> {
        let seed = seed_of(self.plan().seed, &result.contender.name, what);
        estimate_ratio(figures, seed)
    }

    /// What a rule says of each contender, one after another.
    fn of_each(&self, say: impl Fn(&ContenderResult) -> Option<String>) -> Vec<String> {
        self.measured().filter_map(say).collect()
    }
}

/// Interprets an experiment: one paragraph for each subject about which a rule has something to say, or nothing.
pub(crate) fn interpret(experiment: &Experiment, analysis: &Analysis) -> Vec<Paragraph> {
    let case = Case {
        experiment,
        analysis,
    };
    let paragraphs = About::ALL.into_iter().map(|about| {
        let rules = RULES.iter().filter(|rule| rule.about == about);
        Paragraph {
            heading: about.heading().to_owned(),
            sentences: rules.flat_map(|rule| (rule.sentences)(&case)).collect(),
        }
    });
    paragraphs.collect()
}

#[cfg(test)]
mod tests;
