//! The experiment of a page: start from a file of the command line, progress, stop.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bakeoff_compare::{CompareError, Comparison, Event, ExperimentFile, Said};
use bakeoff_record::Experiment;
use tokio_util::sync::CancellationToken;

use crate::swarm::{lock, with_causes};

/// Log lines that are kept.
const NEWS: usize = 200;

/// Error at the start of an experiment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExperimentError {
    #[error("cannot start `{0}`: the page was started without --experiment {0}")]
    UnknownFile(String),
    #[error("an experiment is running; stop it first")]
    Busy,
    #[error("a load is running; stop it first")]
    LoadIsRunning,
    #[error("{0}")]
    Compare(String),
}

/// Experiment files, and the status of the last started experiment.
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
    /// File of the experiment; empty before the first one.
    pub(crate) file: String,
    /// `true` while it is running.
    pub(crate) is_running: bool,
    /// Current step, such as `block 2/6  fastapi: 187 requests/s`.
    pub(crate) now: String,
    /// Finished part, 0 to 1.
    pub(crate) done_ratio: f64,
    /// Log lines, oldest first.
    pub(crate) news: Vec<String>,
    /// Result of each contender after the last finished block.
    pub(crate) so_far: Vec<String>,
    /// Measurements after the last finished block.
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

    /// Paths of the experiment files, as on the command line.
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

    /// Starts the experiment in `file`. A quick one has the fewest blocks that can show a difference.
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
        let comparison = open(path, quick)?;
        *lock(&self.shared) = Status {
            file: file.to_owned(),
            is_running: true,
            now: "preparing".to_owned(),
            ..Status::default()
        };
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(&self.shared), stop.clone());
        let thread = std::thread::spawn(move || conduct(comparison, &shared, &stopped));
        *running = Some(Running { stop, thread });
        Ok(())
    }

    /// Stops the running experiment. Its measurements are kept.
    pub(crate) fn stop(&self) {
        if let Some(running) = &*lock(&self.running) {
            running.stop.cancel();
        }
    }

    /// Stops the experiment, and waits until every contender has ended.
    pub(crate) fn finish(&self) {
        self.stop();
        let running = lock(&self.running).take();
        if let Some(running) = running {
            let _ = running.thread.join();
        }
    }
}

fn open(path: &Path, quick: bool) -> Result<Comparison, ExperimentError> {
    let in_words = |error: CompareError| ExperimentError::Compare(with_causes(&error));
    let mut file = ExperimentFile::open(path).map_err(in_words)?;
    if quick {
        file.make_quick();
    }
    file.check_blocks().map_err(in_words)?;
    Comparison::new(file).map_err(in_words)
}

/// Runs the experiment to its end, and updates the status.
fn conduct(mut comparison: Comparison, shared: &Mutex<Status>, stop: &CancellationToken) {
    // The status becomes "ended" even after a panic.
    let _over = Over(shared);
    let mut observe = |event: Event<'_>| match event {
        // Results have their own list.
        Event::BlockOver(experiment) => keep(shared, experiment),
        event => lock(shared).follow(&event),
    };
    let mut experiment = match comparison.prepare(stop, &mut observe) {
        Ok(experiment) => experiment,
        Err(error) => {
            return lock(shared).tell(format!(
                "cannot start the experiment: {}",
                with_causes(&error)
            ));
        }
    };
    comparison.run(&mut experiment, stop, &mut observe);
    keep(shared, &experiment);
}

/// Computes the results before the status is locked, since requests wait for that lock.
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
        match event.said() {
            Said::Now(now) => self.now = now,
            Said::News(lines) => lines.into_iter().for_each(|line| self.tell(line)),
        }
    }

    fn tell(&mut self, line: String) {
        if self.news.len() == NEWS {
            self.news.remove(0);
        }
        self.news.push(line);
    }
}
