//! Where the history of runs is.

use std::path::{Path, PathBuf};

use bakeoff_report::{Entry, History, HistoryError, Measurement, NewRun};

use crate::exit::{Exit, hinted};
use crate::output::say;

/// Opens the history at `store`, else in the user's data folder, and says which runs were cut short.
///
/// A history that was asked for must open; without the usual one a load can still run.
pub(crate) fn open(store: Option<&Path>) -> anyhow::Result<Option<History>> {
    if let Some(path) = store {
        let hint = "choose another file with --store";
        let opened = History::open(path);
        return opened
            .map(|history| Some(tell(history)))
            .map_err(|error| hinted(Exit::Environment, error, hint));
    }
    let Some(path) = usual_path() else {
        say(
            "warning: neither XDG_DATA_HOME nor HOME is set, so no run is kept; name a file with --store",
        );
        return Ok(None);
    };
    match History::open(&path) {
        Ok(history) => Ok(Some(tell(history))),
        Err(error) => {
            let error = anyhow::Error::from(error);
            say(&format!(
                "warning: no run is kept: {error:#}; name another file with --store"
            ));
            Ok(None)
        }
    }
}

pub(crate) fn usual_path() -> Option<PathBuf> {
    let folder = |variable, below| {
        let folder = PathBuf::from(std::env::var_os(variable)?);
        folder.is_absolute().then(|| folder.join(below))
    };
    let data = folder("XDG_DATA_HOME", "").or_else(|| folder("HOME", ".local/share"))?;
    Some(data.join("bakeoff/history.sqlite"))
}

fn tell(history: History) -> History {
    for run in history.cut_short() {
        say(&format!(
            "run {} of {} was cut short; what it measured until then is in the history",
            run.id, run.name
        ));
    }
    history
}

/// A running load's entry in the history, as the user is told of it.
#[derive(Debug)]
pub(crate) struct Recording(Entry);

impl Recording {
    /// Opens an entry for a load that begins; `None` where none is kept.
    pub(crate) fn begin(store: Option<&Path>, run: &NewRun) -> anyhow::Result<Option<Self>> {
        let history = open(store)?;
        let entry = history.map(|history| Entry::begin(history, run));
        Ok(entry.transpose()?.map(Self))
    }

    pub(crate) fn save(&mut self, so_far: &Measurement) {
        tell_failure(self.0.save(so_far));
    }

    pub(crate) fn finish(self, measured: &Measurement) {
        tell_failure(self.0.finish(Some(measured)));
    }
}

fn tell_failure(written: Result<(), HistoryError>) {
    if let Err(error) = written {
        let error = anyhow::Error::from(error);
        say(&format!("warning: this run is not kept: {error:#}"));
    }
}
