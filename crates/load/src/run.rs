//! Puts a load on a server: starts the threads, collects what they saw and reports how far they are.

use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bakeoff_record::{Mark, Measurement};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::clock::{Clock, FAR};
use crate::collector::Collector;
use crate::control::{Command, Control};
use crate::crowd::Crowd;
use crate::host::Host;
use crate::plan::Plan;
use crate::population::{Population, Stage};
use crate::recorder::Recorder;
use crate::target::Target;
use crate::worker::{self, Handover, Iterations, Rounds, Shared, UserCount};
use crate::workload::Workload;
use crate::{Broken, LoadError, Scenario, Threshold, check_users};

/// Seconds that a thread can be ahead of the collector before it stops telling them apart.
const SECONDS_AHEAD: usize = 8;

/// How soon the collector sees that the load was stopped.
const LOOK_UP: Duration = Duration::from_millis(50);

/// How a scenario is run.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadConfig {
    /// The base address, such as `http://127.0.0.1:8000`.
    pub host: String,
    /// What makes the load.
    pub workload: Workload,
    /// The length of the measured period; `None` measures until stopped, or to the end of the stages.
    pub run_time: Option<Duration>,
    /// Tasks of all users together; the load ends when the last one is over. `None` for any number.
    pub iterations: Option<NonZeroU64>,
    /// `None`: everything counts, from the first user on, as in Locust.
    /// `Some`: the measured period begins this long after the last user was started.
    pub warm_up: Option<Duration>,
    /// How long requests in flight at the end are waited for.
    pub stop_timeout: Duration,
    /// Condition that ends the measured period before `run_time` is over; `None` without one.
    pub enough: Option<Enough>,
    /// What random choices derive from: the same seed gives each user the same requests and wait times.
    pub seed: u64,
    /// Threads that make the load.
    pub threads: NonZeroUsize,
}

impl LoadConfig {
    /// Description of the load for people, such as `70 users at 10/s for 1m`.
    pub fn describe(&self) -> String {
        let time = self.run_time.map(humantime::format_duration);
        let time = time.map_or_else(String::new, |time| format!(" for {time}"));
        format!("{}{time}", self.workload)
    }
}

/// How much has to be measured for a load to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough {
    /// The least measured period.
    pub at_least: Duration,
    /// Tasks of the measured period that every active user has to finish.
    pub rounds: NonZeroU32,
}

/// What a running load is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Users are being started.
    Spawning,
    /// All users are started and nothing counts yet.
    WarmUp,
    /// The measured period, with all users.
    Measuring,
    /// No new requests; the last answers are waited for.
    Draining,
}

/// How far a running load is.
#[derive(Debug)]
pub struct Progress<'a> {
    /// What the load is at.
    pub phase: Phase,
    /// The time since it started.
    pub elapsed: Duration,
    /// Users active now; in an open model, requests in flight.
    pub users: u32,
    /// What was measured so far; its `unfinished` requests are those in flight.
    pub so_far: &'a Measurement,
}

