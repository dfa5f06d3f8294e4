//! Outcome of each planned turn of a contender: measured, failed, or disturbed by something else on the machine. Pure.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use crate::words;
use bakeoff_record::experiment::{Experiment, Run, RunLoad};
use bakeoff_record::run::{GeneratorUse, Side};
use bakeoff_record::summary::Summary;

/// The share of failed requests above which a turn has failed, 1 %: of all requests, and of the time that users spent.
pub const MOST_FAILURES_RATIO: f64 = 0.01;

/// The share of a contender's turns that may fail before its verdict is "failed", one in ten.
pub const MOST_FAILED_TURNS_RATIO: f64 = 0.1;

/// Delay above which a wake-up of a generator thread counts as one in a stall.
///
/// A few milliseconds are usual where contender and generator share all cores: the scheduler lets a thread that runs finish
/// its time slice.
pub const MOST_WAKE_UP_DELAY: Duration = Duration::from_millis(20);

/// The share of planned wake-ups in a stall above which a turn was disturbed. A generator that stands still for 2 % of a
/// turn takes at most 2 % from its rate, less than half of the 5 % that do not matter by default.
pub const MOST_STALLED_RATIO: f64 = 0.02;

/// The share of the machine's processor time that other processes may take before a turn was disturbed.
pub const MOST_NEIGHBOURS_RATIO: f64 = 0.1;

/// The share of the machine's processor time that other virtual machines may take before a turn was disturbed.
pub const MOST_STEAL_RATIO: f64 = 0.1;

/// The turns of one contender under one load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turns {
    /// Turns that were begun.
    pub begun: u32,
    /// Failed turns, in the order of their blocks.
    pub failed: Vec<FailedTurn>,
}

/// A turn that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedTurn {
    /// The block, from 1.
    pub block: u32,
    /// Kind of failure.
    pub how: TurnFailure,
}

/// Kind of failure of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnFailure {
    /// The contender was not ready, answered wrongly at its start, or ended under the load.
    Problem(String),
    /// No request was answered correctly: a rate of zero.
    NoAnswers,
    /// More than [`MOST_FAILURES_RATIO`] of the requests failed.
    Requests {
        /// Failures over requests.
        fail_ratio: f64,
    },
    /// Users spent more than [`MOST_FAILURES_RATIO`] of their time on requests that failed. Unlike the share of requests,
    /// this does not become smaller the more requests the contender answers at other times.
    Time {
        /// Time to failure, or until waiting was given up, over the time of all users.
        lost_ratio: f64,
    },
}

/// A block that is not judged, since something other than the contenders disturbed one of its turns.
#[derive(Debug, Clone, PartialEq)]
pub struct VoidedBlock {
    /// The block, from 1.
    pub block: u32,
    /// The contender whose turn was disturbed, the first of several.
    pub contender: String,
    /// Cause of the disturbance.
    pub by: Disturbance,
}

/// Something on the machine that disturbed a turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disturbance {
    /// The load generator stood still.
    Stall {
        /// The share of planned wake-ups that were later than [`MOST_WAKE_UP_DELAY`].
        stalled_ratio: f64,
    },
    /// Other processes on the machine were busy.
    Neighbours {
        /// Their share of the machine's processor time.
        neighbour_ratio: f64,
    },
    /// Other virtual machines on the same host were busy.
    Steal {
        /// Their share of the machine's processor time.
        steal_ratio: f64,
    },
}

impl Turns {
    pub(crate) fn of(experiment: &Experiment, contender: &str, load: RunLoad) -> Self {
        let mut turns = Self::default();
        let runs = experiment.runs_under(load);
        let runs: Vec<&Run> = runs.filter(|run| run.contender == contender).collect();
        let problems = experiment.problems.iter();
        let problems: Vec<_> = problems
            .filter(|problem| problem.contender == contender && problem.load == load)
            .collect();
        let blocks = runs.iter().map(|run| run.block);
        let mut blocks: Vec<u32> = blocks
            .chain(problems.iter().map(|problem| problem.block))
            .collect();
        blocks.sort_unstable();
        blocks.dedup();
        for block in blocks {
            let problem = problems.iter().find(|problem| problem.block == block);
            let run = runs.iter().find(|run| run.block == block);
            let how = match (problem, run) {
                (Some(problem), _) => Some(TurnFailure::Problem(first_line(&problem.what))),
                // Somebody stopped the experiment in it.
                (None, Some(run)) if run.measurement.interrupted => continue,
                (None, run) => run.and_then(|run| TurnFailure::of(run)),
            };
            turns.begun += 1;
            turns
                .failed
                .extend(how.map(|how| FailedTurn { block, how }));
        }
        turns
    }

    /// `true` if more turns failed than a contender may have and still be judged by its speed.
    pub fn are_too_many_failed(&self) -> bool {
        self.failed.len() as f64 > MOST_FAILED_TURNS_RATIO * f64::from(self.begun)
    }

