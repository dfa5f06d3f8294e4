//! What can end a comparison before it has a result.

use std::path::PathBuf;

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The experiment file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The experiment file says something that cannot be.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The experiment's scenario cannot be used.
    #[error(transparent)]
    Scenario(#[from] bakeoff_load::ScenarioError),
    /// The experiment's scenario makes a load that a comparison cannot.
    #[error("{} has stages or an arrival rate; a comparison needs `users` in the scenario or in the experiment", scenario.display())]
    NoUsers {
        /// The scenario file.
        scenario: PathBuf,
    },
    /// A name on the command line that is no contender's.
    #[error("no contender is named `{name}`; there are {known}")]
    UnknownContender {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The plan has fewer blocks than a verdict needs, so that whatever is measured shows nothing.
    #[error(
        "{blocks} blocks cannot show a difference between {contenders} contenders, whatever they measure: a verdict needs {fewest}"
    )]
    TooFewBlocks {
        /// Blocks of the plan.
        blocks: u32,
        /// Contenders of the plan.
        contenders: usize,
        /// The fewest that will do.
        fewest: u32,
    },
    /// A contender with an address, which nobody starts, does not answer correctly.
    #[error("cannot measure `{contender}` at {url}: {what}")]
    Unreachable {
        /// Its name.
        contender: String,
        /// Its address.
        url: String,
        /// Cause of the failure.
        what: String,
    },
    /// Another comparison is running in a folder of this one.
    #[error("cannot compare in {}: {holder} is comparing there", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// Holder of the lock, such as `process 17`.
        holder: String,
    },
    /// No contender is left to measure.
    #[error("no contender can be started")]
    NoContender,
    /// A request can never be sent, as its address or its path is written.
    #[error(transparent)]
    Load(#[from] bakeoff_load::LoadError),
}
