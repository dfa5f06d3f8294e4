//! The one load that a page controls. Nothing else in this crate starts or steers a load.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bakeoff_load::{Control, LoadConfig, Phase, Progress, Scenario, Workload};
use bakeoff_report::{History, LoadTest, Machine, Measurement};
use tokio::sync::watch;

use crate::PageConfig;
use crate::form::SwarmForm;
use crate::log::Log;

mod live;
mod recording;

pub(crate) use live::{Live, State};
use recording::Recording;

/// A scenario that can be started and stopped again and again, and what its last load measured.
#[derive(Debug)]
pub(crate) struct Swarm {
    about: About,
    /// The history for reading; each load writes through a handle of its own.
    history: Option<Mutex<History>>,
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

/// What every load of a page has in common.
#[derive(Debug)]
struct About {
    scenario: Scenario,
    defaults: LoadConfig,
    machine: Machine,
    bakeoff_version: String,
}

/// What the load's thread and the page's visitors have in common.
#[derive(Debug)]
struct Shared {
    live: Mutex<Live>,
    /// Counts changes, for those who wait for one.
    changes: watch::Sender<u64>,
    log: Log,
}

#[derive(Debug)]
struct Running {
    control: Control,
    /// The workload as it was asked for last.
    workload: Workload,
    thread: JoinHandle<()>,
}

impl Running {
    fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }
}

/// The users of a load, and how fast they start; `None` where requests arrive by themselves.
pub(crate) fn users_of(workload: &Workload) -> Option<(NonZeroU32, f64)> {
    match workload {
        Workload::Users { users, spawn_rate } => Some((*users, *spawn_rate)),
        Workload::Stages(stages) => {
            let stage = stages.iter().max_by_key(|stage| stage.users)?;
            Some((NonZeroU32::new(stage.users)?, stage.spawn_rate))
        }
        Workload::Arrivals(_) => None,
    }
}

/// Why the load is not as asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SwarmError {
    #[error("a load is running; stop it first")]
    Busy,
    #[error("no load is running")]
    NotRunning,
    #[error("requests arrive by themselves; there are no users to change")]
    NoUsers,
    #[error("{0}")]
    Form(String),
}

impl Swarm {
    pub(crate) fn new(config: PageConfig) -> Self {
        let history = config.history;
        let log = Log::default();
        for run in history.iter().flat_map(History::cut_short) {
            log.error(&format!(
                "run {} of {} was cut short; what it measured is in the history",
                run.id, run.name
            ));
        }
        let (changes, _) = watch::channel(0);
        let live = Mutex::new(Live::new(config.defaults.host.clone()));
        let about = About {
            scenario: config.scenario,
            defaults: config.defaults,
            machine: config.machine,
            bakeoff_version: config.bakeoff_version,
        };
        Self {
            about,
            history: history.map(Mutex::new),
            shared: Arc::new(Shared { live, changes, log }),
            running: Mutex::new(None),
        }
    }

    pub(crate) fn scenario(&self) -> &Scenario {
        &self.about.scenario
    }

    pub(crate) fn defaults(&self) -> &LoadConfig {
        &self.about.defaults
    }

    pub(crate) fn version(&self) -> &str {
        &self.about.bakeoff_version
    }

    pub(crate) fn log(&self) -> &Log {
        &self.shared.log
    }

