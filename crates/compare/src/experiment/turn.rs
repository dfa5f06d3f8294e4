//! One contender's turn: started, waited for until it answers correctly, put under load, stopped.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use bakeoff_load::{
    Arrivals, Control, LoadConfig, LoadError, MAX_IN_FLIGHT, NotCorrect, Phase, Rate, SampleAnswer,
    Spacing, Workload,
};
use bakeoff_report::{Experiment, Problem, Restart, Run, RunLoad, Usage};
use tokio_util::sync::CancellationToken;

use super::{Comparison, Event, Turn, info};
use crate::contender::{Consumption, Prepared, Running};
use crate::file::{Launch, WarmUp};
use crate::ready::NotReady;
use crate::warm_up::Watch;
use crate::{answers, generator, ready, sweep};

/// How often a starting contender is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(10);
/// Rows of each task's data that answers are compared for.
const SAMPLED_ROWS: usize = 100;
/// How long requests in flight may take to end after the measured period.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The warm-up of each step of a sweep: the contender is warm, and the users are not many more than before.
const SWEEP_WARM_UP: Duration = Duration::from_millis(500);
/// How soon all users of a step of a sweep are there.
const SWEEP_SPAWN: Duration = Duration::from_millis(250);

/// A contender that is there.
pub(super) struct Started {
    running: Box<dyn Running>,
    /// From its start to its first correct answer, until that is written down.
    cold_start: Option<Duration>,
}

/// What a turn writes to.
pub(super) struct Stage<'a> {
    pub(super) experiment: &'a mut Experiment,
    /// What each contender answered to the sample, by its name.
    pub(super) samples: HashMap<String, Vec<SampleAnswer>>,
    /// Contenders that are kept running from turn to turn, by their name.
    pub(super) running: HashMap<String, Box<dyn Running>>,
    pub(super) stop: &'a CancellationToken,
    pub(super) observe: &'a mut dyn FnMut(Event<'_>),
}

