//! The entry of a running load in the history, as the page's log tells of it.

use std::path::Path;

use bakeoff_history::{Entry, History, HistoryError, NewRun};
use bakeoff_load::{LoadConfig, with_causes};
use bakeoff_record::Measurement;

use super::About;
use crate::log::Log;

/// An open entry; what keeps it from being written is in the log.
#[derive(Debug)]
pub(super) struct Recording(Entry);

impl Recording {
    /// `None` where the history does not take it.
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
            config: describe(config),
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
    let failed =
        |error: &HistoryError| log.error(&format!("this run is not kept: {}", with_causes(error)));
    written.inspect_err(failed).ok()
}

/// The load as people say it: `70 users at 10/s for 1m`.
pub(super) fn describe(config: &LoadConfig) -> String {
    let time = config.run_time.map(humantime::format_duration);
    let time = time.map_or_else(String::new, |time| format!(" for {time}"));
    format!("{}{time}", config.workload)
}