    /// The history, which nobody else reads meanwhile.
    pub(crate) fn history(&self) -> Option<MutexGuard<'_, History>> {
        self.history.as_ref().map(lock)
    }

    /// Looks at the load as it is now. The load waits meanwhile.
    pub(crate) fn status<Seen>(&self, look: impl FnOnce(&Live) -> Seen) -> Seen {
        look(&lock(&self.shared.live))
    }

    /// Is told of every change of the status.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// The last load as it is reported; `None` before the first.
    pub(crate) fn load_test(&self) -> Option<LoadTest> {
        self.status(|live| {
            Some(LoadTest {
                name: self.scenario().name().to_owned(),
                host: live.host.clone(),
                bakeoff_version: self.version().to_owned(),
                machine: self.about.machine.clone(),
                measurement: live.measurement.clone()?,
            })
        })
    }

    pub(crate) fn is_running(&self) -> bool {
        let running = lock(&self.running);
        running.as_ref().is_some_and(Running::is_alive)
    }

    /// Starts a load on a thread of its own, and returns how it is configured.
    pub(crate) fn start(&self, form: SwarmForm) -> Result<LoadConfig, SwarmError> {
        let config = form.over(self.defaults());
        let mut running = lock(&self.running);
        if running.as_ref().is_some_and(Running::is_alive) {
            return Err(SwarmError::Busy);
        }
        let asked = recording::describe(&config);
        self.shared
            .log
            .info(&format!("starting {asked} on {}", config.host));
        lock(&self.shared.live).begin(config.host.clone());
        self.shared.changed();
        let control = Control::new();
        let recording = self.recording(&config);
        let load = Load {
            scenario: self.scenario().clone(),
            config: config.clone(),
            control: control.clone(),
            shared: Arc::clone(&self.shared),
            recording,
        };
        let thread = std::thread::spawn(move || load.run());
        *running = Some(Running {
            control,
            workload: config.workload.clone(),
            thread,
        });
        Ok(config)
    }

    /// Changes the users of the running load.
    pub(crate) fn edit(
        &self,
        users: Option<NonZeroU32>,
        spawn_rate: Option<f64>,
    ) -> Result<(), SwarmError> {
        let mut running = lock(&self.running);
        let running = running.as_mut().filter(|running| running.is_alive());
        let running = running.ok_or(SwarmError::NotRunning)?;
        let Some((users_now, rate_now)) = users_of(&running.workload) else {
            return Err(SwarmError::NoUsers);
        };
        let (users, spawn_rate) = (users.unwrap_or(users_now), spawn_rate.unwrap_or(rate_now));
        running.control.set_users(users.get(), spawn_rate);
        running.workload = Workload::Users { users, spawn_rate };
        self.shared
            .log
            .info(&format!("{users} users at {spawn_rate}/s from now on"));
        Ok(())
    }

    /// Forgets what the running load measured so far.
    pub(crate) fn reset(&self) -> Result<(), SwarmError> {
        let running = lock(&self.running);
        let running = running.as_ref().filter(|running| running.is_alive());
        running.ok_or(SwarmError::NotRunning)?.control.reset();
        self.shared.log.info("statistics reset");
        Ok(())
    }

    /// Asks the load to end; its requests in flight are waited for in its own thread.
    pub(crate) fn stop(&self) {
        if let Some(running) = &*lock(&self.running) {
            running.control.stop();
        }
    }

    /// Ends the load, waits for its end, and returns what the last one measured.
    pub(crate) fn finish(&self) -> Option<Measurement> {
        let running = lock(&self.running).take();
        if let Some(running) = running {
            running.control.stop();
            // A panic of the load was printed; what it measured until then is in the status.
            let _ = running.thread.join();
        }
        lock(&self.shared.live).measurement.take()
    }

    fn recording(&self, config: &LoadConfig) -> Option<Recording> {
        let path = self.history()?.path().to_owned();
        match Recording::begin(&path, &self.about, config) {
            Ok(recording) => Some(recording),
            Err(error) => {
                self.shared.log.error(&recording::not_kept(&error));
                None
            }
        }
    }
}

impl Shared {
    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

/// What a load's thread owns.
struct Load {
    scenario: Scenario,
    config: LoadConfig,
    control: Control,
    shared: Arc<Shared>,
    recording: Option<Recording>,
}

impl Load {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut observe = |progress: &Progress<'_>| {
            let mut live = lock(&shared.live);
            live.follow(state_of(progress.phase), progress.users, progress.so_far);
            drop(live);
            shared.changed();
            if let Some(recording) = &mut self.recording {
                recording.save(progress.so_far, &shared.log);
            }
        };
        let outcome = bakeoff_load::run(&self.scenario, &self.config, &self.control, &mut observe);
        let mut live = lock(&shared.live);
        live.end(outcome.map_err(|error| with_causes(&error)));
        match &live.error {
            Some(error) => shared.log.error(error),
            None => shared.log.info("test stopped"),
        }
        let measured = live.measurement.clone();
        drop(live);
        if let Some(recording) = self.recording {
            recording.finish(measured.as_ref(), &shared.log);
        }
        shared.changed();
    }
}

fn state_of(phase: Phase) -> State {
    match phase {
        Phase::Spawning => State::Spawning,
        Phase::WarmUp | Phase::Measuring => State::Running,
        Phase::Draining => State::Stopping,
    }
}

/// The error and what it came from, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

/// What the mutex holds is whole even if a thread panicked with it: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
