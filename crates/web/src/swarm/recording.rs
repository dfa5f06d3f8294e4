//! Entry of a running load in the history. Errors go to the page's log.

use std::path::Path;

use bakeoff_history::{Entry, History, HistoryError, NewRun};
use bakeoff_load::{LoadConfig, with_causes};
use bakeoff_record::Measurement;

use super::About;
use crate::log::Log;

/// Open entry. Errors of the history are logged.
#[derive(Debug)]
pub(super) struct Recording(Entry);

impl Recording {
    /// Opens an entry; `None` if the history cannot be written.
    pub(super) fn begin(
        path: &Path,
        about: &About,
        config: &LoadConfig,
        tags: Vec<String>,
        log: &Log,
    ) -> Option<Self> {
        let run = NewRun {
            name: about.scenario.name().to_owned(),
            host: config.host.clone(),
            config: config.describe(),
            bakeoff_version: about.bakeoff_version.clone(),
            machine: about.machine.clone(),
            tags,
        };
        let begun = History::open(path).and_then(|history| Entry::begin(history, &run));
        tell(begun, log).map(Self)
    }

    pub(super) fn save(&mut self, so_far: &Measurement, log: &Log) {
        tell(self.0.save(so_far), log);
    }

    pub(super) fn finish(self, measured: Option<&Measurement>, log: &Log) {
        tell(self.0.finish(measured), log);
    }
}

fn tell<Done>(written: Result<Done, HistoryError>, log: &Log) -> Option<Done> {
    let failed = |error: &HistoryError| {
        let causes = with_causes(error);
        log.error(&format!("the run is not kept in the history: {causes}"));
    };
    written.inspect_err(failed).ok()
}
