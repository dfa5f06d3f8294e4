//! Answers of contenders to a sample of requests, which are compared before the first block.

use std::collections::HashMap;

use bakeoff_load::{LoadError, SampleAnswer, with_causes};
use bakeoff_record::Agreement;

use crate::answers;
use crate::contender::prepared::Prepared;
use crate::experiment::ExperimentRunner;
use crate::experiment::event::{Event, Turn};
use crate::experiment::start::NotStarted;
use crate::experiment::state::ExperimentState;
use crate::runtime::{NoRuntime, block_on};

/// Most rows of each task's data in the sample.
const SAMPLED_ROWS: usize = 100;

/// Reason why a contender has no answers to the sample.
#[derive(Debug, thiserror::Error)]
enum NoSample {
    #[error(transparent)]
    NotStarted(#[from] NotStarted),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}

impl ExperimentRunner {
    /// Sends the sample to every contender and records how the answers agree. Each contender is started for the sample alone,
    /// so that no measured turn begins with a contender that has seen these requests. Does nothing without rules for answers.
    pub(super) fn sample(&self, state: &mut ExperimentState<'_>) {
        if self.file.answer_rules.is_empty() {
            return;
        }
        let mut samples: HashMap<&str, Vec<SampleAnswer>> = HashMap::new();
        for contender in &self.contenders {
            let name = contender.config.name.as_str();
            (state.observe)(Event::Sampling { contender: name });
            let answers = self.sample_of(contender, state);
            if state.stop.is_cancelled() {
                return;
            }
            match answers {
                Ok(answers) => drop(samples.insert(name, answers)),
                // Its turns will show whether it answers at all.
                Err(error) => state.problem(Turn::before_blocks(name), &with_causes(&error)),
            }
        }
        state.experiment.agreements = self.agreements(&samples, &state.experiment.plan.baseline);
    }

    fn sample_of(
        &self,
        contender: &Prepared,
        state: &mut ExperimentState<'_>,
    ) -> Result<Vec<SampleAnswer>, NoSample> {
        let name = contender.config.name.as_str();
        let observe = &mut *state.observe;
        let mut waiting = |_reason: &str| observe(Event::Sampling { contender: name });
        let started = self.start(contender, state.stop, &mut waiting)?;
        let address = started.running.address();
        let sample = bakeoff_load::sample(&self.scenario, address, SAMPLED_ROWS);
        match block_on(state.stop.run_until_cancelled(sample))? {
            None => Ok(Vec::new()),
            Some(answers) => Ok(answers?),
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
