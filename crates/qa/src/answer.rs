//! Answers: spans of a context.

use std::ops::Range;

/// Answer to a question: a span of the context.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Probability of the span by the model. Spans with the same text are one answer with the sum of their scores, so that the score
    /// can exceed 1.
    pub score: f64,
    /// Index of the span's first character, in Unicode code points of the context.
    pub start: usize,
    /// Index after the span's last character, in Unicode code points of the context.
    pub end: usize,
    /// Text of the span: the context from `start` to `end`.
    pub text: String,
}

/// An [`Answer`] without its text. The size does not depend on the length of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSpan {
    /// See [`Answer::score`].
    pub score: f64,
    /// Index of the span's first character, in Unicode code points of the context.
    pub start: usize,
    /// Index after the span's last character, in Unicode code points of the context.
    pub end: usize,
    /// Bytes of the span in the context; `0..0` for "no answer".
    pub bytes: Range<usize>,
}

impl AnswerSpan {
    /// Text of the span in `context`; empty if the span does not fit into `context`.
    pub fn text<'context>(&self, context: &'context str) -> &'context str {
        context.get(self.bytes.clone()).unwrap_or_default()
    }

    /// Answer with a copy of the text.
    pub(crate) fn with_text(self, context: &str) -> Answer {
        Answer {
            text: self.text(context).to_owned(),
            score: self.score,
            start: self.start,
            end: self.end,
        }
    }
}
