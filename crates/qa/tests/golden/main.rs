//! Answers compared with those of transformers' question-answering pipeline, from the scripts in `reference/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod families;
mod float32;
mod folders;
#[cfg(feature = "bundled-model")]
mod recorded;
#[cfg(feature = "bundled-model")]
mod rounded;
