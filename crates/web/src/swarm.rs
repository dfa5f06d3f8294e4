//! The one load that a page controls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bakeoff_load::{Control, LoadConfig, Phase, Progress, Scenario};
use bakeoff_report::Measurement;

/// A scenario that can be started and stopped again and again, and what its last load measured.
#[derive(Debug)]
pub(crate) struct Swarm {
    scenario: Arc<Scenario>,
    defaults: LoadConfig,
    status: Arc<Mutex<Status>>,
    running: Mutex<Option<Running>>,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) state: State,
    pub(crate) host: String,
    pub(crate) users: u32,
    /// What was measured so far; `None` before the first load.
    pub(crate) measurement: Option<Measurement>,
    /// Why the last load ended before its time.
    pub(crate) error: Option<String>,
}

/// Locust's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Spawning,
    Running,
    Stopping,
    Stopped,
}

#[derive(Debug)]
struct Running {
    control: Control,
    thread: JoinHandle<()>,
}

/// A load is on already.
#[derive(Debug)]
pub(crate) struct Busy;

impl Swarm {
    pub(crate) fn new(scenario: Scenario, defaults: LoadConfig) -> Self {
        let host = defaults.host.clone();
        let status = Status {
            state: State::Ready,
            host,
            users: 0,
            measurement: None,
            error: None,
        };
        let status = Arc::new(Mutex::new(status));
        Self {
            scenario: Arc::new(scenario),
            defaults,
            status,
            running: Mutex::new(None),
        }
    }

    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    pub(crate) fn defaults(&self) -> &LoadConfig {
        &self.defaults
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// Starts a load on a thread of its own.
    pub(crate) fn start(&self, config: LoadConfig) -> Result<(), Busy> {
        let mut running = lock(&self.running);
        if running
            .as_ref()
            .is_some_and(|running| !running.thread.is_finished())
        {
            return Err(Busy);
        }
        let host = config.host.clone();
        *lock(&self.status) = Status {
            state: State::Spawning,
            host,
            users: 0,
            measurement: None,
            error: None,
        };
        let control = Control::new();
        let (scenario, status, in_hand) = (
            Arc::clone(&self.scenario),
            Arc::clone(&self.status),
            control.clone(),
        );
        let thread = std::thread::spawn(move || {
            let observe = |progress: &Progress<'_>| {
                let mut status = lock(&status);
                status.state = state_of(progress.phase);
                status.users = progress.users;
                status.measurement = Some(progress.so_far.clone());
            };
            let outcome = bakeoff_load::run(&scenario, &config, &in_hand, &mut { observe });
            let mut status = lock(&status);
            (status.state, status.users) = (State::Stopped, 0);
            match outcome {
                Ok(measurement) => status.measurement = Some(measurement),
                Err(error) => status.error = Some(error.to_string()),
            }
        });
        *running = Some(Running { control, thread });
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
        lock(&self.status).measurement.take()
    }
}

fn state_of(phase: Phase) -> State {
    match phase {
        Phase::Spawning => State::Spawning,
        Phase::WarmUp | Phase::Measuring => State::Running,
        Phase::Draining => State::Stopping,
    }
}

/// What the mutex holds is whole even if a thread panicked with it: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
