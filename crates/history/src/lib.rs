//! History of runs: one `SQLite` file with all load tests, and the import of other programs' files.

pub mod import;
pub mod store;

pub use store::{Entry, History, HistoryError, NewRun};
