//! Exit codes, and how an error that ends the program is shown.

use std::process::ExitCode;

use bakeoff_compare::CompareError;
use bakeoff_load::{LoadError, ScenarioError};
use bakeoff_qa::ModelError;
use bakeoff_serve::ServeError;
use bakeoff_web::WebError;

use crate::files::NotWritten;
use crate::output::say;

/// How the program ends. The numbers are documented in docs/exit-codes.md and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// The measured thing failed.
    Failed,
    /// The user's mistake.
    Usage,
    /// Something that the program needs is not there.
    Environment,
    /// A bug in Bakeoff.
    Bug,
    /// Ended by a signal; what was measured is saved.
    Interrupted,
    /// Requests failed, and the user has chosen the code for that.
    Chosen(u8),
}

impl Exit {
    /// The documented number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Bug => 4,
            Self::Interrupted => 130,
            Self::Chosen(code) => code,
        }
    }

    /// The end of a load in which so many requests failed; `chosen` is the code for any.
    pub(crate) fn of_failures(failures: u64, chosen: Option<u8>) -> Self {
        match (failures, chosen) {
            (0, _) => Self::Done,
            (_, Some(code)) => Self::Chosen(code),
            (_, None) => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error with an exit code of its own and what to do about it.
#[derive(Debug)]
pub(crate) struct Hinted {
    pub(crate) exit: Exit,
    pub(crate) hint: String,
}

impl std::fmt::Display for Hinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hint)
    }
}

impl std::error::Error for Hinted {}

/// `what` as an error that ends the program with `exit`, and `hint` as the way out.
pub(crate) fn hinted(
    exit: Exit,
    what: impl Into<anyhow::Error>,
    hint: impl Into<String>,
) -> anyhow::Error {
    what.into().context(Hinted {
        exit,
        hint: hint.into(),
    })
}

/// Prints `error` with all of its causes and its hint, and says which exit code it means.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let hinted = error.downcast_ref::<Hinted>();
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // The hint is a link of the chain and has its own line; a transparent error repeats its cause.
        let is_hint = hinted.is_some_and(|hinted| hinted.hint == cause);
        if !is_hint && said.last() != Some(&cause) {
            said.push(cause);
        }
    }
    say(&format!("error: {}", said.join(": ")));
    if let Some(hinted) = hinted {
        say(&format!("hint: {}", hinted.hint));
        return hinted.exit;
    }
    exit_of(error)
}

/// The exit code of an error that the libraries define.
fn exit_of(error: &anyhow::Error) -> Exit {
    let of_load = |error: &LoadError| match error {
        LoadError::Thread(_) | LoadError::NoAuthorities { .. } => Exit::Environment,
        _ => Exit::Usage,
    };
    if let Some(first) = error.downcast_ref().and_then(NotWritten::first) {
        return exit_of(first);
    }
    if let Some(error) = error.downcast_ref::<CompareError>() {
        return match error {
            CompareError::NoContender => Exit::Environment,
            CompareError::Load(error) => of_load(error),
            _ => Exit::Usage,
        };
    }
    if let Some(error) = error.downcast_ref::<LoadError>() {
        return of_load(error);
    }
    if error.is::<ScenarioError>() || error.is::<ModelError>() {
        return Exit::Usage;
    }
    if error
        .downcast_ref::<ServeError>()
        .is_some_and(|error| matches!(error, ServeError::WarmUpPanicked))
    {
        return Exit::Bug;
    }
    if error.is::<ServeError>() || error.is::<WebError>() || error.is::<std::io::Error>() {
        return Exit::Environment;
    }
    Exit::Bug
}
