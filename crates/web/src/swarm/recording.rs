//! The entry of a running load in the history.

use std::path::Path;

use bakeoff_load::LoadConfig;
use bakeoff_report::{History, HistoryError, Measurement, NewRun, RunId};

use super::{About, with_causes};
use crate::log::Log;

/// An open entry. That it cannot be written is said once and ends no load.
#[derive(Debug)]
pub(super) struct Recording {
    history: History,
    run: RunId,
    has_failed: bool,
}

impl Recording {
    pub(super) fn begin(
        path: &Path,
        about: &About,
        config: &LoadConfig,
    ) -> Result<Self, HistoryError> {
        let history = History::open(path)?;
        let run = history.begin(&NewRun {
            name: about.scenario.name().to_owned(),
            host: config.host.clone(),
            config: describe(config),
            bakeoff_version: about.bakeoff_version.clone(),
            machine: about.machine.clone(),
        })?;
        Ok(Self {
            history,
            run,
            has_failed: false,
        })
    }

    pub(super) fn save(&mut self, so_far: &Measurement, log: &Log) {
        let saved = self.history.save(self.run, so_far);
        self.check(saved, log);
    }

    /// Writes the last of the load; without anything measured there is nothing to keep.
    pub(super) fn finish(mut self, measured: Option<&Measurement>, log: &Log) {
        let finished = match measured {
            Some(measured) => self.history.finish(self.run, measured),
            None => self.history.delete(self.run),
        };
        self.check(finished, log);
    }

    fn check(&mut self, written: Result<(), HistoryError>, log: &Log) {
        if let Err(error) = written
            && !self.has_failed
        {
            self.has_failed = true;
            log.error(&not_kept(&error));
        }
    }
}

/// The load as people say it: `70 users at 10/s for 1m`.
pub(super) fn describe(config: &LoadConfig) -> String {
    let time = config.run_time.map(humantime::format_duration);
    let time = time.map_or_else(String::new, |time| format!(" for {time}"));
    format!("{}{time}", config.workload)
}

pub(super) fn not_kept(error: &HistoryError) -> String {
    format!("this run is not kept: {}", with_causes(error))
}
