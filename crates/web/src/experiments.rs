//! The experiment of the page: started from a file named with `--experiment`, followed, stopped.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bakeoff_compare::{CompareError, Event, ExperimentFile, ExperimentRunner, Message};
use bakeoff_load::with_causes;
use bakeoff_record::Experiment;
use tokio_util::sync::CancellationToken;

use crate::swarm::lock;

/// Most lines of news that are kept.
const NEWS: usize = 200;

/// Reason why an experiment is not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExperimentError {
    #[error(
        "cannot start `{0}`: this page has no such experiment file; name the file with --experiment when the page is started"
    )]
    UnknownFile(String),
    #[error("an experiment is running; stop it first")]
    Busy,
    #[error("a load is running; stop it first")]
    LoadIsRunning,
    #[error("{0}")]
    Compare(String),
}

/// Experiment files of the page, and the status of the last experiment.
#[derive(Debug)]
pub(crate) struct Experiments {
    files: Vec<PathBuf>,
    shared: Arc<Mutex<Status>>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

/// Status of an experiment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// File of the experiment; empty before the first.
    pub(crate) file: String,
    /// `true` while it is running.
    pub(crate) is_running: bool,
    /// Present activity, such as `block 2/6  fastapi: 187 requests/s`.
    pub(crate) now: String,
    /// Share of the turns that are over, 0 to 1.
    pub(crate) done_ratio: f64,
    /// Lines of past events, oldest first.
    pub(crate) news: Vec<String>,
    /// Estimates for each contender after the last finished block.
    pub(crate) so_far: Vec<String>,
    /// Record after the last finished block.
    pub(crate) experiment: Option<Arc<Experiment>>,
}

impl Experiments {
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            shared: Arc::default(),
            running: Mutex::default(),
        }
    }

    /// Experiment files, as they were named on the command line.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = self.files.iter();
        files.map(|file| file.display().to_string()).collect()
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.shared).clone()
    }

    pub(crate) fn is_running(&self) -> bool {
        lock(&self.shared).is_running
    }

    /// Starts the experiment in `file`. `quick` takes the fewest blocks that can show a difference.
    pub(crate) fn start(&self, file: &str, quick: bool) -> Result<(), ExperimentError> {
        let path = self
            .files
            .iter()
            .find(|path| path.display().to_string() == file)
            .ok_or_else(|| ExperimentError::UnknownFile(file.to_owned()))?;
        let mut running = lock(&self.running);
        if running.as_ref().is_some_and(|it| !it.thread.is_finished()) {
            return Err(ExperimentError::Busy);
        }
        let runner = open(path, quick)?;
        *lock(&self.shared) = Status {
            file: file.to_owned(),
            is_running: true,
            now: "preparing".to_owned(),
            ..Status::default()
        };
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(&self.shared), stop.clone());
        let thread = std::thread::spawn(move || conduct(runner, &shared, &stopped));
        *running = Some(Running { stop, thread });
        Ok(())
    }

    /// Stops the running experiment. Finished runs are kept.
    pub(crate) fn stop(&self) {
        if let Some(running) = &*lock(&self.running) {
            running.stop.cancel();
        }
    }

    /// Stops the running experiment and waits for the end of every contender.
    pub(crate) fn finish(&self) {
        self.stop();
        let running = lock(&self.running).take();
        if let Some(running) = running {
            let _ = running.thread.join();
        }
    }
}

fn open(path: &Path, quick: bool) -> Result<ExperimentRunner, ExperimentError> {
    let in_words = |error: CompareError| ExperimentError::Compare(with_causes(&error));
    let mut file = ExperimentFile::open(path).map_err(in_words)?;
    if quick {
        file.make_quick();
    }
    file.check_blocks().map_err(in_words)?;
    ExperimentRunner::new(file).map_err(in_words)
}

/// Runs the experiment to its end and updates the status.
fn conduct(mut runner: ExperimentRunner, shared: &Mutex<Status>, stop: &CancellationToken) {
    // Its drop marks the experiment as over even after a panic.
    let _over = Over(shared);
    let mut observe = |event: Event<'_>| match event {
        // The lines of a block are in `so_far`.
        Event::BlockOver(experiment) => keep(shared, experiment),
        event => lock(shared).follow(&event),
    };
    let mut experiment = match runner.prepare(stop, &mut observe) {
        Ok(experiment) => experiment,
        Err(error) => {
            return lock(shared).tell(format!(
                "cannot start the experiment: {}",
                with_causes(&error)
            ));
        }
    };
    runner.run(&mut experiment, stop, &mut observe);
    keep(shared, &experiment);
}

/// Updates the status after a block. The estimates are computed before the lock, since requests of the page wait for it.
fn keep(shared: &Mutex<Status>, experiment: &Experiment) {
    let so_far = bakeoff_analysis::interpretation::render_so_far(experiment);
    let experiment = Some(Arc::new(experiment.clone()));
    let mut status = lock(shared);
    (status.so_far, status.experiment) = (so_far, experiment);
}

struct Over<'a>(&'a Mutex<Status>);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut status = lock(self.0);
        status.is_running = false;
        status.now.clear();
    }
}

impl Status {
    fn follow(&mut self, event: &Event<'_>) {
        if let Event::Starting(turn) | Event::Load(turn, _) | Event::Measured(turn, _) = event {
            self.done_ratio = f64::from(turn.turns_before) / f64::from(turn.turns.max(1));
        }
        match event.message() {
            Message::Status(now) => self.now = now,
            Message::Lines(lines) => lines.into_iter().for_each(|line| self.tell(line)),
        }
    }

    fn tell(&mut self, line: String) {
        if self.news.len() == NEWS {
            self.news.remove(0);
        }
        self.news.push(line);
    }
}
