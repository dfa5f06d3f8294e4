//! One contender's turn: started, waited for until it answers correctly, put under load, stopped.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bakeoff_analysis::FEWEST_ROUNDS;
use bakeoff_load::{
    Arrivals, Control, Enough, LoadConfig, LoadError, MAX_IN_FLIGHT, NotCorrect, Phase, Rate,
    Spacing, Workload,
};
use bakeoff_record::metric::Metric;
use bakeoff_record::{Experiment, Problem, Restart, Run, RunLoad, Usage};
use tokio_util::sync::CancellationToken;

use super::{Comparison, Event, Turn, info};
use crate::contender::{Consumption, Prepared, Running};
use crate::file::{Launch, WarmUp};
use crate::plain::plain;
use crate::ready::NotReady;
use crate::warm_up::Watch;
use crate::{generator, manifest, ready, sweep};

/// How often a starting contender is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(10);
/// The least time that a question to a starting contender may take.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);
/// Bounds of the time for requests in flight at the end of the measured period: as long as the scenario lets a request take,
/// within these bounds. What is slow is answered; what hangs has no answer.
const STOP_TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_mins(1);
/// The least time over which users start, so that they are not in lockstep.
pub(super) const LEAST_SPREAD: Duration = Duration::from_millis(250);
/// The most time over which users start.
const MOST_SPREAD: Duration = Duration::from_secs(30);
/// The warm-up of each step of a sweep: the contender is warm, and the users are not many more than before.
const SWEEP_WARM_UP: Duration = Duration::from_millis(500);
/// The time over which the users of a step of a sweep start.
pub(super) const SWEEP_SPREAD: Duration = Duration::from_millis(250);

/// A contender whose process, container or server is running and answers correctly.
pub(super) struct Started {
    pub(super) running: Box<dyn Running>,
    /// From its start to its first correct answer, until that is written down.
    cold_start: Option<Duration>,
    /// About how long it takes for one request.
    service_time: Duration,
}

