//! The load of a page. Only this module starts or changes a load.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use bakeoff_history::History;
use bakeoff_load::{Control, LoadConfig, Scenario, Workload, check_host};
use bakeoff_record::{LoadTest, Machine, Measurement};
use tokio::sync::{oneshot, watch};

use crate::PageConfig;
use crate::form::{SwarmForm, fit};
use crate::log::Log;

mod live;
mod load;
mod recording;

pub(crate) use live::{Live, State};
use load::Load;

/// Longest wait for a reset of the statistics. A load needs far less, unless it ends at that moment.
const RESET_PATIENCE: Duration = Duration::from_secs(1);

/// A scenario that can be started and stopped repeatedly, and the measurement of its last load.
#[derive(Debug)]
pub(crate) struct Swarm {
    about: Arc<About>,
    /// History for reading. Each load writes through its own handle.
    history: Option<Mutex<History>>,
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

/// Data of a page that all of its loads share.
#[derive(Debug, Clone)]
struct About {
    scenario: Scenario,
    defaults: LoadConfig,
    machine: Machine,
    bakeoff_version: String,
}

/// State that the thread of the load and the requests share.
#[derive(Debug)]
struct Shared {
    live: Mutex<Live>,
    /// Number of changes, for requests that wait for one.
    changes: watch::Sender<u64>,
    log: Log,
}

#[derive(Debug)]
struct Running {
    control: Control,
    /// Configuration with the latest changes.
    config: LoadConfig,
    thread: JoinHandle<()>,
}

impl Running {
    fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }
}

/// Users and spawn rate of a load; `None` for an arrival rate.
pub(crate) fn users_of(workload: &Workload) -> Option<(NonZeroU32, f64)> {
    match workload {
        Workload::Users { users, spawn_rate } => Some((*users, *spawn_rate)),
        Workload::Stages(stages) => {
            let stage = stages.iter().max_by_key(|stage| stage.users)?;
            Some((NonZeroU32::new(stage.users)?, stage.spawn_rate))
        }
        Workload::Spread { users, over } => {
            let rate = f64::from(users.get()) / over.as_secs_f64();
            Some((
                *users,
                if rate.is_finite() {
                    rate
                } else {
                    f64::from(users.get())
                },
            ))
        }
        Workload::Arrivals(_) => None,
    }
}

/// Error of a request to start or change a load.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SwarmError {
    #[error("cannot change stages or arrival_rate of a running test; stop it first")]
    Fixed,
    #[error("cannot start a test without users: user_count must be above zero")]
    NobodyToStart,
    #[error("cannot change the users of a test that has an arrival rate")]
    NoUsers,
    #[error("an experiment is running; stop it first")]
    ExperimentIsRunning,
    #[error("{0}")]
    Form(String),
}

/// Effect of a form.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A new load, which starts at once or after the end of the current one.
    Started(LoadConfig),
    /// The running load, with changed users.
    Changed(LoadConfig),
}

impl Swarm {
    pub(crate) fn new(config: PageConfig) -> Self {
        let history = config.history;
        let log = Log::default();
        for run in history.iter().flat_map(History::cut_short) {
            log.error(&format!(
                "run {} of {} was cut short; its measurements are in the history",
                run.id, run.name
            ));
        }
        let (changes, _) = watch::channel(0);
        let live = Mutex::new(Live::new(config.defaults.host.clone()));
        let about = Arc::new(About {
            scenario: config.scenario,
            defaults: config.defaults,
            machine: config.machine,
            bakeoff_version: config.bakeoff_version,
        });
        Self {
            about,
            history: history.map(Mutex::new),
            shared: Arc::new(Shared { live, changes, log }),
            running: Mutex::new(None),
        }
    }

    /// `true` while a load is running.
    pub(crate) fn is_running(&self) -> bool {
        lock(&self.running).as_ref().is_some_and(Running::is_alive)
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

    /// History, locked for reading.
    pub(crate) fn history(&self) -> Option<MutexGuard<'_, History>> {
        self.history.as_ref().map(lock)
    }

    /// Reads the current state of the load. The load is blocked meanwhile.
    pub(crate) fn status<Seen>(&self, look: impl FnOnce(&Live) -> Seen) -> Seen {
        look(&lock(&self.shared.live))
    }

    /// Receiver of every change of the state.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Last load; `None` before the first one.
    pub(crate) fn load_test(&self) -> Option<LoadTest> {
        self.status(|live| Some(self.test_of(live, live.measurement.clone()?)))
    }

    /// Load without measurements.
    pub(crate) fn nothing_measured(&self) -> LoadTest {
        let nothing = Measurement::nothing(SystemTime::now());
        self.status(|live| self.test_of(live, nothing))
    }

    fn test_of(&self, live: &Live, measurement: Measurement) -> LoadTest {
        LoadTest {
            name: self.scenario().name().to_owned(),
            host: live.host.clone(),
            bakeoff_version: self.version().to_owned(),
            machine: self.about.machine.clone(),
            measurement,
        }
    }

