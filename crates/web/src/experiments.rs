//! The one experiment that a page controls: started from a file that the page was told of, watched, stopped.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bakeoff_compare::{CompareError, Event, ExperimentFile, ExperimentRunner, Message};
use bakeoff_load::with_causes;
use bakeoff_record::Experiment;
use tokio_util::sync::CancellationToken;

use crate::swarm::lock;

/// Lines of news that are kept.
const NEWS: usize = 200;

/// Why no experiment begins.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExperimentError {
    #[error(
        "no experiment file of this page is named `{0}`; name it with --experiment when the page is started"
    )]
    UnknownFile(String),
    #[error("an experiment is running; stop it first")]
    Busy,
    #[error("a load is running; stop it first")]
    LoadIsRunning,
    #[error("{0}")]
    Compare(String),
}

/// Experiment files, and what the last one started has come to.
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

/// How far an experiment is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// The file that it was started from; empty before the first.
    pub(crate) file: String,
    /// Whether it is under way.
    pub(crate) is_running: bool,
    /// What is being done: `block 2/6  fastapi: 187 requests/s`.
    pub(crate) now: String,
    /// How much of it is done, 0 to 1.
    pub(crate) done_ratio: f64,
    /// What has happened, oldest first.
    pub(crate) news: Vec<String>,
    /// What each contender has come to, as of the last block that is over.
    pub(crate) so_far: Vec<String>,
    /// Everything measured, as of the last block that is over.
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

    /// The files that can be started, as they were named.
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

    /// Starts the experiment in `file`, with the fewest blocks that can show anything where it is to be quick.
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

    /// Ends the experiment that is running; what is measured is kept.
    pub(crate) fn stop(&self) {
        if let Some(running) = &*lock(&self.running) {
            running.stop.cancel();
        }
    }

    /// Ends it, and waits until every contender is gone.
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

/// Runs the experiment to its end and keeps the status true.
fn conduct(mut comparison: ExperimentRunner, shared: &Mutex<Status>, stop: &CancellationToken) {
    // Whatever happens, nobody waits for it for ever.
    let _over = Over(shared);
    let mut observe = |event: Event<'_>| match event {
        // Its lines have a place of their own.
        Event::BlockOver(experiment) => keep(shared, experiment),
        event => lock(shared).follow(&event),
    };
    let mut experiment = match comparison.prepare(stop, &mut observe) {
        Ok(experiment) => experiment,
        Err(error) => {
            return lock(shared).tell(format!("it cannot begin: {}", with_causes(&error)));
        }
    };
    comparison.run(&mut experiment, stop, &mut observe);
    keep(shared, &experiment);
}

/// Works out what an experiment has come to before the status is locked: visitors wait for that lock.
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