/// Runs `scenario` until its time is over or `control` stops it, and blocks until then.
///
/// After that, requests in flight are waited for up to the stop timeout; those that are still without an answer are
/// failures. `observe` is called on this thread at each change of phase and once a second;
/// seconds run together if it takes longer than some of them.
pub fn run(
    scenario: &Scenario,
    config: &LoadConfig,
    control: &Control,
    observe: &mut dyn FnMut(&Progress<'_>),
) -> Result<Measurement, LoadError> {
    let impossible = |rate: &f64| rate.is_nan() || *rate <= 0.0;
    if let Some(spawn_rate) = config.workload.spawn_rates().into_iter().find(impossible) {
        return Err(LoadError::SpawnRate { spawn_rate });
    }
    if let Workload::Arrivals(_) = config.workload
        && let Some(class) = scenario
            .users()
            .iter()
            .find(|class| class.fixed_count().is_some())
    {
        return Err(LoadError::FixedCount {
            class: class.name().to_owned(),
        });
    }
    check_users(config.workload.most_users())?;
    let population = config.workload.population();
    let runtimes = (0..config.threads.get())
        .map(|_| runtime())
        .collect::<Result<Vec<_>, _>>()?;
    let host = Host::parse(&config.host)?;
    let target = runtimes[0].block_on(Target::new(&host, scenario.connecting()))?;
    let plan = Plan::new(scenario, &host, (config.seed, takers(config)))?;
    let started_at = SystemTime::now();
    let mut collector = Collector::new(&plan, config.threads.get(), started_at);
    if let Workload::Arrivals(_) = config.workload {
        collector.measurement.arrivals = Some(bakeoff_record::Arrivals::default());
    } else {
        collector.measurement.user_time = Some(Duration::ZERO);
    }
    let all_started = population.first_complete();
    let from = config.warm_up.map_or(Duration::ZERO, |warm_up| {
        all_started.saturating_add(warm_up)
    });
    let shared = Arc::new(Shared {
        plan,
        target,
        clock: Clock::start(from, config.run_time.or(config.workload.duration())),
        stop: control.stopped().child_token(),
        give_up: control.given_up().clone(),
        users: UserCount::default(),
        connections_opened: Arc::default(),
        rounds: Rounds::new(config.enough.map(|enough| enough.rounds)),
        no_answer_in_time: format!(
            "no answer within {} after the end of the load",
            humantime::format_duration(config.stop_timeout)
        )
        .into(),
        iterations: Iterations::new(config.iterations),
        epoch: AtomicU32::new(0),
        config: config.clone(),
    });
    Ok(Load {
        shared,
        collector,
        all_started,
        population: watch::Sender::new(Arc::new(population)),
        thresholds: scenario.thresholds(),
        control,
        next_stages: config.workload.next_stages(),
        phase: None,
        observe,
    }
    .run(runtimes))
}

/// Number of users, or in an open model of threads, that share the data rows.
fn takers(config: &LoadConfig) -> usize {
    match &config.workload {
        Workload::Arrivals(_) => config.threads.get(),
        users => users.most_connections() as usize,
    }
}

/// Whether every request of `scenario` can be sent to `host`, judged by its form alone: nobody is asked.
pub fn check_requests(scenario: &Scenario, host: &str) -> Result<(), LoadError> {
    let host = Host::parse(host)?;
    scenario.connecting().check(&host)?;
    Plan::new(scenario, &host, (0, 1)).map(|_| ())
}

fn runtime() -> Result<Runtime, LoadError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LoadError::Thread)
}

/// A load under way, as the collecting thread sees it.
struct Load<'a> {
    shared: Arc<Shared>,
    collector: Collector,
    /// When the users wanted last are all there.
    all_started: Duration,
    population: watch::Sender<Arc<Population>>,
    thresholds: &'a [Threshold],
    control: &'a Control,
    /// Stages that have not begun.
    next_stages: VecDeque<(Duration, Stage)>,
    /// The phase that was last observed.
    phase: Option<Phase>,
    observe: &'a mut dyn FnMut(&Progress<'_>),
}

