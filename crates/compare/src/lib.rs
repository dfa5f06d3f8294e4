//! Contenders and experiments: starts every contender, puts the same load on each in interleaved blocks, and records the runs.
//!
//! This crate cannot reach the question-answering crates, so it cannot favour a contender of our own. The result is a
//! [`bakeoff_record::Experiment`]. Conclusions from it are drawn in `bakeoff-analysis`.

mod answers;
mod contender;
mod cores;
mod error;
mod experiment;
mod file;
mod floor;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod generator;
mod hash;
mod lock;
mod plain;
mod process;
mod runtime;
mod sweep;
mod warm_up;

pub use answers::AnswerRule;
pub use contender::ContenderConfig;
pub use cores::CoreAllocation;
pub use error::CompareError;
pub use experiment::ExperimentRunner;
pub use experiment::event::{Event, Turn};
pub use experiment::message::Message;
pub use file::{ExperimentFile, WarmUp, parse_percent, parse_share, parse_slo};
