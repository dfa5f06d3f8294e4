//! Extractive question answering: a question and a context in, spans of the context out.
//!
//! Synchronous and deterministic. This crate knows no HTTP, prints nothing, and reads no clock and no environment.
//! Its answers are those of transformers' question-answering pipeline, version 4.57 or, with [`Compat::V4_52`], of the
//! versions up to 4.52: windows, masks, softmax, growth to words, merging and order. With the same float32 weights the
//! spans are the same and scores within 1e-4, which the tests show for each family of models. What differs on purpose:
//!
//! - A question that leaves no room for its context is an error here, where the pipeline may panic.
//! - Spans without any score, with which the pipeline fills up short contexts, come in the order of their tokens. The pipeline
//!   leaves their order, and by it which of them are taken, to numpy's partition, which depends on the processor.
//! - A text with a token that the model does not know is an error here that says so.
//! - Spans that start in a question that spells out the class token are no answers; the pipeline maps them to unrelated
//!   words of the context.
//!
//! ```
//! # #[cfg(feature = "bundled-model")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bakeoff_qa::{Options, Question, QuestionAnswering};
//!
//! let model = QuestionAnswering::embedded()?;
//! let question = Question::new("Where do I live?", "My name is Wolfgang and I live in Berlin.")?;
//! let answers = model.answer(&question, &Options::default())?;
//! assert_eq!(answers[0].text, "Berlin");
//! assert_eq!((answers[0].start, answers[0].end), (34, 40));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bundled-model"))]
//! # fn main() {}
//! ```

pub mod answer;
pub mod backend;
mod config;
mod decode;
mod encoding;
pub mod error;
pub mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod guard;
pub mod model;
pub mod prepared;
pub mod question;
mod revision;
mod span;
pub mod squad;
mod tokenizer;
mod weights;
mod window;

pub use answer::{Answer, AnswerSpan};
pub use backend::{Backend, Batch, Logits};
pub use error::{AnswerError, ModelError};
pub use files::ModelFiles;
pub use model::{ModelOptions, QuestionAnswering};
pub use prepared::Prepared;
pub use question::{Compat, Options, Question};
pub use weights::Weights;
