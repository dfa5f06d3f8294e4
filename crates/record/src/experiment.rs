//! What a comparison of contenders produced.

use std::time::{Duration, SystemTime};

use crate::machine::Machine;
use crate::metric::Metric;
use crate::run::{GeneratorUse, Measurement, Usage};
use crate::scenario::ScenarioFacts;

/// Everything that one `bakeoff compare` measured, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// The scenario's name.
    pub name: String,
    /// When it began.
    pub started_at: SystemTime,
    /// The version of Bakeoff that ran it.
    pub bakeoff_version: String,
    /// What was meant to happen.
    pub plan: Plan,
    /// Where it happened.
    pub machine: Machine,
    /// Who took part, in the order of the experiment file.
    pub contenders: Vec<Contender>,
    /// Who was in the experiment file and could not take part.
    pub left_out: Vec<LeftOut>,
    /// How the answers of each contender to a sample of requests compare with the baseline's; empty where that was not
    /// asked for.
    pub agreements: Vec<Agreement>,
    /// What the load generator makes of a server that does nothing; `None` where that was not measured.
    pub floor: Option<Floor>,
    /// Reason why the floor was not measured, where that is known.
    pub floor_missing: Option<String>,
    /// One entry per contender, block and load that was measured.
    pub runs: Vec<Run>,
    /// Turns that could not be measured, or in which the contender ended under the load.
    pub problems: Vec<Problem>,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

/// What an experiment was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The metric that the verdict is about.
    pub primary: Metric,
    /// The relative difference that does not matter, 0.05 for 5 %.
    pub same_ratio: f64,
    /// The contender that the others are compared with; absent from `contenders` when it was left out.
    pub baseline: String,
    /// The name under which the baseline takes a second turn in every block, so that its difference from itself shows
    /// how well this machine tells contenders apart; `None` without one.
    pub control: Option<String>,
    /// The share of sampled requests that a contender may answer otherwise than the baseline and still be compared with it.
    pub other_answers_ratio: f64,
    /// Blocks asked for.
    pub blocks: u32,
    /// How often contenders are started.
    pub restart: Restart,
    /// Users in each run.
    pub users: u32,
    /// Whether users pause between their requests.
    pub users_pause: bool,
    /// The least time before each measured period, after all users have started.
    pub warm_up: Duration,
    /// The most time that a contender has to settle before the measured period begins all the same.
    pub warm_up_limit: Duration,
    /// The least measured period of each run.
    pub measure: Duration,
    /// The most time that the measured period of a run is extended to until every user has finished enough rounds.
    pub measure_limit: Duration,
    /// Seed of the order of contenders and of every random choice of the load.
    pub seed: u64,
    /// What response times have to be like; what a sweep finds is the highest rate at which they are.
    pub slo: Option<Slo>,
    /// What one core costs per hour, in any currency.
    pub price_per_core_hour: Option<f64>,
    /// Which cores load generator and contenders have; `None` where they share all.
    pub cores: Option<CoreSplit>,
    /// The scenario that makes the load; `None` in records from before it was noted.
    pub scenario: Option<ScenarioFacts>,
}

/// How often contenders are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restart {
    /// For every turn.
    Block,
    /// Once, for the whole experiment.
    Once,
}

/// What response times have to be like, such as `p95 < 500ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slo {
    /// The quantile of the response times, 0.95 for the 95th percentile.
    pub quantile: f64,
    /// What it has to be below.
    pub below: Duration,
}

/// Which cores are whose, as lists such as `0-2,5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreSplit {
    /// Those of the load generator.
    pub generator: String,
    /// Those of every contender.
    pub contenders: String,
}

/// What the load generator makes of a server that answers at once, with the users of the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Requests per second.
    pub requests_per_second: f64,
    /// The median response time.
    pub median: Duration,
}

/// A deployment under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// Its name in the experiment file.
    pub name: String,
    /// How it is run.
    pub kind: ContenderKind,
    /// The command line, image or address, as a person would write it.
    pub detail: String,
    /// What else there is to know of it: versions, hashes, environment. In the order in which it is shown.
    pub facts: Vec<Fact>,
}

/// Something about a contender that may explain its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about: `image digest`.
    pub name: String,
    /// What is the case.
    pub value: String,
}

/// Kind of a contender.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContenderKind {
    /// A process on this machine.
    Process,
    /// A Docker container on this machine.
    Docker,
    /// A server that runs already, by its address.
    Url,
    /// Another kind, by the name that it has in the JSON of records.
    Other(String),
}

impl ContenderKind {
    /// `true` if the contender ran on the machine of the load generator; `false` if that is not known.
    pub fn runs_here(&self) -> bool {
        matches!(self, Self::Process | Self::Docker)
    }
}

/// A contender that could not take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name in the experiment file.
    pub name: String,
    /// Why it could not.
    pub reason: String,
    /// What would bring it in.
    pub remedy: String,
}

/// One contender under one load for one measured period.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The contender's name.
    pub contender: String,
    /// The block, from 1.
    pub block: u32,
    /// What was put on it.
    pub load: RunLoad,
    /// From the start of its process or container to its first correct answer; `None` for one that ran already.
    pub cold_start: Option<Duration>,
    /// What it consumed during the measured period; `None` where that cannot be seen.
    pub usage: Option<Usage>,
    /// What the load generator itself took; `None` where that cannot be seen.
    pub generator: Option<GeneratorUse>,
    /// Whether its rate had settled when the measured period began.
    pub settled: bool,
    /// What the load generator saw.
    pub measurement: Measurement,
}

/// What a run puts on a contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunLoad {
    /// The users of the plan: the load that the verdict is about.
    Users,
    /// A step of a search for the most that a contender can do.
    Sweep {
        /// Users of this step.
        users: u32,
    },
    /// Requests that arrive at this rate whatever became of those before.
    Arrivals {
        /// How many.
        per_second: f64,
    },
}

/// How a contender's answers to a sample of requests compare with the baseline's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The contender's name.
    pub contender: String,
    /// Requests that both answered.
    pub compared: u32,
    /// Those of them whose answers differ by the experiment's rules.
    pub differing: u32,
    /// The first of these.
    pub examples: Vec<Disagreement>,
}

/// An answer that differs from the baseline's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The name of the request, and the row of its data.
    pub request: String,
    /// Where in the answer, and by which rule.
    pub rule: String,
    /// What the baseline answered there.
    pub expected: String,
    /// What the contender answered there.
    pub actual: String,
}

impl Experiment {
    /// The runs under one kind of load.
    pub fn runs_under(&self, load: RunLoad) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.load == load)
    }
}

impl Agreement {
    /// Requests that were answered otherwise over those compared; 0 without any.
    pub fn differing_ratio(&self) -> f64 {
        f64::from(self.differing) / f64::from(self.compared.max(1))
    }
}

/// A turn that could not be measured, or in which the contender ended under the load. It counts as a failed turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The contender's name.
    pub contender: String,
    /// The block, from 1.
    pub block: u32,
    /// The load of that turn.
    pub load: RunLoad,
    /// What happened, with the contender's own last log lines where it has any.
    pub what: String,
}
