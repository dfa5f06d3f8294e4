//! Where the history of runs is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bakeoff_history::{Entry, History, HistoryError, NewRun};
use bakeoff_record::Measurement;

use crate::exit::{Exit, hinted};
use crate::output::say;

/// Opens the history at `store`, else in the user's data folder, and says which runs were cut short.
///
/// A history that was asked for must open; without the usual one a load can still run.
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
            "warning: neither XDG_DATA_HOME nor HOME is set, so no run is kept; name a file with --store",
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
                "warning: no run is kept: {error:#}; name another file with --store"
            ));
            Ok(None)
        }
    }
}

/// The way out where a history cannot be used.
pub(crate) fn hint(error: &HistoryError) -> &'static str {
    match error {
        HistoryError::ReadOnly { .. } => {
            "make the file and its folder writable, or name another file with --store"
        }
        HistoryError::Older { .. } => {
            "make the file and its folder writable, or copy the file and name the copy with --store"
        }
        _ => "name another file with --store",
    }
}

/// The history names hosts and what they answered, and earlier versions made its file readable by all.
fn keep_to_owner(path: &Path) {
    let only_owner = fs::Permissions::from_mode(0o600);
    // Fails for a file of another user, which is not ours to protect.
    let _ = fs::set_permissions(path, only_owner);
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

/// A load's entry in the history, as the user is told of it. There is none before the load has begun.
#[derive(Debug)]
pub(crate) struct Recording {
    run: NewRun,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(History),
    Begun(Entry),
    /// Not written any more; the reason was printed.
    GivenUp,
}

impl Recording {
    /// Gets ready to keep `run`; `None` where no run is kept.
    pub(crate) fn new(store: Option<&Path>, run: NewRun) -> anyhow::Result<Option<Self>> {
        let history = open(store)?;
        Ok(history.map(|history| Self {
            run,
            state: State::Waiting(history),
        }))
    }

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
    say(&format!("warning: this run is not kept: {error:#}"));
}
