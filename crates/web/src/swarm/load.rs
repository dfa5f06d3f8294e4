//! A load on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use bakeoff_load::{Control, LoadConfig, Phase, Progress, with_causes};

use super::live::State;
use super::recording::{self, Recording};
use super::{About, Shared, lock};

/// What a load's thread owns.
pub(super) struct Load {
    pub(super) about: Arc<About>,
    pub(super) config: LoadConfig,
    pub(super) control: Control,
    pub(super) shared: Arc<Shared>,
    /// Where the run is kept, and under which tags.
    pub(super) store: Option<PathBuf>,
    pub(super) tags: Vec<String>,
}

impl Load {
    /// Begins at once, or when the thread `before` has ended, unless it was stopped by then.
    pub(super) fn start(self, before: Option<JoinHandle<()>>) -> JoinHandle<()> {
        let Some(before) = before else {
            self.announce();
            return std::thread::spawn(move || self.run());
        };
        std::thread::spawn(move || {
            // A panic of that load was printed.
            let _ = before.join();
            if !self.control.stopped().is_cancelled() {
                self.announce();
                self.run();
            }
        })
    }

    /// Says that the load begins.
    fn announce(&self) {
        let Self { config, shared, .. } = self;
        let asked = recording::describe(config);
        let line = format!("starting {asked} on {}", config.host);
        shared.log.info(&line);
        lock(&shared.live).begin(config.host.clone());
        shared.changed();
    }

    fn run(self) {
        let Self {
            about,
            config,
            control,
            shared,
            mut store,
            tags,
        } = self;
        let log = &shared.log;
        let mut recording: Option<Recording> = None;
        let mut observe = |progress: &Progress<'_>| {
            let mut live = lock(&shared.live);
            live.follow(state_of(progress.phase), progress.users, progress.so_far);
            drop(live);
            shared.changed();
            // Only a load that has begun is a run: the address may lead nowhere.
            if let Some(path) = store.take() {
                recording = Recording::begin(&path, &about, &config, tags.clone(), log);
            }
            if let Some(recording) = &mut recording {
                recording.save(progress.so_far, log);
            }
        };
        let load = || bakeoff_load::run(&about.scenario, &config, &control, &mut observe);
        // A load that panics is over, and the page says so: what it was at is no use to anybody.
        let outcome = match catch_unwind(AssertUnwindSafe(load)) {
            Ok(outcome) => outcome.map_err(|error| with_causes(&error)),
            Err(_) => Err("Bakeoff itself failed; the terminal says where".to_owned()),
        };
        let mut live = lock(&shared.live);
        live.end(outcome);
        match &live.error {
            Some(error) => log.error(error),
            None => log.info("test stopped"),
        }
        let measured = live.measurement.clone();
        drop(live);
        if let Some(recording) = recording {
            recording.finish(measured.as_ref(), log);
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
