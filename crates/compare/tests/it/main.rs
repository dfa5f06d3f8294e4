//! Experiments with real contenders.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod contenders;
mod experiment_file;
mod facts;
mod faults;
mod hostile;
mod loads;
mod setting;
