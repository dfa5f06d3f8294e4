//! Extractive question answering: the input is a question and a context, the output is spans of the context.
//!
//! The crate is synchronous and deterministic. It has no HTTP, prints nothing, and reads no clock and no environment.
//! The answers are those of transformers' question-answering pipeline 4.57 or, with [`Compat::V4_52`], of its versions up to
//! 4.52: windows, masks, softmax, alignment to words, merging and order. With the same float32 weights the spans are equal and
//! the scores differ by at most 1e-4. The tests check this for each model family. There are four intended differences:
//!
//! - A question that leaves no room for its context is an error. The pipeline can panic.
//! - Spans with score 0, which fill up the answers of short contexts, have the order of their tokens. In the pipeline their
//!   order depends on numpy's partition, and therefore on the processor.
//! - A text with a token outside the model's vocabulary is an error.
//! - Spans that start in the question are not answers. They exist if the question contains the class token. The pipeline maps
//!   them to unrelated words of the context.
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
mod family;
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
