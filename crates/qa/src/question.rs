//! What is asked.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::error::AnswerError;

/// A question about a context, neither of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    question: String,
    /// Shared, because many questions may be about one context, which may be long.
    context: Arc<str>,
}

impl Question {
    /// Takes both texts as they are; nothing is stripped, and white space alone passes.
    ///
    /// # Errors
    /// [`AnswerError::EmptyQuestion`] and [`AnswerError::EmptyContext`].
    pub fn new(
        question: impl Into<String>,
        context: impl Into<Arc<str>>,
    ) -> Result<Self, AnswerError> {
        let (question, context) = (question.into(), context.into());
        if question.is_empty() {
            return Err(AnswerError::EmptyQuestion);
        }
        if context.is_empty() {
            return Err(AnswerError::EmptyContext);
        }
        Ok(Self { question, context })
    }

    /// What is asked.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// The text that holds the answer.
    pub fn context(&self) -> &str {
        &self.context
    }
}

/// How to look for answers, with the names and defaults of transformers' question-answering pipeline 4.57.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many answers at most.
    pub top_k: NonZeroUsize,
    /// Tokens that neighbouring windows share; `None` for half of `max_seq_len`, at most 128.
    pub doc_stride: Option<usize>,
    /// The longest answer, in tokens.
    pub max_answer_len: NonZeroUsize,
    /// The longest window in tokens, question and special tokens included; `None` for 384 or what the model can take.
    pub max_seq_len: Option<NonZeroUsize>,
    /// Whether "no answer" competes with the spans.
    pub handle_impossible_answer: bool,
    /// Whether spans grow to whole words.
    pub align_to_words: bool,
    /// The version of transformers whose answers these are.
    pub compat: Compat,
}

/// A version of transformers' question-answering pipeline. They differ in how many spans of a window they look at, and
/// in whether equal texts become one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compat {
    /// 4.54 to 5.2: more candidates than asked for, equal texts merged and their scores added up.
    #[default]
    V4_57,
    /// Up to 4.52: as many candidates a window as asked for, equal texts kept apart.
    V4_52,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            top_k: NonZeroUsize::MIN,
            doc_stride: None,
            max_answer_len: NonZeroUsize::new(15).expect("15 is not zero"),
            max_seq_len: None,
            handle_impossible_answer: false,
            align_to_words: true,
            compat: Compat::default(),
        }
    }
}