impl Load<'_> {
    fn run(mut self, runtimes: Vec<Runtime>) -> Measurement {
        let (full, filled) = bounded(SECONDS_AHEAD * runtimes.len());
        let (clear, cleared) = bounded(SECONDS_AHEAD * runtimes.len());
        std::thread::scope(|scope| {
            for (thread, runtime) in runtimes.into_iter().enumerate() {
                let shared = Arc::clone(&self.shared);
                let handover = Handover {
                    full: full.clone(),
                    cleared: cleared.clone(),
                };
                let crowd = Crowd::new(self.population.subscribe());
                scope.spawn(move || {
                    let driven = worker::drive(shared, thread, crowd, handover);
                    LocalSet::new().block_on(&runtime, driven);
                });
            }
            drop(full);
            // If observing panics, this stops the threads, and none waits for what it handed over to be taken.
            let _stop = self.shared.stop.clone().drop_guard();
            let filled = filled;
            self.collect(&filled, &clear);
        });
        self.bring_up_to_date();
        let Shared {
            clock, iterations, ..
        } = &*self.shared;
        let cut_short = clock.until().is_some_and(|until| clock.end() < until);
        let interrupted = cut_short && !iterations.are_over();
        let in_closed_model = self.collector.measurement.user_time.is_some();
        Measurement {
            interrupted,
            unfinished: self.collector.unfinished(),
            fewest_rounds: self.shared.rounds.fewest().filter(|_| in_closed_model),
            distinct_requests: Some(self.shared.plan.distinct_requests()),
            ..self.collector.measurement
        }
    }

    /// Takes what the threads hand over until all of them are done.
    fn collect(&mut self, filled: &Receiver<Recorder>, clear: &Sender<Recorder>) {
        loop {
            self.obey();
            self.mark_stages();
            self.end_in_time();
            if self.phase != Some(self.phase_now()) {
                self.observe();
            }
            match filled.recv_timeout(LOOK_UP.min(self.until_next_phase())) {
                Ok(mut recorder) => {
                    let second_over = self.collector.add(&recorder);
                    recorder.clear();
                    // Where there is no room for it, it is not needed again.
                    let _ = clear.try_send(recorder);
                    if second_over {
                        self.observe();
                        self.give_up_if_hopeless();
                    }
                }
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does what was asked for.
    fn obey(&mut self) {
        for command in self.control.take_commands() {
            let clock = &self.shared.clock;
            let now = clock.now();
            let mut to_be_told = None;
            match command {
                Command::Users { users, rate } => {
                    // What was asked for by hand takes the place of the stages to come.
                    self.next_stages.clear();
                    let mut population = Population::clone(&self.population.borrow());
                    population.change(now, users, rate);
                    self.all_started = now + population.last_complete(now);
                    self.population.send_replace(Arc::new(population));
                    self.mark(now, format!("{users} users at {rate}/s"));
                }
                Command::Begin => {
                    if clock.begin_early() {
                        self.mark(now, "warm-up over".to_owned());
                    }
                }
                Command::Reset(done) => {
                    clock.begin_now();
                    let epoch = self.shared.epoch.fetch_add(1, Ordering::Relaxed) + 1;
                    self.collector.reset(epoch);
                    self.mark(now, "statistics reset".to_owned());
                    to_be_told = Some(done);
                }
            }
            self.observe();
            if let Some(done) = to_be_told {
                // Nobody waits any more where this fails.
                let _ = done.send(());
            }
        }
    }

    /// Ends a load whose measured period began early or was long enough: its threads wait for the end that it had before.
    fn end_in_time(&self) {
        let Shared {
            clock,
            stop,
            config,
            ..
        } = &*self.shared;
        let enough = config.enough.is_some_and(|enough| {
            let measured = clock.now().checked_sub(clock.from());
            measured >= Some(enough.at_least) && self.shared.rounds_done()
        });
        if enough {
            clock.finish_now();
        }
        if clock.now() >= clock.end() {
            stop.cancel();
        }
    }

    /// Marks each stage but the first, with which the load begins.
    fn mark_stages(&mut self) {
        let now = self.shared.clock.now();
        while let Some((at, stage)) = self.next_stages.pop_front_if(|(at, _)| *at <= now) {
            let Stage {
                users, spawn_rate, ..
            } = stage;
            self.mark(at, format!("stage: {users} users at {spawn_rate}/s"));
        }
    }

    /// Ends the load where a threshold that is to do so is broken.
    fn give_up_if_hopeless(&mut self) {
        if self.shared.stop.is_cancelled() {
            return;
        }
        let measurement = &self.collector.measurement;
        let hopeless = self
            .thresholds
            .iter()
            .find_map(|threshold| threshold.aborts(measurement));
        if let Some(broken) = hopeless {
            let now = self.shared.clock.now();
            self.shared.clock.end_now();
            self.shared.stop.cancel();
            let Broken { metric, limit, .. } = broken;
            self.mark(now, format!("given up: {metric} is not {limit}"));
        }
    }

    fn mark(&mut self, at: Duration, what: String) {
        self.collector.measurement.marks.push(Mark { at, what });
    }

    fn observe(&mut self) {
        self.bring_up_to_date();
        let phase = self.phase_now();
        self.phase = Some(phase);
        let progress = Progress {
            phase,
            elapsed: self.shared.clock.now(),
            users: self.shared.users.active.load(Ordering::Relaxed),
            so_far: &self.collector.measurement,
        };
        (self.observe)(&progress);
    }

    /// Sets what does not come from the threads' recorders.
    fn bring_up_to_date(&mut self) {
        let Shared {
            clock,
            users,
            connections_opened,
            ..
        } = &*self.shared;
        let measurement = &mut self.collector.measurement;
        let over = clock.now().min(clock.end());
        let from = clock.from();
        measurement.warm_up = from.min(over);
        measurement.period = over.saturating_sub(from);
        measurement.users = users.most.load(Ordering::Relaxed);
        measurement.connections_opened = connections_opened.load(Ordering::Relaxed);
    }

    fn phase_now(&self) -> Phase {
        let clock = &self.shared.clock;
        match clock.now() {
            now if now >= clock.end() || self.shared.stop.is_cancelled() => Phase::Draining,
            now if now < self.all_started => Phase::Spawning,
            now if now < clock.from() => Phase::WarmUp,
            _ => Phase::Measuring,
        }
    }

    /// The time until the phase changes, if nobody stops the load.
    fn until_next_phase(&self) -> Duration {
        let clock = &self.shared.clock;
        let now = clock.now();
        let enough = self.shared.config.enough;
        let long_enough = enough.map_or(FAR, |enough| clock.from().saturating_add(enough.at_least));
        let changes = [self.all_started, clock.from(), long_enough, clock.end()];
        changes
            .iter()
            .filter_map(|change| change.checked_sub(now))
            .filter(|wait| !wait.is_zero())
            .min()
            .unwrap_or(Duration::MAX)
    }
}
