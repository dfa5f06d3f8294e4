//! Load on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use bakeoff_load::{Control, LoadConfig, Phase, Progress, with_causes};

use super::live::State;
use super::recording::Recording;
use super::{About, Shared, lock};

/// Data that the thread of a load owns.
pub(super) struct Load {
    pub(super) about: Arc<About>,
    pub(super) config: LoadConfig,
    pub(super) control: Control,
    pub(super) shared: Arc<Shared>,
    /// File of the history; `None` if the run is not kept.
    pub(super) store: Option<PathBuf>,
    pub(super) tags: Vec<String>,
}

impl Load {
    /// Starts at once, or after the thread `before` has ended, unless the load was stopped by then.
    pub(super) fn start(self, before: Option<JoinHandle<()>>) -> JoinHandle<()> {
        let Some(before) = before else {
            self.announce();
            return std::thread::spawn(move || self.run());
        };
        std::thread::spawn(move || {
            // A panic of the earlier load was printed.
            let _ = before.join();
            if !self.control.stopped().is_cancelled() {
                self.announce();
                self.run();
            }
        })
    }

    /// Logs and shows the start of the load.
    fn announce(&self) {
        let Self { config, shared, .. } = self;
        let line = format!("starting {} on {}", config.describe(), config.host);
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
            // A load that could not start, such as for a wrong address, gets no entry.
            if let Some(path) = store.take() {
                recording = Recording::begin(&path, &about, &config, tags.clone(), log);
            }
            if let Some(recording) = &mut recording {
                recording.save(progress.so_far, log);
            }
        };
        let load = || bakeoff_load::run(&about.scenario, &config, &control, &mut observe);
        // A load that panics has ended, and the page shows an error.
        let outcome = match catch_unwind(AssertUnwindSafe(load)) {
            Ok(outcome) => outcome.map_err(|error| with_causes(&error)),
            Err(_) => Err(
                "Bakeoff has a bug and the load stopped; the terminal shows the place".to_owned(),
            ),
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
