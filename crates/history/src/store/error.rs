//! Errors of the history.

use std::path::PathBuf;

use bakeoff_record::RunId;

use super::file;
use bakeoff_record::coarse::Source;
use bakeoff_record::json::RecordError;

/// Error of the history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder of the file cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be read or written.
    #[error("cannot use the history {path}")]
    Database {
        /// Path of the history.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The database cannot be written.
    #[error("cannot write to the history {path}")]
    ReadOnly {
        /// Path of the history.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The file has an earlier version, and is read-only, so that it cannot be upgraded.
    #[error(
        "cannot read the history {path}: its version is {found}, and a read-only file cannot be upgraded to version {}",
        file::VERSION
    )]
    Older {
        /// Path of the history.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The file is a database of another program.
    #[error("cannot use {path}: it is a database, but not a history of Bakeoff")]
    Foreign {
        /// Path of the history.
        path: PathBuf,
    },
    /// The file has a newer version.
    #[error(
        "cannot use the history {path}: its version is {found}, and this program supports up to version {}",
        file::VERSION
    )]
    Newer {
        /// Path of the history.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The data of a run is invalid.
    #[error("cannot read run {run} of the history {path}: it is damaged")]
    Damaged {
        /// Path of the history.
        path: PathBuf,
        /// The run.
        run: RunId,
        /// The cause.
        #[source]
        source: DamagedRun,
    },
    /// The run is from another program, and has no record.
    #[error("cannot read the record of run {run}: it is {}", from.caveat())]
    Coarse {
        /// The run.
        run: RunId,
        /// Source of the run.
        from: Source,
    },
    /// The history has no such run.
    #[error("there is no run {run} in the history {path}")]
    NoSuchRun {
        /// Path of the history.
        path: PathBuf,
        /// The requested run.
        run: RunId,
    },
}

/// Fault in the data of a run.
#[derive(Debug, thiserror::Error)]
pub enum DamagedRun {
    /// The data cannot be decompressed, or only to too many bytes.
    #[error("it cannot be decompressed")]
    Compression(#[source] std::io::Error),
    /// The data is not JSON of a record.
    #[error("it is not the JSON of a record")]
    Json(#[source] serde_json::Error),
    /// The record has an impossible value.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The run was never saved.
    #[error("it was cut short before the end of its first second")]
    Empty,
}
