//! The experiment: who takes part, in what, and what is told of it while it runs.

use std::num::NonZeroU32;
use std::time::SystemTime;

use bakeoff_load::{Progress, Scenario, Workload};
use bakeoff_record::{Contender, Experiment, LeftOut, Plan, Problem, Run, RunLoad};
use tokio_util::sync::CancellationToken;

use crate::contender::docker::Docker;
use crate::contender::family;
use crate::contender::{Missing, Preparation, Prepared, remove_abandoned};
use crate::cores::Cores;
use crate::error::CompareError;
use crate::file::{ExperimentFile, Launch};
use crate::generator;
use crate::lock::Folders;
use crate::plain::plain;

mod blocks;
mod info;
mod order;
mod outlook;
mod sampling;
mod scenario;
mod turn;
mod words;

pub use words::Said;

/// What happens while contenders are prepared and measured.
#[derive(Debug)]
pub enum Event<'a> {
    /// A contender is made ready to be started.
    Preparing {
        /// Its name.
        contender: &'a str,
        /// What is being done.
        step: &'a str,
    },
    /// A contender cannot take part.
    LeftOut(&'a LeftOut),
    /// The baseline cannot take part, and another contender takes its place.
    NewBaseline {
        /// Who was to be the baseline.
        left_out: &'a str,
        /// Who is it now.
        baseline: &'a str,
    },
    /// Another comparison is running on this machine.
    OtherComparison {
        /// Its process id.
        process: i32,
    },
    /// The plan in words, with the time that it takes.
    Planned(&'a [String]),
    /// What the load generator makes of a server that does nothing is measured.
    MeasuringFloor,
    /// A contender is asked for its answers to a sample of requests.
    Sampling {
        /// Its name.
        contender: &'a str,
    },
    /// A contender is being started.
    Starting(Turn<'a>),
    /// A contender does not answer correctly yet.
    Waiting(Turn<'a>, &'a str),
    /// The load is on.
    Load(Turn<'a>, &'a Progress<'a>),
    /// A turn was measured.
    Measured(Turn<'a>, &'a Run),
    /// A turn could not be measured.
    Problem(Turn<'a>, &'a Problem),
    /// Every contender has taken its turn in a block.
    BlockOver(&'a Experiment),
}

/// One contender's place in one block.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Its name.
    pub contender: &'a str,
    /// The block, from 1.
    pub block: u32,
    /// Blocks of this load, as far as that is known.
    pub blocks: u32,
    /// What is put on it.
    pub load: RunLoad,
    /// Turns of the whole experiment before this one.
    pub turns_before: u32,
    /// Turns of the whole experiment, as far as that is known.
    pub turns: u32,
}

/// An experiment that can be run.
#[derive(Debug)]
pub struct Comparison {
    file: ExperimentFile,
    scenario: Scenario,
    users: NonZeroU32,
    cores: Option<Cores>,
    contenders: Vec<Prepared>,
    /// From the set-up on, until it is dropped; after the contenders, whose set-ups may have left something running.
    folders: Option<Folders>,
}

impl Comparison {
    /// Loads the experiment's scenario.
    ///
    /// # Errors
    /// [`CompareError::Scenario`], [`CompareError::NoUsers`] where it is no load of users, and [`CompareError::Load`]
    /// where the form of an address or of a path keeps a request from ever being sent.
    pub fn new(file: ExperimentFile) -> Result<Self, CompareError> {
        let scenario = Scenario::open(&file.scenario)?;
        for contender in &file.contenders {
            let address = match &contender.launch {
                Launch::Url(url) => url,
                Launch::Process(_) | Launch::Docker(_) => "http://127.0.0.1",
            };
            bakeoff_load::check_requests(&scenario, address)?;
        }
        let users = match (file.users, &scenario.load().workload) {
            (Some(users), _) => users,
            (None, Workload::Users { users, .. }) => *users,
            (None, _) => {
                return Err(CompareError::NoUsers {
                    scenario: file.scenario,
                });
            }
        };
        Ok(Self {
            users,
            cores: Cores::of(file.cores),
            file,
            scenario,
            contenders: Vec::new(),
            folders: None,
        })
    }

    /// Runs the set-up of every contender and returns an experiment without runs. A contender whose tools are missing
    /// is left out of it; where that is the baseline, the first that takes part takes its place.
    /// Cancelling `stop` ends it early.
    ///
    /// # Errors
    /// [`CompareError::NoContender`] when none is left, and [`CompareError::Unreachable`] when one with an address does not
    /// answer correctly: nobody would start it, so waiting for it in every turn does not help.
    /// [`CompareError::Busy`] when another comparison is running in the experiment's folder, or in one that a set-up is for.
    pub fn prepare(
        &mut self,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Experiment, CompareError> {
        let started_at = SystemTime::now();
        // Given back first where this one had them before.
        self.folders = None;
        self.folders = Some(Folders::lock(&self.file)?);
        for process in generator::other_comparisons() {
            observe(Event::OtherComparison { process });
        }
        let wants_docker = self
            .file
            .contenders
            .iter()
            .any(|c| matches!(c.launch, Launch::Docker(_)));
        let docker = wants_docker.then(Docker::connect);
        family::adopt_orphans();
        remove_abandoned(docker.as_ref().and_then(|docker| docker.as_ref().ok()));
        let mut left_out = Vec::new();
        for config in &self.file.contenders {
            if stop.is_cancelled() {
                break;
            }
            let name = config.name.as_str();
            let mut preparation = Preparation {
                docker: docker.as_ref(),
                stop,
                step: &mut |step| {
                    observe(Event::Preparing {
                        contender: name,
                        step,
                    });
                },
            };
            match Prepared::new(config, &mut preparation) {
                Ok(prepared) => self.contenders.push(prepared),
                // What was stopped is not missing.
                Err(_) if stop.is_cancelled() => break,
                Err(missing) => left_out.push(leave_out(missing, name, observe)),
            }
        }
        if self.contenders.is_empty() && !stop.is_cancelled() {
            return Err(CompareError::NoContender);
        }
        self.reach(stop, observe)?;
        let baseline = self.baseline(&mut left_out, observe);
        let control = self.control(&baseline);
        let mut contenders: Vec<_> = self.contenders.iter().map(Prepared::contender).collect();
        let again = contenders.iter().find(|other| other.name == baseline);
        if let (Some(control), Some(again)) = (&control, again) {
            contenders.push(Contender {
                name: control.clone(),
                ..again.clone()
            });
        }
        Ok(Experiment {
            name: self.scenario.name().to_owned(),
            started_at,
            bakeoff_version: env!("CARGO_PKG_VERSION").into(),
            plan: self.plan(baseline, control),
            machine: bakeoff_load::describe_machine(),
            contenders,
            left_out,
            agreements: Vec::new(),
            floor: None,
            floor_missing: None,
            runs: Vec::new(),
            problems: Vec::new(),
            interrupted: stop.is_cancelled(),
        })
    }

    fn plan(&self, baseline: String, control: Option<String>) -> Plan {
        Plan {
            primary: self.file.primary,
            same_ratio: self.file.same_ratio,
            control,
            other_answers_ratio: self.file.other_answers_ratio,
            baseline,
            blocks: self.file.blocks.get(),
            restart: self.file.restart,
            users: self.users.get(),
            users_pause: self.scenario.has_pauses(),
            warm_up: self.file.warm_up.at_least,
            warm_up_limit: self.file.warm_up.at_most,
            measure: self.file.measure,
            measure_limit: self.file.measure_limit,
            seed: self.file.seed,
            slo: self.file.slo,
            price_per_core_hour: self.file.price_per_core_hour,
            cores: self.cores.as_ref().map(Cores::in_words),
            scenario: Some(scenario::facts(
                &self.file.scenario,
                &self.scenario,
                self.stop_timeout(),
            )),
        }
    }

    /// Asks each contender that runs already for a first correct answer.
    fn reach(
        &self,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), CompareError> {
        for contender in &self.contenders {
            let Launch::Url(url) = &contender.config.launch else {
                continue;
            };
            let name = contender.config.name.as_str();
            let mut say = |step: &str| {
                observe(Event::Preparing {
                    contender: name,
                    step,
                });
            };
            say(&format!("asking {url} for a first correct answer"));
            match self.start(contender, stop, &mut say) {
                Ok(_) => {}
                Err(_) if stop.is_cancelled() => break,
                Err(what) => {
                    return Err(CompareError::Unreachable {
                        contender: name.to_owned(),
                        url: url.clone(),
                        what: plain(what),
                    });
                }
            }
        }
        Ok(())
    }

    /// The name of the baseline's second turns, where there are to be any and there is somebody to compare it with.
    fn control(&self, baseline: &str) -> Option<String> {
        let several = self.contenders.len() > 1;
        let name = format!("{baseline} again");
        let taken = self
            .contenders
            .iter()
            .any(|other| other.config.name == name);
        (self.file.control && several && !taken).then_some(name)
    }

    /// The contender that the others are compared with: the file's, or the first of those who take part without it.
    fn baseline(&self, left_out: &mut [LeftOut], observe: &mut dyn FnMut(Event<'_>)) -> String {
        let wanted = &self.file.baseline;
        let missing = left_out.iter_mut().find(|other| other.name == *wanted);
        let (Some(missing), Some(first)) = (missing, self.contenders.first()) else {
            return wanted.clone();
        };
        let baseline = &first.config.name;
        missing.reason = format!(
            "{}; it was to be the baseline, and {baseline} takes its place",
            missing.reason
        );
        observe(Event::NewBaseline {
            left_out: wanted,
            baseline,
        });
        baseline.clone()
    }
}

fn leave_out(missing: Missing, name: &str, observe: &mut dyn FnMut(Event<'_>)) -> LeftOut {
    let left_out = LeftOut {
        name: name.into(),
        reason: plain(missing.reason),
        remedy: plain(missing.remedy),
    };
    observe(Event::LeftOut(&left_out));
    left_out
}
