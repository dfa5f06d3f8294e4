//! Exit codes, and the text of the error that ends the program.

use std::process::ExitCode;

use bakeoff_compare::CompareError;
use bakeoff_load::{LoadError, ScenarioError};
use bakeoff_qa::ModelError;
use bakeoff_serve::ServeError;
use bakeoff_web::WebError;

use crate::files::NotWritten;
use crate::output::say;

/// Exit code of the program. The numbers are documented in docs/exit-codes.md and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Done,
    /// Failure of the measured server or contender.
    Failed,
    /// Mistake of the user.
    Usage,
    /// Missing part of the environment, such as a free port or Docker.
    Environment,
    /// Bug in Bakeoff.
    Bug,
    /// End by a signal. The measurements so far are reported.
    Interrupted,
    /// Code that the user chose for failed requests.
    Chosen(u8),
}

impl Exit {
    /// Documented number.
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

    /// Exit code of a load test with this number of failures; `chosen` is the user's code for them.
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

/// Exit code of an error, and a hint for the user.
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

/// Adds an exit code and a hint to the error `what`.
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

/// Prints `error` with its causes and its hint, and returns its exit code.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let hinted = error.downcast_ref::<Hinted>();
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // The hint is part of the chain, but has its own line. A transparent error repeats its cause.
        let is_hint = hinted.is_some_and(|hinted| hinted.hint == cause);
        if !is_hint && causes.last() != Some(&cause) {
            causes.push(cause);
        }
    }
    say(&format!("error: {}", causes.join(": ")));
    if let Some(hinted) = hinted {
        say(&format!("hint: {}", hinted.hint));
        return hinted.exit;
    }
    exit_of(error)
}

/// Exit code of an error type of the libraries.
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