    /// Starts a load, or changes the running one.
    ///
    /// A run has one host. Another host ends the run, and a new one starts after its requests in flight.
    pub(crate) fn ask(&self, form: SwarmForm) -> Result<Asked, SwarmError> {
        let mut running = lock(&self.running);
        let alive = running.as_mut().filter(|running| running.is_alive());
        let defaults = match alive {
            Some(now) if self.is_ending(now) => self.defaults().clone(),
            Some(now)
                if form
                    .host
                    .as_ref()
                    .is_some_and(|host| *host != now.config.host) =>
            {
                now.config.clone()
            }
            Some(now) => {
                self.change(now, &form)?;
                return Ok(Asked::Changed(now.config.clone()));
            }
            None => self.defaults().clone(),
        };
        let begun = self.launch(form, &defaults, || {
            let before = running.take()?;
            before.control.stop();
            Some(before.thread).filter(|thread| !thread.is_finished())
        })?;
        let begun = running.insert(begun);
        Ok(Asked::Started(begun.config.clone()))
    }

    /// `true` if the load only waits for its requests in flight.
    fn is_ending(&self, running: &Running) -> bool {
        running.control.stopped().is_cancelled()
            || self.status(|live| live.state == State::Stopping)
    }

    /// Starts a load after the end of the thread that `before` returns. `before` is not called for a wrong form.
    fn launch(
        &self,
        mut form: SwarmForm,
        defaults: &LoadConfig,
        before: impl FnOnce() -> Option<JoinHandle<()>>,
    ) -> Result<Running, SwarmError> {
        let tags = form.profile.take().into_iter().collect();
        let about = self.about_classes(&std::mem::take(&mut form.user_classes))?;
        let config = form.over(defaults)?;
        check_host(&config.host).map_err(|error| SwarmError::Form(error.to_string()))?;
        let control = Control::new();
        let load = Load {
            about,
            config: config.clone(),
            control: control.clone(),
            shared: Arc::clone(&self.shared),
            store: self.history().map(|history| history.path().to_owned()),
            tags,
        };
        Ok(Running {
            control,
            config,
            thread: load.start(before()),
        })
    }

    /// Data of a load with these user classes only, or with all classes if `names` is empty.
    fn about_classes(&self, names: &[String]) -> Result<Arc<About>, SwarmError> {
        if names.is_empty() {
            return Ok(Arc::clone(&self.about));
        }
        let mut about = (*self.about).clone();
        let selected = about.scenario.select_users(names);
        selected.map_err(|error| SwarmError::Form(error.to_string()))?;
        Ok(Arc::new(about))
    }

    /// Changes the users of the running load.
    fn change(&self, running: &mut Running, form: &SwarmForm) -> Result<(), SwarmError> {
        if form.workload.is_some() {
            return Err(SwarmError::Fixed);
        }
        let Some((users_now, rate_now)) = users_of(&running.config.workload) else {
            return Err(SwarmError::NoUsers);
        };
        let users = form.users.unwrap_or(users_now.get());
        let spawn_rate = form.spawn_rate.unwrap_or(rate_now);
        fit(users)?;
        running.control.set_users(users, spawn_rate);
        running.config.workload = Workload::Users {
            users: NonZeroU32::new(users).unwrap_or(users_now),
            spawn_rate,
        };
        let line = format!("{users} users at {spawn_rate}/s from now on");
        self.shared.log.info(&line);
        Ok(())
    }

    /// Resets the statistics of a running load, or deletes those of an ended one. The history keeps its entry.
    ///
    /// Statistics that are read after the return are those after the reset.
    pub(crate) async fn reset(&self) {
        if let Some(done) = self.ask_for_reset() {
            // A load that ends at this moment does not answer.
            let _ = tokio::time::timeout(RESET_PATIENCE, done).await;
        }
        self.shared.log.info("statistics reset");
        self.shared.changed();
    }

    fn ask_for_reset(&self) -> Option<oneshot::Receiver<()>> {
        // The thread of a stopped load may still write to the history.
        let is_over = self.status(|live| live.state == State::Stopped);
        match &*lock(&self.running) {
            Some(running) if !is_over && running.is_alive() => Some(running.control.reset()),
            _ => {
                lock(&self.shared.live).forget();
                None
            }
        }
    }

    /// Stops the load. Its own thread waits for its requests in flight.
    pub(crate) fn stop(&self) {
        if let Some(running) = &*lock(&self.running) {
            running.control.stop();
        }
    }

    /// Stops the load, waits for its end, and returns the measurement of the last one.
    pub(crate) fn finish(&self) -> Option<Measurement> {
        let running = lock(&self.running).take();
        if let Some(running) = running {
            running.control.stop();
            // A panic of the load was printed. Its measurements until then are in the state.
            let _ = running.thread.join();
        }
        lock(&self.shared.live).measurement.take()
    }
}

impl Shared {
    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

/// Locks the mutex, also after a panic of its holder. Every change is one assignment, so the value is consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
