//! State of a running experiment: its record so far, contenders that keep running, stop token and observer.

use std::collections::HashMap;

use bakeoff_record::{Experiment, Problem};
use tokio_util::sync::CancellationToken;

use crate::contender::facts;
use crate::experiment::event::{Event, Turn};
use crate::experiment::start::Started;
use crate::plain::plain;

/// State of a running experiment.
pub(super) struct ExperimentState<'a> {
    /// Record so far.
    pub(super) experiment: &'a mut Experiment,
    /// Contenders that keep running from turn to turn, by name.
    pub(super) running: HashMap<String, Started>,
    /// Ends the experiment early.
    pub(super) stop: &'a CancellationToken,
    /// Called with each event.
    pub(super) observe: &'a mut dyn FnMut(Event<'_>),
}

impl ExperimentState<'_> {
    /// Records a problem of a turn.
    pub(super) fn problem(&mut self, turn: Turn<'_>, what: &str) {
        let problem = Problem {
            contender: turn.contender.into(),
            block: turn.block,
            load: turn.load,
            what: plain(what),
        };
        (self.observe)(Event::Problem(turn, &problem));
        self.experiment.problems.push(problem);
    }

    /// Records a fact of the contender: the other experiment `process` ran during its turn. Once per process.
    pub(super) fn note_other_experiment(&mut self, turn: Turn<'_>, process: i32) {
        let name = format!("measured beside another experiment (process {process})");
        let contenders = &mut self.experiment.contenders;
        let is_news = !contenders
            .iter()
            .any(|other| other.facts.iter().any(|fact| fact.name == name));
        let of_turn = contenders
            .iter_mut()
            .find(|other| other.name == turn.contender);
        let Some(contender) = of_turn else { return };
        if !contender.facts.iter().any(|fact| fact.name == name) {
            let since = format!("from block {} on", turn.block);
            contender.facts.push(facts::fact(&name, since));
        }
        if is_news {
            (self.observe)(Event::OtherExperiment { process });
        }
    }
}
