//! The experiment: every contender takes its turn in every block, in random order, under the same load.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant, SystemTime};

use bakeoff_load::{
    LoadConfig, LoadError, NotCorrect, Phase, Progress, SampleAnswer, Scenario, Workload,
};
use bakeoff_report::{Contender, Experiment, LeftOut, Plan, Problem, Restart, Run, RunLoad, Usage};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio_util::sync::CancellationToken;

use crate::contender::docker::Docker;
use crate::contender::{Consumption, Missing, Preparation, Prepared, Running, remove_abandoned};
use crate::error::CompareError;
use crate::file::{ExperimentFile, Launch};
use crate::ready::NotReady;
use crate::{answers, generator, machine, ready};

/// How often a starting contender is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(10);
/// Rows of each task's data that answers are compared for.
const SAMPLED_ROWS: usize = 100;
/// How long requests in flight may take to end after the measured period.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// A contender is being started.
    Starting(Turn<'a>),
    /// The load is on.
    Load(Turn<'a>, &'a Progress<'a>),
    /// A turn was measured.
    Measured(Turn<'a>, &'a Run),
    /// A turn could not be measured.
    Problem(Turn<'a>, &'a Problem),
}

/// One contender's place in one block.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Its name.
    pub contender: &'a str,
    /// The block, from 1.
    pub block: u32,
    /// Turns of the whole experiment before this one.
    pub turns_before: u32,
    /// Turns of the whole experiment.
    pub turns: u32,
}

