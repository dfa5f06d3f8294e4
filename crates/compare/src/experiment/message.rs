//! Events of an experiment as lines of text.

use bakeoff_load::{Phase, Progress};
use bakeoff_record::{Run, RunLoad, Summary};

use crate::experiment::event::{Event, Turn};
use crate::plain::plain;

/// Text of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Present activity, which the next one replaces.
    Status(String),
    /// Lines that stay.
    Lines(Vec<String>),
}

impl Event<'_> {
    /// Text of the event.
    pub fn message(&self) -> Message {
        match self {
            Self::Preparing { contender, step } => {
                Message::Status(format!("preparing {contender}: {}", plain(step)))
            }
            Self::LeftOut(left_out) => Message::Lines(vec![format!(
                "left out: {}: {} ({})",
                left_out.name, left_out.reason, left_out.remedy
            )]),
            Self::NewBaseline { left_out, baseline } => Message::Lines(vec![format!(
                "baseline: {baseline}, since {left_out} is left out"
            )]),
            Self::OtherExperiment { process } => Message::Lines(vec![format!(
                "warning: another experiment is running on this machine (process {process}); each takes processor time from the other"
            )]),
            Self::Planned(lines) => Message::Lines(lines.to_vec()),
            Self::MeasuringFloor => {
                Message::Status("measuring the floor: a server that does nothing".to_owned())
            }
            Self::Sampling { contender } => {
                Message::Status(format!("{contender}: answers to a sample of requests"))
            }
            Self::Starting(turn) => Message::Status(turn.with("starting")),
            Self::Waiting(turn, reason) => Message::Status(turn.with(&plain(reason))),
            Self::Load(turn, progress) => Message::Status(turn.with(&under_load(progress))),
            Self::Measured(turn, run) => Message::Status(turn.with(&rate_of(run))),
            Self::Problem(turn, problem) => Message::Lines(vec![format!(
                "problem: {}, block {}: {}",
                turn.contender, turn.block, problem.what
            )]),
            Self::BlockOver(experiment) => {
                Message::Lines(bakeoff_analysis::interpretation::render_so_far(experiment))
            }
        }
    }
}

impl Turn<'_> {
    /// `block 2/6  fastapi with 8 users: starting`.
    fn with(&self, what: &str) -> String {
        let load = match self.load {
            RunLoad::Users => String::new(),
            RunLoad::Sweep { users: 1 } => " with 1 user".to_owned(),
            RunLoad::Sweep { users } => format!(" with {users} users"),
            RunLoad::Arrivals { per_second } => format!(" at {per_second} arrivals/s"),
        };
        format!(
            "block {}/{}  {}{load}: {what}",
            self.block, self.blocks, self.contender
        )
    }
}

fn under_load(progress: &Progress<'_>) -> String {
    match progress.phase {
        Phase::Spawning => format!("{} users", progress.users),
        Phase::WarmUp => "warming up".to_owned(),
        Phase::Measuring => {
            let latest = progress.so_far.timeline.last();
            latest.map_or_else(
                || "measuring".to_owned(),
                |second| format!("{} requests/s", second.requests),
            )
        }
        Phase::Draining => "waiting for the last answers".to_owned(),
    }
}

fn rate_of(run: &Run) -> String {
    let rate = Summary::of([&run.measurement]).total.successes_per_second();
    rate.map_or_else(
        || "measured, without a rate".to_owned(),
        |rate| format!("{rate:.0} requests/s"),
    )
}
