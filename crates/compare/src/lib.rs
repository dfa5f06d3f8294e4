//! Starts every contender, gives each the same load in interleaved blocks, and records what happened.
//!
//! Knows nothing of what a contender serves: it cannot reach the question-answering crates, so it cannot favour them.
//! The result is a [`bakeoff_report::Experiment`]; what it means is decided in `bakeoff-report`.

mod answers;
mod contender;
mod error;
mod experiment;
mod file;
mod generator;
mod machine;
mod ready;
mod setup;

pub use answers::AnswerRule;
pub use error::CompareError;
pub use experiment::{Comparison, Event, Turn};
pub use file::{ContenderConfig, DockerConfig, ExperimentFile, Image, Launch, Network};
pub use machine::describe as describe_machine;
