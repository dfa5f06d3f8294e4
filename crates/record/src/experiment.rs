//! Experiments: measurements of several contenders, with their plan.

use std::time::{Duration, SystemTime};

use crate::machine::Machine;
use crate::metric::Metric;
use crate::run::{GeneratorUse, Measurement, Usage};
use crate::scenario::ScenarioFacts;

/// Everything that one `bakeoff compare` measured, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Name of the scenario.
    pub name: String,
    /// Start of the run.
    pub started_at: SystemTime,
    /// Version of Bakeoff that ran it.
    pub bakeoff_version: String,
    /// Plan of the experiment.
    pub plan: Plan,
    /// Machine of the experiment.
    pub machine: Machine,
    /// Contenders that took part, in the order of the experiment file.
    pub contenders: Vec<Contender>,
    /// Contenders of the experiment file that could not take part.
    pub left_out: Vec<LeftOut>,
    /// Agreement of each contender's answers to a sample of requests with the baseline's; empty if this was not
    /// asked for.
    pub agreements: Vec<Agreement>,
    /// Throughput of the load generator on a server that does nothing; `None` if it was not measured.
    pub floor: Option<Floor>,
    /// Reason why the floor was not measured, where that is known.
    pub floor_missing: Option<String>,
    /// One entry per contender, block and load that was measured.
    pub runs: Vec<Run>,
    /// Turns that could not be measured, or in which the contender ended under the load.
    pub problems: Vec<Problem>,
    /// `true` if the experiment was stopped early.
    pub interrupted: bool,
}

/// Plan of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Metric that the verdict is about.
    pub primary: Metric,
    /// Relative difference that does not matter, 0.05 for 5 %.
    pub same_ratio: f64,
    /// Contender that the others are compared with; absent from `contenders` when it was left out.
    pub baseline: String,
    /// Name under which the baseline takes a second turn in every block, so that its difference from itself shows
    /// how well this machine tells contenders apart; `None` without one.
    pub control: Option<String>,
    /// Share of sampled requests that a contender may answer otherwise than the baseline and still be compared with it.
    pub other_answers_ratio: f64,
    /// Blocks asked for.
    pub blocks: u32,
    /// Frequency of starts of the contenders.
    pub restart: Restart,
    /// Users in each run.
    pub users: u32,
    /// `true` if users pause between their requests.
    pub users_pause: bool,
    /// The least time before each measured period, after all users have started.
    pub warm_up: Duration,
    /// Most time that a contender has to settle before the measured period begins all the same.
    pub warm_up_limit: Duration,
    /// Least measured period of each run.
    pub measure: Duration,
    /// Most time that the measured period of a run is extended to until every user has finished enough rounds.
    pub measure_limit: Duration,
    /// Seed of the order of contenders and of every random choice of the load.
    pub seed: u64,
    /// Objective of response times; a sweep looks for the highest rate that keeps it.
    pub slo: Option<Slo>,
    /// Price of one core per hour, in any currency.
    pub price_per_core_hour: Option<f64>,
    /// Which cores load generator and contenders have; `None` where they share all.
    pub cores: Option<CoreSplit>,
    /// Scenario that makes the load; `None` in records from before it was noted.
    pub scenario: Option<ScenarioFacts>,
}

/// Frequency of starts of the contenders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restart {
    /// Before every turn.
    Block,
    /// Once, for the whole experiment.
    Once,
}

/// Objective of response times, such as `p95 < 500ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slo {
    /// Quantile of the response times, 0.95 for the 95th percentile.
    pub quantile: f64,
    /// Limit of that quantile.
    pub below: Duration,
}

/// Which cores are whose, as lists such as `0-2,5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreSplit {
    /// Cores of the load generator.
    pub generator: String,
    /// Cores of every contender.
    pub contenders: String,
}

/// Throughput of the load generator on a server that answers at once, with the users of the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Requests per second.
    pub requests_per_second: f64,
    /// Median response time.
    pub median: Duration,
}

/// Deployment under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// Name in the experiment file.
    pub name: String,
    /// Kind of deployment.
    pub kind: ContenderKind,
    /// Command line, image or address, as a person would write it.
    pub detail: String,
    /// Versions, hashes and environment, in the order in which reports show them.
    pub facts: Vec<Fact>,
}

/// Something about a contender that may explain its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Name of the fact: `image digest`.
    pub name: String,
    /// Value of the fact.
    pub value: String,
}

/// Kind of deployment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContenderKind {
    /// Process on this machine.
    Process,
    /// Docker container on this machine.
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

/// Contender that could not take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Name in the experiment file.
    pub name: String,
    /// Reason why the contender could not take part.
    pub reason: String,
    /// Action that would let the contender take part.
    pub remedy: String,
}

/// One contender under one load for one measured period.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Name of the contender.
    pub contender: String,
    /// Block, from 1.
    pub block: u32,
    /// Load on the contender.
    pub load: RunLoad,
    /// From the start of its process or container to its first correct answer; `None` for one that ran already.
    pub cold_start: Option<Duration>,
    /// Resources of the contender during the measured period; `None` if they cannot be read.
    pub usage: Option<Usage>,
    /// Resources of the load generator; `None` if they cannot be read.
    pub generator: Option<GeneratorUse>,
    /// `true` if the rate had settled when the measured period began.
    pub settled: bool,
    /// Measurement by the load generator.
    pub measurement: Measurement,
}

/// Load of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunLoad {
    /// Users of the plan: the load that the verdict is about.
    Users,
    /// Step of a search for the most that a contender can do.
    Sweep {
        /// Users of this step.
        users: u32,
    },
    /// Requests that arrive at this rate whatever became of those before.
    Arrivals {
        /// Rate of arrivals.
        per_second: f64,
    },
}

/// Agreement of a contender's answers to a sample of requests with the baseline's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Name of the contender.
    pub contender: String,
    /// Requests that both answered.
    pub compared: u32,
    /// Requests whose answers differ by the experiment's rules.
    pub differing: u32,
    /// First of the differing answers.
    pub examples: Vec<Disagreement>,
}

/// Answer that differs from the baseline's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Name of the request, and the row of its data.
    pub request: String,
    /// Place in the answer, and rule that was broken.
    pub rule: String,
    /// Answer of the baseline at that place.
    pub expected: String,
    /// Answer of the contender at that place.
    pub actual: String,
}

impl Experiment {
    /// Runs under one kind of load.
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

/// Turn that could not be measured, or in which the contender ended under the load. It counts as a failed turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Name of the contender.
    pub contender: String,
    /// Block, from 1.
    pub block: u32,
    /// Load of that turn.
    pub load: RunLoad,
    /// Description of the problem, with the contender's last log lines if there are any.
    pub what: String,
}
