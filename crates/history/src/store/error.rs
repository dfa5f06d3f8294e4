//! Errors of the history.

use std::path::PathBuf;

use bakeoff_record::RunId;

use super::file;
use bakeoff_record::coarse::Source;
use bakeoff_record::json::RecordError;

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Its folder cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be read or written.
    #[error("cannot use the history {path}")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The database cannot be written.
    #[error("cannot write to the history {path}")]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by an earlier Bakeoff, and cannot be brought up to date because it cannot be written.
    #[error(
        "cannot read the history {path}: its version is {found}, and a read-only file cannot be brought to version {}",
        file::VERSION
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The file is a database of something else.
    #[error("{path} is a database, but not a history of Bakeoff")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer Bakeoff.
    #[error(
        "the history {path} has version {found}, this program reads up to version {}",
        file::VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// A run in it cannot be read again.
    #[error("run {run} in the history {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: DamagedRun,
    },
    /// A run of another program was asked for as if it were ours.
    #[error("run {run} is {}", from.caveat())]
    Coarse {
        /// The run.
        run: RunId,
        /// Where it is from.
        from: Source,
    },
    /// There is no such run in it.
    #[error("there is no run {run} in the history {path}")]
    NoSuchRun {
        /// The file.
        path: PathBuf,
        /// The run that was asked for.
        run: RunId,
    },
}

/// What is wrong with a run that cannot be read again.
#[derive(Debug, thiserror::Error)]
pub enum DamagedRun {
    /// Its bytes cannot be decompressed, or to too many.
    #[error("it cannot be decompressed")]
    Compression(#[source] std::io::Error),
    /// It is no JSON of ours.
    #[error("it is not JSON of the expected shape")]
    Json(#[source] serde_json::Error),
    /// It holds a figure that cannot be.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Nothing of it was ever saved.
    #[error("it was cut short before its first second was over")]
    Empty,
}