    /// Up to three kinds of failure with their numbers of turns, the most frequent first: `no request was answered (2 turns)`.
    pub fn failures_in_words(&self) -> String {
        let mut ways: Vec<(String, usize)> = Vec::new();
        for failed in &self.failed {
            let how = failed.how.in_words();
            match ways.iter_mut().find(|(other, _)| *other == how) {
                Some((_, count)) => *count += 1,
                None => ways.push((how, 1)),
            }
        }
        ways.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let shown: Vec<String> = ways
            .into_iter()
            .take(3)
            .map(|(how, count)| format!("{how} ({})", words::several(count, "turn")))
            .collect();
        shown.join("; ")
    }
}

impl TurnFailure {
    fn of(run: &Run) -> Option<Self> {
        let measurement = &run.measurement;
        let summary = Summary::of([measurement]);
        let own = generator_failures(&summary);
        let failures = (summary.total.failures() + summary.unfinished).saturating_sub(own);
        if summary.total.times[TimeKind::Response].count() == 0 && own == 0 {
            return Some(Self::NoAnswers);
        }
        let requests = summary.total.requests() + summary.unfinished;
        let fail_ratio = failures as f64 / requests.max(1) as f64;
        if fail_ratio > MOST_FAILURES_RATIO {
            return Some(Self::Requests { fail_ratio });
        }
        let user_time = measurement.user_time.filter(|time| !time.is_zero())?;
        let lost = summary.total.times[TimeKind::Failure].sum()
            + summary.total.times[TimeKind::Unanswered].sum();
        let lost_ratio = lost.as_secs_f64() / user_time.as_secs_f64();
        (own == 0 && lost_ratio > MOST_FAILURES_RATIO).then_some(Self::Time { lost_ratio })
    }

    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Problem(what) => what.clone(),
            Self::NoAnswers => "no request was answered correctly".to_owned(),
            Self::Requests { fail_ratio } => {
                format!("{} of the requests failed", words::percent(*fail_ratio))
            }
            Self::Time { lost_ratio } => format!(
                "users spent {} of their time on requests that failed",
                words::percent(lost_ratio.min(1.0))
            ),
        }
    }
}

impl Disturbance {
    /// Disturbance of `run`; `None` if there was none.
    fn of(run: &Run) -> Option<Self> {
        let stalled_ratio = stalled_ratio(run).unwrap_or(0.0);
        let GeneratorUse {
            steal_ratio,
            neighbour_ratio,
            ..
        } = run.generator.unwrap_or_default();
        let neighbour_ratio = neighbour_ratio.unwrap_or(0.0);
        match () {
            () if steal_ratio > MOST_STEAL_RATIO => Some(Self::Steal { steal_ratio }),
            () if neighbour_ratio > MOST_NEIGHBOURS_RATIO => {
                Some(Self::Neighbours { neighbour_ratio })
            }
            () if stalled_ratio > MOST_STALLED_RATIO => Some(Self::Stall { stalled_ratio }),
            () => None,
        }
    }

    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Stall { stalled_ratio } => format!(
                "the load generator was stalled for {} of the time",
                words::percent(stalled_ratio)
            ),
            Self::Neighbours { neighbour_ratio } => format!(
                "other processes took {} of the machine's processor time",
                words::percent(neighbour_ratio)
            ),
            Self::Steal { steal_ratio } => format!(
                "other virtual machines took {} of the processor time",
                words::percent(steal_ratio)
            ),
        }
    }
}

/// The share of a run's planned wake-ups that came later than [`MOST_WAKE_UP_DELAY`]; `None` where they were not measured.
pub(crate) fn stalled_ratio(run: &Run) -> Option<f64> {
    let delays = &run.measurement.wake_up_delays;
    (delays.count() > 0).then(|| delays.share_above(MOST_WAKE_UP_DELAY))
}

/// The blocks under `load` in which a turn was disturbed. They are shown, and nothing is judged by them.
pub fn voided_blocks(experiment: &Experiment, load: RunLoad) -> Vec<VoidedBlock> {
    let mut voided: Vec<VoidedBlock> = Vec::new();
    for run in experiment.runs_under(load) {
        let is_new = voided.iter().all(|other| other.block != run.block);
        if let Some(by) = Disturbance::of(run).filter(|_| is_new) {
            voided.push(VoidedBlock {
                block: run.block,
                contender: run.contender.clone(),
                by,
            });
        }
    }
    voided
}

/// `true` if `block` is among the voided blocks.
pub(crate) fn is_voided(voided: &[VoidedBlock], block: u32) -> bool {
    voided.iter().any(|void| void.block == block)
}

/// Number of failures whose cause lies on the machine that makes the load.
pub(crate) fn generator_failures(summary: &Summary) -> u64 {
    let failures = summary.failures.iter();
    let of_generator = failures.filter(|failure| failure.side == Side::Generator);
    of_generator.map(|failure| failure.occurrences).sum()
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split("; its last l").next().unwrap_or(line).to_owned()
}