impl Comparison {
    /// Starts a contender, or takes it where it is running still, and lets `load` put loads on it.
    pub(super) fn take_turn(
        &self,
        contender: &Prepared,
        turn: Turn<'_>,
        stage: &mut Stage<'_>,
        load: &mut dyn FnMut(&mut Started, &mut Stage<'_>),
    ) {
        if stage.stop.is_cancelled() {
            return;
        }
        (stage.observe)(Event::Starting(turn));
        let name = &contender.config.name;
        let kept = stage.running.remove(name).map(|running| Started {
            running,
            cold_start: None,
        });
        let started = match kept {
            Some(started) => Ok(started),
            None => self.start(contender, stage.stop),
        };
        let mut started = match started {
            Ok(started) => started,
            Err(_) if stage.stop.is_cancelled() => return,
            Err(what) => return stage.problem(turn, what),
        };
        info::note(&contender.config, started.running.address(), stage);
        if let Err(what) = self.sample(contender, started.running.address(), stage) {
            return stage.problem(turn, what);
        }
        load(&mut started, stage);
        if self.file.restart == Restart::Once && started.running.ended().is_none() {
            stage.running.insert(name.clone(), started.running);
        }
    }

    fn start(&self, contender: &Prepared, stop: &CancellationToken) -> Result<Started, String> {
        let began = Instant::now();
        let mut running = contender.start(self.cores.as_ref())?;
        self.wait_until_correct(contender, running.as_mut(), stop)
            .map_err(|what| with_log(&what, running.as_mut()))?;
        let ran_already = matches!(contender.config.launch, Launch::Url(_));
        Ok(Started {
            running,
            cold_start: (!ran_already).then(|| began.elapsed()),
        })
    }

    /// Puts the turn's load on a contender and adds the run. True if it was measured to its end.
    pub(super) fn measure(
        &self,
        started: &mut Started,
        turn: Turn<'_>,
        stage: &mut Stage<'_>,
    ) -> bool {
        let running = started.running.as_mut();
        let config = self.load_config(running.address(), turn.block, turn.load);
        let control = Control::from(stage.stop.clone());
        let mut meter = UsageMeter::default();
        let mut own = generator::Meter::default();
        let mut warm_up = Watch::new(self.warm_up(turn.load));
        let outcome = bakeoff_load::run(&self.scenario, &config, &control, &mut |progress| {
            warm_up.follow(progress, &control);
            meter.follow(progress.phase, running);
            own.follow(progress.phase);
            (stage.observe)(Event::Load(turn, progress));
        });
        let mut measurement = match outcome {
            Ok(measurement) => measurement,
            Err(error) => {
                stage.problem(turn, with_causes(&error));
                return false;
            }
        };
        if let Some(how) = running.ended() {
            // What it did until then is shown, but is no basis for a comparison.
            measurement.interrupted = true;
            stage.problem(turn, with_log(&format!("{how} under load"), running));
        }
        let whole = !measurement.interrupted;
        // Stopped before the measured period began: nothing was measured.
        if !measurement.period.is_zero() {
            let run = Run {
                contender: turn.contender.to_owned(),
                block: turn.block,
                load: turn.load,
                cold_start: started.cold_start.take(),
                usage: meter.usage(),
                generator: own.used(),
                settled: warm_up.has_settled(),
                measurement,
            };
            (stage.observe)(Event::Measured(turn, &run));
            stage.experiment.runs.push(run);
        }
        whole
    }

    /// Puts more and more users on a contender until that makes no more requests.
    pub(super) fn sweep(&self, started: &mut Started, turn: Turn<'_>, stage: &mut Stage<'_>) {
        let first = stage.experiment.runs.len();
        while let Some(users) =
            sweep::next_step(&stage.experiment.runs[first..], self.file.sweep_users)
        {
            let load = RunLoad::Sweep { users: users.get() };
            let measured = self.measure(started, Turn { load, ..turn }, stage);
            if !measured || stage.experiment.runs.len() == first {
                return;
            }
        }
    }

    /// How a contender is warmed up for a load.
    fn warm_up(&self, load: RunLoad) -> WarmUp {
        match load {
            RunLoad::Users => self.file.warm_up,
            RunLoad::Sweep { .. } => WarmUp::fixed(SWEEP_WARM_UP),
            // Arrivals scatter by themselves.
            RunLoad::Arrivals { .. } => WarmUp::fixed(self.file.warm_up.at_least),
        }
    }

    pub(super) fn load_config(&self, host: &str, block: u32, load: RunLoad) -> LoadConfig {
        let (workload, run_time) = match load {
            RunLoad::Users => (
                Workload::Users {
                    users: self.users,
                    spawn_rate: self.spawn_rate,
                },
                self.file.measure,
            ),
            RunLoad::Sweep { users } => (
                Workload::Users {
                    users: NonZeroU32::new(users).unwrap_or(NonZeroU32::MIN),
                    spawn_rate: f64::from(users) / SWEEP_SPAWN.as_secs_f64(),
                },
                self.file.sweep_measure,
            ),
            RunLoad::Arrivals { per_second } => (
                Workload::Arrivals(Arrivals {
                    rates: vec![Rate::constant(per_second)],
                    spacing: Spacing::Poisson,
                    max_in_flight: MAX_IN_FLIGHT,
                }),
                self.file.measure,
            ),
        };
        LoadConfig {
            host: host.to_owned(),
            workload,
            iterations: None,
            run_time: Some(run_time),
            warm_up: Some(self.warm_up(load).at_most),
            stop_timeout: STOP_TIMEOUT,
            // The same within a block, so that every contender is sent the same requests.
            seed: self.file.seed.wrapping_add(u64::from(block)),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
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
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, String> {
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

fn with_log(what: &str, running: &mut dyn Running) -> String {
    match running.last_lines() {
        lines if lines.is_empty() => what.to_owned(),
        lines => format!("{what}; its last log lines:\n{lines}"),
    }
}

/// An error and what caused it, on one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    words
}
