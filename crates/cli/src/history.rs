//! The history of runs: its usual place, and the entry of a load test in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bakeoff_history::{Entry, History, HistoryError, NewRun};
use bakeoff_record::Measurement;

use crate::exit::{Exit, hinted};
use crate::output::say;

/// Opens the history at `store`, else in the user's data folder, and prints which runs were cut short.
///
/// Returns `None` with a warning if the history in the data folder cannot be used: a load test can run without it.
///
/// # Errors
/// An error if `store` is given and cannot be opened.
pub(crate) fn open(store: Option<&Path>) -> anyhow::Result<Option<History>> {
    if let Some(path) = store {
        let opened = History::open(path);
        return opened.map(|history| Some(tell(history))).map_err(|error| {
            let hint = hint(&error);
            hinted(Exit::Environment, error, hint)
        });
    }
    let Some(path) = usual_path() else {
        say(
            "warning: the run is not kept in the history: neither XDG_DATA_HOME nor HOME is set; choose a file with --store",
        );
        return Ok(None);
    };
    match History::open(&path) {
        Ok(history) => {
            keep_to_owner(&path);
            Ok(Some(tell(history)))
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            say(&format!(
                "warning: the run is not kept in the history: {error:#}; choose another file with --store"
            ));
            Ok(None)
        }
    }
}

/// Hint for an error of the history.
pub(crate) fn hint(error: &HistoryError) -> &'static str {
    match error {
        HistoryError::ReadOnly { .. } => {
            "make the file and its folder writable, or choose another file with --store"
        }
        HistoryError::Older { .. } => {
            "make the file and its folder writable, or copy the file and choose the copy with --store"
        }
        _ => "choose another file with --store",
    }
}

/// Makes the file readable by its owner only, since it has hosts and their answers. Earlier versions made it readable by all.
fn keep_to_owner(path: &Path) {
    let only_owner = fs::Permissions::from_mode(0o600);
    // The change fails for a file of another user, which that user has to protect.
    let _ = fs::set_permissions(path, only_owner);
}

/// Path of the history in the user's data folder; `None` if neither `XDG_DATA_HOME` nor `HOME` is an absolute path.
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
            "run {} of {} was cut short; its measurements until then are in the history",
            run.id, run.name
        ));
    }
    history
}

/// Entry of a load test in the history. It is made by the first save, and the user is told of the first error.
#[derive(Debug)]
pub(crate) struct Recording {
    run: NewRun,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(History),
    Begun(Entry),
    /// No longer written; the reason was printed.
    GivenUp,
}

impl Recording {
    /// Opens the history for `run`; `None` if there is no history.
    pub(crate) fn new(store: Option<&Path>, run: NewRun) -> anyhow::Result<Option<Self>> {
        let history = open(store)?;
        Ok(history.map(|history| Self {
            run,
            state: State::Waiting(history),
        }))
    }

    /// Saves the measurements so far.
    pub(crate) fn save(&mut self, so_far: &Measurement) {
        let state = std::mem::replace(&mut self.state, State::GivenUp);
        self.state = match state {
            State::Waiting(history) => match Entry::begin(history, &self.run) {
                Ok(entry) => State::Begun(entry),
                Err(error) => {
                    tell_failure(error);
                    State::GivenUp
                }
            },
            state => state,
        };
        if let State::Begun(entry) = &mut self.state
            && let Err(error) = entry.save(so_far)
        {
            tell_failure(error);
        }
    }

    /// Saves the final measurements and marks the run as finished.
    pub(crate) fn finish(mut self, measured: &Measurement) {
        self.save(measured);
        if let State::Begun(entry) = self.state
            && let Err(error) = entry.finish(Some(measured))
        {
            tell_failure(error);
        }
    }
}

fn tell_failure(error: HistoryError) {
    let error = anyhow::Error::from(error);
    say(&format!(
        "warning: the run is not kept in the history: {error:#}"
    ));
}
