//! The answers of contenders to a sample of requests, compared before anything is measured.

use std::collections::HashMap;

use bakeoff_load::SampleAnswer;
use bakeoff_record::{Agreement, RunLoad};

use super::turn::{Stage, block_on, with_causes};
use super::{Comparison, Event, Turn};
use crate::answers;
use crate::contender::Prepared;

/// Rows of each task's data that answers are compared for.
const SAMPLED_ROWS: usize = 100;

impl Comparison {
    /// Asks every contender for its answers to the sample, each in a start of its own, so that no measured turn begins with
    /// a contender that has answered these requests before. Nothing is asked where the experiment has no rules for answers.
    pub(super) fn sample(&self, stage: &mut Stage<'_>) {
        if self.file.answer_rules.is_empty() {
            return;
        }
        let mut samples: HashMap<&str, Vec<SampleAnswer>> = HashMap::new();
        for contender in &self.contenders {
            let name = contender.config.name.as_str();
            (stage.observe)(Event::Sampling { contender: name });
            let answers = self.sample_of(contender, stage);
            if stage.stop.is_cancelled() {
                return;
            }
            match answers {
                Ok(answers) => drop(samples.insert(name, answers)),
                // Its turns will show whether it answers at all.
                Err(what) => stage.problem(before_blocks(name), what),
            }
        }
        stage.experiment.agreements = self.agreements(&samples, &stage.experiment.plan.baseline);
    }

    fn sample_of(
        &self,
        contender: &Prepared,
        stage: &mut Stage<'_>,
    ) -> Result<Vec<SampleAnswer>, String> {
        let name = contender.config.name.as_str();
        let observe = &mut *stage.observe;
        let mut say = |_why: &str| observe(Event::Sampling { contender: name });
        let started = self.start(contender, stage.stop, &mut say)?;
        let address = started.running.address();
        let sample = bakeoff_load::sample(&self.scenario, address, SAMPLED_ROWS);
        match block_on(stage.stop.run_until_cancelled(sample))? {
            None => Ok(Vec::new()),
            Some(answers) => answers.map_err(|error| with_causes(&error)),
        }
    }

    fn agreements(
        &self,
        samples: &HashMap<&str, Vec<SampleAnswer>>,
        baseline: &str,
    ) -> Vec<Agreement> {
        let Some(expected) = samples.get(baseline) else {
            return Vec::new();
        };
        let names = self.contenders.iter().map(|other| &other.config.name);
        let others = names.filter(|other| *other != baseline);
        others
            .filter_map(|other| Some((other, samples.get(other.as_str())?)))
            .map(|(other, actual)| {
                answers::agreement(other, &self.file.answer_rules, expected, actual)
            })
            .collect()
    }
}

/// Where problems belong that come before the first block.
fn before_blocks(contender: &str) -> Turn<'_> {
    Turn {
        contender,
        block: 0,
        blocks: 0,
        load: RunLoad::Users,
        turns_before: 0,
        turns: 0,
    }
}