/// An experiment that can be run.
#[derive(Debug)]
pub struct Comparison {
    file: ExperimentFile,
    scenario: Scenario,
    users: NonZeroU32,
    spawn_rate: f64,
    contenders: Vec<Prepared>,
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
        let (users, spawn_rate) = match (file.users, &scenario.load().workload) {
            (
                users,
                Workload::Users {
                    users: of_scenario,
                    spawn_rate,
                },
            ) => (users.unwrap_or(*of_scenario), *spawn_rate),
            (Some(users), _) => (users, f64::from(users.get())),
            (None, _) => {
                return Err(CompareError::NoUsers {
                    scenario: file.scenario,
                });
            }
        };
        Ok(Self {
            users,
            spawn_rate,
            file,
            scenario,
            contenders: Vec::new(),
        })
    }

    /// Runs the set-up of every contender and returns an experiment without runs. A contender whose tools are missing
    /// is left out of it; where that is the baseline, the first that takes part takes its place.
    /// Cancelling `stop` ends it early.
    ///
    /// # Errors
    /// [`CompareError::NoContender`] when none is left.
    pub fn prepare(
        &mut self,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Experiment, CompareError> {
        let started_at = SystemTime::now();
        let wants_docker = self
            .file
            .contenders
            .iter()
            .any(|c| matches!(c.launch, Launch::Docker(_)));
        let docker = wants_docker.then(Docker::connect);
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
            plan: Plan {
                primary: self.file.primary,
                same_ratio: self.file.same_ratio,
                control,
                other_answers_ratio: self.file.other_answers_ratio,
                baseline,
                blocks: self.file.blocks.get(),
                restart: Restart::Block,
                users: self.users.get(),
                users_pause: true,
                warm_up: self.file.warm_up,
                warm_up_limit: self.file.warm_up,
                measure: self.file.measure,
                seed: self.file.seed,
                slo: None,
                price_per_core_hour: None,
                cores: None,
            },
            machine: machine::describe(),
            contenders,
            left_out,
            agreements: Vec::new(),
            floor: None,
            runs: Vec::new(),
            problems: Vec::new(),
            interrupted: stop.is_cancelled(),
        })
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

    /// Runs every block and adds what happens to `experiment`, so that nothing measured is lost whatever ends it.
    /// Cancelling `stop` ends it early; no process and no container is left behind.
    /// Whatever keeps a turn from being measured is a [`Problem`] of that turn alone.
    pub fn run(
        &self,
        experiment: &mut Experiment,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) {
        // True until the end is reached, so that a panic leaves it so.
        experiment.interrupted = true;
        let blocks = self.file.blocks.get();
        let arms = self.arms(&experiment.plan);
        let turns = blocks.saturating_mul(u32::try_from(arms.len()).unwrap_or(u32::MAX));
        let mut random = StdRng::seed_from_u64(self.file.seed);
        let mut samples = HashMap::new();
        let mut turns_before = 0;
        for block in 1..=blocks {
            let mut order = arms.clone();
            order.shuffle(&mut random);
            for (name, contender) in &order {
                if stop.is_cancelled() {
                    return;
                }
                let turn = Turn {
                    contender: name,
                    block,
                    turns_before,
                    turns,
                };
                self.take_turn(
                    contender,
                    turn,
                    &mut Stage {
                        experiment,
                        samples: &mut samples,
                        stop,
                        observe,
                    },
                );
                turns_before += 1;
            }
        }
        experiment.interrupted = stop.is_cancelled();
    }

    /// Who takes a turn in every block, and under which name.
    fn arms(&self, plan: &Plan) -> Vec<(String, &Prepared)> {
        let name = |contender: &Prepared| contender.config.name.clone();
        let mut arms: Vec<_> = self
            .contenders
            .iter()
            .map(|contender| (name(contender), contender))
            .collect();
        let baseline = arms.iter().find(|(name, _)| *name == plan.baseline);
        if let (Some(control), Some(&(_, baseline))) = (&plan.control, baseline) {
            arms.push((control.clone(), baseline));
        }
        arms
    }

    fn take_turn(&self, contender: &Prepared, turn: Turn<'_>, stage: &mut Stage<'_>) {
        (stage.observe)(Event::Starting(turn));
        let began = Instant::now();
        let mut running = match contender.start() {
            Ok(running) => running,
            Err(what) => return stage.problem(turn, what),
        };
        match self.wait_until_correct(contender, running.as_mut(), stage.stop) {
            Ok(()) => {}
            Err(_) if stage.stop.is_cancelled() => return,
            Err(what) => return stage.problem(turn, with_log(&what, running.as_mut())),
        }
        let cold_start =
            (!matches!(contender.config.launch, Launch::Url(_))).then(|| began.elapsed());
        if let Err(what) = self.sample(contender, running.address(), stage) {
            return stage.problem(turn, what);
        }
        let config = self.load_config(running.address(), turn.block);
        let mut meter = UsageMeter::default();
        let mut own = generator::Meter::default();
        let outcome = bakeoff_load::run(
            &self.scenario,
            &config,
            &stage.stop.clone().into(),
            &mut |progress| {
                meter.follow(progress.phase, running.as_mut());
                own.follow(progress.phase);
                (stage.observe)(Event::Load(turn, progress));
            },
        );
        let mut measurement = match outcome {
            Ok(measurement) => measurement,
            Err(error) => return stage.problem(turn, with_causes(&error)),
        };
        if let Some(how) = running.ended() {
            // What it did until then is shown, but is no basis for a comparison.
            measurement.interrupted = true;
            stage.problem(
                turn,
                with_log(&format!("{how} under load"), running.as_mut()),
            );
        }
        // Stopped before the measured period began: nothing was measured.
        if !measurement.period.is_zero() {
            let (contender, block) = (turn.contender.to_owned(), turn.block);
            let run = Run {
                contender,
                block,
                load: RunLoad::Users,
                cold_start,
                usage: meter.usage(),
                generator: own.used(),
                settled: true,
                measurement,
            };
            (stage.observe)(Event::Measured(turn, &run));
            stage.experiment.runs.push(run);
        }
    }

    /// Asks a contender that has not been asked before for its answers to the sample, and compares those known so far.
    fn sample(
        &self,
        contender: &Prepared,
        address: &str,
        stage: &mut Stage<'_>,
    ) -> Result<(), String> {
        let (rules, name) = (&self.file.answer_rules, &contender.config.name);
        if rules.is_empty() || stage.samples.contains_key(name) {
            return Ok(());
        }
        let sample = bakeoff_load::sample(&self.scenario, address, SAMPLED_ROWS);
        let answers = match block_on(stage.stop.run_until_cancelled(sample))? {
            None => return Ok(()),
            Some(answers) => answers.map_err(|error| with_causes(&error))?,
        };
        stage.samples.insert(name.clone(), answers);
        let baseline = &stage.experiment.plan.baseline;
        if let Some(expected) = stage.samples.get(baseline) {
            let others = self.contenders.iter().map(|other| &other.config.name);
            let others = others.filter(|other| *other != baseline);
            stage.experiment.agreements = others
                .filter_map(|other| Some((other, stage.samples.get(other)?)))
                .map(|(other, actual)| answers::agreement(other, rules, expected, actual))
                .collect();
        }
        Ok(())
    }

    fn load_config(&self, host: &str, block: u32) -> LoadConfig {
        LoadConfig {
            host: host.to_owned(),
            workload: Workload::Users {
                users: self.users,
                spawn_rate: self.spawn_rate,
            },
            iterations: None,
            run_time: Some(self.file.measure),
            warm_up: Some(self.file.warm_up),
            stop_timeout: STOP_TIMEOUT,
            // The same within a block, so that every contender is sent the same requests.
            seed: self.file.seed.wrapping_add(u64::from(block)),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// Waits until the contender says that it is ready, where it can, and gives a correct answer to every task.
    fn wait_until_correct(
        &self,
        contender: &Prepared,
        running: &mut dyn Running,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let limit = contender.config.ready_timeout;
        let deadline = Instant::now() + limit;
        let ready = contender.config.ready.as_deref();
        loop {
            let asked = ask_ready(running.address(), ready, deadline)
                .and_then(|()| self.first_answer(running.address(), deadline, stop));
            let wrong = match asked {
                Ok(()) => break,
                Err(Unready::NotYet(wrong)) => wrong,
                // Who said to be ready and was not is not asked again either.
                Err(Unready::WrongAnswer(wrong)) if ready.is_none() => wrong,
                Err(Unready::WrongAnswer(wrong) | Unready::Never(wrong)) => return Err(wrong),
            };
            if let Some(how) = running.ended() {
                return Err(format!("{how} before it was ready"));
            }
            if stop.is_cancelled() {
                return Err("stopped".into());
            }
            if Instant::now() >= deadline {
                let limit = humantime::format_duration(limit);
                return Err(format!("not ready within {limit}: {wrong}"));
            }
            std::thread::sleep(READY_POLL);
        }
        running.ended().map_or(Ok(()), |how| {
            Err(format!("{how}, and something else answers at its address"))
        })
    }

    /// Sends one request of each task and checks the answers. The error says what is wrong with them.
    fn first_answer(
        &self,
        address: &str,
        deadline: Instant,
        stop: &CancellationToken,
    ) -> Result<(), Unready> {
        let rest = deadline.saturating_duration_since(Instant::now());
        let check = bakeoff_load::check_once(&self.scenario, address, rest);
        match block_on(stop.run_until_cancelled(check)).map_err(Unready::Never)? {
            None => Err(Unready::Never("stopped".into())),
            Some(Ok(())) => Ok(()),
            Some(Err(NotCorrect::Load(error))) => Err(Unready::Never(with_causes(&error))),
            Some(Err(wrong)) => Err(Unready::WrongAnswer(format!(
                "its first answer was wrong: {wrong}"
            ))),
        }
    }
}

/// Waits for a future on a runtime of its own.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| with_causes(&LoadError::Thread(error)))?;
    Ok(runtime.block_on(future))
}

