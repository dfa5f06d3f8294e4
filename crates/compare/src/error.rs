//! Errors that end an experiment before it has a result.

use std::path::PathBuf;

/// Reason why an experiment has no result.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The experiment file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The experiment file has a mistake.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Content of the line, the mistake and the remedy.
        message: String,
    },
    /// The scenario has a mistake.
    #[error(transparent)]
    Scenario(#[from] bakeoff_load::ScenarioError),
    /// The scenario has no number of users.
    #[error("cannot use {} for an experiment: it has stages or an arrival rate; write `users` into it or into the experiment file", scenario.display())]
    NoUsers {
        /// Path of the scenario file.
        scenario: PathBuf,
    },
    /// A name on the command line belongs to no contender.
    #[error("no contender is named `{name}`; the contenders are {known}")]
    UnknownContender {
        /// Name on the command line.
        name: String,
        /// Names of the contenders.
        known: String,
    },
    /// The plan has fewer blocks than a verdict needs.
    #[error(
        "{blocks} blocks cannot show a difference between {contenders} contenders, whatever they measure: a verdict needs {fewest}"
    )]
    TooFewBlocks {
        /// Number of blocks in the plan.
        blocks: u32,
        /// Number of contenders in the plan.
        contenders: usize,
        /// Fewest blocks for a verdict.
        fewest: u32,
    },
    /// A contender that runs already does not answer correctly.
    #[error("cannot measure `{contender}` at {url}: {what}")]
    Unreachable {
        /// Name of the contender.
        contender: String,
        /// Address of the contender.
        url: String,
        /// Cause in words.
        what: String,
    },
    /// Another experiment is running in a folder of this one.
    #[error("cannot compare in {}: {holder} is running an experiment there", folder.display())]
    Busy {
        /// Path of the folder.
        folder: PathBuf,
        /// Holder of the lock, such as `process 17`.
        holder: String,
    },
    /// Every contender is left out.
    #[error("no contender can be started")]
    NoContender,
    /// A request can never be sent to its address or its path.
    #[error(transparent)]
    Load(#[from] bakeoff_load::LoadError),
}
