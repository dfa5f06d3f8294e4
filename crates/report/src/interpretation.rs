//! What the figures mean, in plain English, by rules.
//!
//! [`RULES`] is all of them. Every sentence names the figures that it rests on; what was not shown is never called equal,
//! and what was not measured is not mentioned.

use crate::analysis::{Analysis, ContenderResult};
use crate::experiment::{Experiment, Plan};

mod conclusion;
mod consistency;
mod cost;
mod evidence;
mod next;
mod performance;
mod rules;
mod throughput;

pub use conclusion::verdict_sentence;
pub use rules::{About, RULES, Rule};

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