/// Why a contender cannot be measured now.
#[derive(Debug)]
enum Unready {
    /// It may be starting still.
    NotYet(String),
    /// It answered, and not as it should.
    WrongAnswer(String),
    /// Waiting for it does not help.
    Never(String),
}

/// Asks a contender at its path, if it has one, whether it is ready. The error says what is in the way.
fn ask_ready(address: &str, path: Option<&str>, deadline: Instant) -> Result<(), Unready> {
    let Some(path) = path else { return Ok(()) };
    let rest = deadline.saturating_duration_since(Instant::now());
    ready::ask(address, path, rest).map_err(|wrong| match wrong {
        NotReady::Resolve { .. } => Unready::Never(with_causes(&wrong)),
        _ => Unready::NotYet(format!("GET {path} was not answered with 200 ({wrong})")),
    })
}

/// What a turn writes to.
struct Stage<'a> {
    experiment: &'a mut Experiment,
    /// What each contender answered to the sample, by its name.
    samples: &'a mut HashMap<String, Vec<SampleAnswer>>,
    stop: &'a CancellationToken,
    observe: &'a mut dyn FnMut(Event<'_>),
}

impl Stage<'_> {
    fn problem(&mut self, turn: Turn<'_>, what: String) {
        let problem = Problem {
            contender: turn.contender.into(),
            block: turn.block,
            what,
        };
        (self.observe)(Event::Problem(turn, &problem));
        self.experiment.problems.push(problem);
    }
}

/// Follows what a contender consumes from the first to the last moment of the measured period.
#[derive(Default)]
struct UsageMeter {
    first: Option<Consumption>,
    last: Option<Consumption>,
    peak_memory_bytes: u64,
    over: bool,
}

impl UsageMeter {
    fn follow(&mut self, phase: Phase, running: &mut dyn Running) {
        if self.over || !matches!(phase, Phase::Measuring | Phase::Draining) {
            return;
        }
        self.over = phase == Phase::Draining;
        if let Some(now) = running.consumption() {
            self.first.get_or_insert(now);
            self.last = Some(now);
            self.peak_memory_bytes = self.peak_memory_bytes.max(now.memory_bytes);
        }
    }

    fn usage(&self) -> Option<Usage> {
        let cpu = self.last?.cpu.saturating_sub(self.first?.cpu);
        Some(Usage {
            cpu,
            peak_memory_bytes: self.peak_memory_bytes,
        })
    }
}

fn leave_out(missing: Missing, name: &str, observe: &mut dyn FnMut(Event<'_>)) -> LeftOut {
    let left_out = LeftOut {
        name: name.into(),
        reason: missing.reason,
        remedy: missing.remedy,
    };
    observe(Event::LeftOut(&left_out));
    left_out
}

fn with_log(what: &str, running: &mut dyn Running) -> String {
    match running.last_lines() {
        lines if lines.is_empty() => what.to_owned(),
        lines => format!("{what}; its last log lines:\n{lines}"),
    }
}

/// An error and what caused it, on one line.
fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    words
}
