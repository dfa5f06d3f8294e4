//! Starts every contender, gives each the same load in interleaved blocks, and records what happened.
//!
//! Knows nothing of what a contender serves: it cannot reach the question-answering crates, so it cannot favour them.
//! The result is a [`bakeoff_record::Experiment`]; what it means is decided in `bakeoff-report`.

mod answers;
mod command;
mod contender;
mod cores;
mod error;
mod experiment;
mod file;
mod floor;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod generator;
mod lock;
mod machine;
mod manifest;
mod plain;
mod ready;
mod setup;
mod sweep;
mod warm_up;

pub use answers::AnswerRule;
pub use cores::CoreWish;
pub use error::CompareError;
pub use experiment::{Comparison, Event, Said, Turn};
pub use file::{
    ContenderConfig, DockerConfig, ExperimentFile, Image, Launch, Network, WarmUp, parse_percent,
    parse_slo,
};
pub use machine::describe as describe_machine;
