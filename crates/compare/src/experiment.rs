//! The experiment: preparation of its contenders, and its blocks.

use std::num::NonZeroU32;
use std::time::SystemTime;

use bakeoff_load::{Scenario, Workload, with_causes};
use bakeoff_record::{Contender, Experiment, LeftOut, Plan};
use tokio_util::sync::CancellationToken;

use crate::contender::prepared::Prepared;
use crate::contender::{Missing, Preparation};
use crate::cores::Cores;
use crate::error::CompareError;
use crate::file::ExperimentFile;
use crate::generator;
use crate::lock::LockedFolders;
use crate::plain::plain;
use crate::process::tree;

mod blocks;
pub(crate) mod event;
mod info;
pub(crate) mod message;
mod order;
mod outlook;
mod sampling;
mod scenario;
mod start;
mod state;
mod turn;

use event::Event;

/// Runner of one experiment: [`ExperimentRunner::prepare`], then [`ExperimentRunner::run`].
#[derive(Debug)]
pub struct ExperimentRunner {
    file: ExperimentFile,
    scenario: Scenario,
    users: NonZeroU32,
    cores: Option<Cores>,
    contenders: Vec<Prepared>,
    /// Locks from the set-up to the drop. Dropped after the contenders, whose set-ups may have left processes running.
    folders: Option<LockedFolders>,
}

impl ExperimentRunner {
    /// Loads the experiment's scenario.
    ///
    /// # Errors
    /// [`CompareError::Scenario`], [`CompareError::NoUsers`] for a scenario without a number of users, and
    /// [`CompareError::Load`] for an address or a path that no request can be sent to.
    pub fn new(file: ExperimentFile) -> Result<Self, CompareError> {
        let scenario = Scenario::open(&file.scenario)?;
        for contender in &file.contenders {
            let address = contender.running_at().unwrap_or("http://127.0.0.1");
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

    /// Runs the set-up of every contender and returns an experiment without runs. A contender whose tools are missing is left
    /// out. If the baseline is left out, the first contender that takes part becomes the baseline.
    /// Cancelling `stop` ends the preparation early.
    ///
    /// # Errors
    /// [`CompareError::NoContender`] if every contender is left out, [`CompareError::Unreachable`] if a contender that runs
    /// already does not answer correctly, and [`CompareError::Busy`] if another experiment is running in the folder of the
    /// experiment or of a set-up.
    pub fn prepare(
        &mut self,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Experiment, CompareError> {
        let started_at = SystemTime::now();
        // Unlocked first, for a second call.
        self.folders = None;
        self.folders = Some(LockedFolders::lock(&self.file)?);
        for process in generator::other_experiments() {
            observe(Event::OtherExperiment { process });
        }
        tree::adopt_orphans();
        tree::end_abandoned();
        let mut left_out = Vec::new();
        for config in &self.file.contenders {
            if stop.is_cancelled() {
                break;
            }
            let name = config.name.as_str();
            let mut preparation = Preparation {
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
                // A stopped set-up does not mean a missing tool.
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
            machine: bakeoff_load::machine::describe(),
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

    /// Waits for a first correct answer of each contender that runs already.
    fn reach(
        &self,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), CompareError> {
        for contender in &self.contenders {
            let Some(url) = contender.config.running_at() else {
                continue;
            };
            let name = contender.config.name.as_str();
            let mut preparing = |step: &str| {
                observe(Event::Preparing {
                    contender: name,
                    step,
                });
            };
            preparing(&format!("asking {url} for a first correct answer"));
            match self.start(contender, stop, &mut preparing) {
                Ok(_) => {}
                Err(_) if stop.is_cancelled() => break,
                Err(error) => {
                    return Err(CompareError::Unreachable {
                        contender: name.to_owned(),
                        url: url.to_owned(),
                        what: plain(with_causes(&error)),
                    });
                }
            }
        }
        Ok(())
    }

    /// Name of the control, the baseline's second turn in each block. `None` without a control or without another contender.
    fn control(&self, baseline: &str) -> Option<String> {
        let several = self.contenders.len() > 1;
        let name = format!("{baseline} again");
        let taken = self
            .contenders
            .iter()
            .any(|other| other.config.name == name);
        (self.file.control && several && !taken).then_some(name)
    }

    /// Name of the baseline: that of the file, or the first contender that takes part if that one is left out.
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
