//! The entry of a load that is running.

use super::{History, HistoryError, NewRun};
use bakeoff_record::run::Measurement;
use bakeoff_record::stored::RunId;

/// An open entry, written as its load goes on. That it cannot be written is told once: it ends no load.
#[derive(Debug)]
pub struct Entry {
    history: History,
    run: RunId,
    has_failed: bool,
}

impl Entry {
    /// Enters a load that begins now.
    pub fn begin(history: History, run: &NewRun) -> Result<Self, HistoryError> {
        let run = history.begin(run)?;
        Ok(Self {
            history,
            run,
            has_failed: false,
        })
    }

    /// Writes what is new; to be called about once a second. After the first error there is no other.
    pub fn save(&mut self, so_far: &Measurement) -> Result<(), HistoryError> {
        let saved = self.history.save(self.run, so_far);
        self.told_once(saved)
    }

    /// Writes the last of the load; where nothing was measured the entry goes.
    pub fn finish(mut self, measured: Option<&Measurement>) -> Result<(), HistoryError> {
        let finished = match measured {
            Some(measured) => self.history.finish(self.run, measured),
            None => self.history.delete(self.run),
        };
        self.told_once(finished)
    }

    fn told_once(&mut self, written: Result<(), HistoryError>) -> Result<(), HistoryError> {
        let is_news = written.is_err() && !self.has_failed;
        self.has_failed |= written.is_err();
        if is_news { written } else { Ok(()) }
    }
}
