//! Questions and their options.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::error::AnswerError;

/// Question about a context. Neither text is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    question: String,
    /// Shared by all questions about the same context.
    context: Arc<str>,
}

impl Question {
    /// Question with unchanged texts. Texts of only white space are valid.
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

    /// Text of the question.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// Text with the answer.
    pub fn context(&self) -> &str {
        &self.context
    }
}

/// Options for finding answers. Names and defaults are those of transformers' question-answering pipeline 4.57.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Maximum number of answers.
    pub top_k: NonZeroUsize,
    /// Number of tokens that consecutive windows share. `None` is half of `max_seq_len`, at most 128.
    pub doc_stride: Option<usize>,
    /// Maximum length of an answer, in tokens.
    pub max_answer_len: NonZeroUsize,
    /// Maximum length of a window in tokens, including the question and special tokens. `None` is 384, or less if the model has fewer
    /// positions.
    pub max_seq_len: Option<NonZeroUsize>,
    /// `true` if "no answer" is a possible answer.
    pub handle_impossible_answer: bool,
    /// `true` if answers are extended to whole words.
    pub align_to_words: bool,
    /// Version of transformers that defines the answers.
    pub compat: Compat,
}

/// Version of transformers' question-answering pipeline. Versions differ in the number of candidates in a window, and in the
/// merging of answers with equal texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compat {
    /// Versions 4.54 to 5.2: more candidates than `top_k`. Answers with equal texts are merged, and their scores are added.
    #[default]
    V4_57,
    /// Versions up to 4.52: `top_k` candidates in each window. Answers with equal texts stay separate.
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
