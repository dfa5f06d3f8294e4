//! What the figures mean, in plain English, by rules.
//!
//! [`RULES`] is all of them. Every sentence names the figures that it rests on; what was not shown is never called equal,
//! and what was not measured is not mentioned.

use crate::analysis::Analysis;
use bakeoff_record::experiment::Experiment;

mod case;
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

pub use case::Case;
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

/// Interprets an experiment: one paragraph for each subject about which a rule has something to say, or nothing.
pub fn interpret(experiment: &Experiment, analysis: &Analysis) -> Vec<Paragraph> {
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
