//! What is said of an experiment while it runs.

use bakeoff_load::{Phase, Progress};
use bakeoff_record::{Run, RunLoad, Summary};

use super::{Event, Turn};
use crate::plain::plain;

/// What an event gives to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What is being done now.
    Now(String),
    /// Something to remember, line by line.
    News(Vec<String>),
}

impl Event<'_> {
    /// What there is to say of it.
    pub fn said(&self) -> Said {
        match self {
            Self::Preparing { contender, step } => {
                Said::Now(format!("preparing {contender}: {}", plain(step)))
            }
            Self::LeftOut(left_out) => Said::News(vec![format!(
                "left out: {}: {} ({})",
                left_out.name, left_out.reason, left_out.remedy
            )]),
            Self::NewBaseline { left_out, baseline } => Said::News(vec![format!(
                "baseline: {baseline}, since {left_out} is left out"
            )]),
            Self::OtherComparison { process } => Said::News(vec![format!(
                "warning: another comparison is running on this machine (process {process}); each takes the other's processor time"
            )]),
            Self::Planned(lines) => Said::News(lines.to_vec()),
            Self::MeasuringFloor => Said::Now("measuring a server that does nothing".to_owned()),
            Self::Sampling { contender } => {
                Said::Now(format!("{contender}: answers to a sample of requests"))
            }
            Self::Starting(turn) => Said::Now(turn.with("starting")),
            Self::Waiting(turn, why) => Said::Now(turn.with(&plain(why))),
            Self::Load(turn, progress) => Said::Now(turn.with(&under_load(progress))),
            Self::Measured(turn, run) => Said::Now(turn.with(&rate_of(run))),
            Self::Problem(turn, problem) => Said::News(vec![format!(
                "problem: {}, block {}: {}",
                turn.contender, turn.block, problem.what
            )]),
            Self::BlockOver(experiment) => {
                Said::News(bakeoff_analysis::interpretation::render_so_far(experiment))
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
