//! Entry of a running load.

use super::{History, HistoryError, NewRun};
use bakeoff_record::run::Measurement;
use bakeoff_record::stored::RunId;

/// Open entry, written during the load. Only the first error is returned, since an error does not end the load.
#[derive(Debug)]
pub struct Entry {
    history: History,
    run: RunId,
    has_failed: bool,
}

impl Entry {
    /// Adds an entry for a load that starts now.
    pub fn begin(history: History, run: &NewRun) -> Result<Self, HistoryError> {
        let run = history.begin(run)?;
        Ok(Self {
            history,
            run,
            has_failed: false,
        })
    }

    /// Writes the new seconds. Call this about once per second.
    ///
    /// # Errors
    /// The first error only; later errors are ignored.
    pub fn save(&mut self, so_far: &Measurement) -> Result<(), HistoryError> {
        let saved = self.history.save(self.run, so_far);
        self.first_error(saved)
    }

    /// Writes the final measurement. Without a measurement, the entry is deleted.
    pub fn finish(mut self, measured: Option<&Measurement>) -> Result<(), HistoryError> {
        let finished = match measured {
            Some(measured) => self.history.finish(self.run, measured),
            None => self.history.delete(self.run),
        };
        self.first_error(finished)
    }

    fn first_error(&mut self, written: Result<(), HistoryError>) -> Result<(), HistoryError> {
        let is_news = written.is_err() && !self.has_failed;
        self.has_failed |= written.is_err();
        if is_news { written } else { Ok(()) }
    }
}