/// What a turn writes to.
pub(super) struct Stage<'a> {
    pub(super) experiment: &'a mut Experiment,
    /// Contenders that are kept running from turn to turn, by their name.
    pub(super) running: HashMap<String, Started>,
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
        let observe = &mut *stage.observe;
        let mut say = |why: &str| observe(Event::Waiting(turn, why));
        let started = match stage.running.remove(name) {
            Some(kept) => Ok(kept),
            None => self.start(contender, stage.stop, &mut say),
        };
        let mut started = match started {
            Ok(started) => started,
            Err(_) if stage.stop.is_cancelled() => return,
            Err(what) => return stage.problem(turn, what),
        };
        info::note(&contender.config, started.running.address(), stage);
        load(&mut started, stage);
        if self.file.restart == Restart::Once && started.running.ended().is_none() {
            stage.running.insert(name.clone(), started);
        }
    }

    /// Starts a contender and waits for its first correct answer; `waiting` is told each new reason why there is none yet.
    pub(super) fn start(
        &self,
        contender: &Prepared,
        stop: &CancellationToken,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Started, String> {
        let began = Instant::now();
        let mut running = contender.start(self.cores.as_ref())?;
        let service_time = self
            .wait_until_correct(contender, running.as_mut(), stop, waiting)
            .map_err(|what| with_log(&what, running.as_mut()))?;
        let ran_already = matches!(contender.config.launch, Launch::Url(_));
        Ok(Started {
            running,
            cold_start: (!ran_already).then(|| began.elapsed()),
            service_time,
        })
    }

    /// Puts the turn's load on a contender and adds the run. True if it was measured to its end.
    pub(super) fn measure(
        &self,
        started: &mut Started,
        turn: Turn<'_>,
        stage: &mut Stage<'_>,
    ) -> bool {
        let address = started.running.address();
        let config = self.load_config(address, turn.block, turn.load, started.service_time);
        let running = started.running.as_mut();
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
        own.comparisons()
            .for_each(|process| stage.note_neighbour(turn, process));
        let whole = !measurement.interrupted;
        // Stopped before the measured period began: nothing was measured.
        if !measurement.period.is_zero() {
            let usage = meter.usage();
            // A server elsewhere takes nothing on this machine.
            let elsewhere = running.is_elsewhere().then_some(Duration::ZERO);
            let contender_cpu = usage.map(|usage| usage.cpu).or(elsewhere);
            let run = Run {
                contender: turn.contender.to_owned(),
                block: turn.block,
                load: turn.load,
                cold_start: started.cold_start.take(),
                usage,
                generator: own.used(contender_cpu),
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
    pub(super) fn warm_up(&self, load: RunLoad) -> WarmUp {
        match load {
            RunLoad::Users => self.file.warm_up,
            RunLoad::Sweep { .. } => WarmUp::fixed(SWEEP_WARM_UP),
            // Arrivals scatter by themselves.
            RunLoad::Arrivals { .. } => WarmUp::fixed(self.file.warm_up.at_least),
        }
    }

    /// Time for requests in flight at the end of the measured period.
    pub(super) fn stop_timeout(&self) -> Duration {
        let longest = self.scenario.longest_timeout();
        longest.clamp(*STOP_TIMEOUT.start(), *STOP_TIMEOUT.end())
    }

    /// `true` if the measured period goes on until every user has finished enough rounds: where rates are compared.
    fn is_extended(&self, load: RunLoad) -> bool {
        load == RunLoad::Users && self.file.primary == Metric::SuccessesPerSecond
    }

    /// Configuration of a load on a contender that takes about `service_time` for one request.
    pub(super) fn load_config(
        &self,
        host: &str,
        block: u32,
        load: RunLoad,
        service_time: Duration,
    ) -> LoadConfig {
        let (workload, run_time) = match load {
            RunLoad::Users => (
                Workload::Spread {
                    users: self.users,
                    over: service_time.clamp(LEAST_SPREAD, MOST_SPREAD),
                },
                if self.is_extended(load) {
                    self.file.measure_limit
                } else {
                    self.file.measure
                },
            ),
            RunLoad::Sweep { users } => (
                Workload::Spread {
                    users: NonZeroU32::new(users).unwrap_or(NonZeroU32::MIN),
                    over: SWEEP_SPREAD,
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
            stop_timeout: self.stop_timeout(),
            enough: self.is_extended(load).then_some(Enough {
                at_least: self.file.measure,
                rounds: FEWEST_ROUNDS,
            }),
            // The same within a block, so that every contender is sent the same requests.
            seed: self.file.seed.wrapping_add(u64::from(block)),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// Waits until the contender says that it is ready, where it can, and gives a correct answer to every task. Gives how long
    /// it took for one request.
    fn wait_until_correct(
        &self,
        contender: &Prepared,
        running: &mut dyn Running,
        stop: &CancellationToken,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Duration, String> {
        let mut said = String::new();
        let limit = contender.config.ready_timeout;
        let deadline = Instant::now() + limit;
        let ready = contender.config.ready.as_deref();
        let service_time = loop {
            let asked = ask_ready(running.address(), ready, deadline, stop)
                .and_then(|()| self.first_answer(running.address(), deadline, stop));
            let wrong = match asked {
                Ok(took) => break took,
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
            if wrong != said {
                let limit = humantime::format_duration(limit);
                waiting(&format!("waiting for up to {limit}: {}", plain(&wrong)));
                said = wrong;
            }
            std::thread::sleep(READY_POLL);
        };
        running.ended().map_or(Ok(service_time), |how| {
            Err(format!("{how}, and something else answers at its address"))
        })
    }

    /// Sends one request of each task and checks the answers. Gives how long one of them took on average; the error says
    /// what is wrong with them.
    fn first_answer(
        &self,
        address: &str,
        deadline: Instant,
        stop: &CancellationToken,
    ) -> Result<Duration, Unready> {
        let began = Instant::now();
        let rest = left_until(deadline);
        let check = bakeoff_load::check_once(&self.scenario, address, rest);
        // Requests have their own limits, which the look for a name is not part of.
        let check = async { tokio::time::timeout(rest + LEAST_PATIENCE, check).await };
        match block_on(stop.run_until_cancelled(check)).map_err(Unready::Never)? {
            None => Err(Unready::Never("stopped".into())),
            Some(Err(_)) => Err(Unready::NotYet("no answer".into())),
            Some(Ok(Ok(requests))) => Ok(began.elapsed() / requests.max(1)),
            Some(Ok(Err(NotCorrect::Load(error)))) => Err(Unready::Never(with_causes(&error))),
            Some(Ok(Err(NotCorrect::Answer { request, cause }))) => Err(Unready::WrongAnswer(
                format!("no correct answer to request `{request}`: {cause}"),
            )),
        }
    }
}

/// Waits for a future on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| with_causes(&LoadError::Thread(error)))?;
    let value = runtime.block_on(future);
    // A look for a name cannot be ended early, and nobody waits for it any more.
    runtime.shutdown_background();
    Ok(value)
}

/// The time that one question to a contender may take: until the deadline, and never so little that the deadline would be
/// taken for the reason of a failure.
fn left_until(deadline: Instant) -> Duration {
    let rest = deadline.saturating_duration_since(Instant::now());
    rest.max(LEAST_PATIENCE)
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
fn ask_ready(
    address: &str,
    path: Option<&str>,
    deadline: Instant,
    stop: &CancellationToken,
) -> Result<(), Unready> {
    let Some(path) = path else { return Ok(()) };
    let asked = ready::ask(address, path, left_until(deadline));
    match block_on(stop.run_until_cancelled(asked)).map_err(Unready::Never)? {
        None => Err(Unready::Never("stopped".into())),
        Some(Ok(())) => Ok(()),
        Some(Err(wrong @ NotReady::Resolve { .. })) => Err(Unready::Never(with_causes(&wrong))),
        Some(Err(wrong)) => Err(Unready::NotYet(format!(
            "GET {path} was not answered with 200 ({wrong})"
        ))),
    }
}

impl Stage<'_> {
    pub(super) fn problem(&mut self, turn: Turn<'_>, what: String) {
        let problem = Problem {
            contender: turn.contender.into(),
            block: turn.block,
            load: turn.load,
            what: plain(what),
        };
        (self.observe)(Event::Problem(turn, &problem));
        self.experiment.problems.push(problem);
    }

    /// Another comparison ran while a contender was measured: a fact of this contender, once for each.
    fn note_neighbour(&mut self, turn: Turn<'_>, process: i32) {
        let name = format!("measured beside another comparison (process {process})");
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
            contender.facts.push(manifest::fact(&name, since));
        }
        if is_news {
            (self.observe)(Event::OtherComparison { process });
        }
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
