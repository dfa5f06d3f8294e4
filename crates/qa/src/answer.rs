//! What is answered.

use std::ops::Range;

/// A span of the context.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How likely the model holds the span, summed over the spans with the same text; can exceed 1 by that sum.
    pub score: f64,
    /// First character of the span, counted in Unicode code points of the context.
    pub start: usize,
    /// One past the last character of the span, counted in Unicode code points of the context.
    pub end: usize,
    /// The span's text: the context from `start` to `end`.
    pub text: String,
}

/// An [`Answer`] whose text is still in the context: small however long the text is.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSpan {
    /// As in [`Answer`].
    pub score: f64,
    /// First character of the span, counted in Unicode code points of the context.
    pub start: usize,
    /// One past the last character of the span, counted in Unicode code points of the context.
    pub end: usize,
    /// The span in bytes of the context; `0..0` for "no answer".
    pub bytes: Range<usize>,
}

impl AnswerSpan {
    /// The text of the span; empty if `context` is not the context that it belongs to.
    pub fn text<'context>(&self, context: &'context str) -> &'context str {
        context.get(self.bytes.clone()).unwrap_or_default()
    }

    /// The span with a copy of its text.
    pub(crate) fn with_text(self, context: &str) -> Answer {
        Answer {
            text: self.text(context).to_owned(),
            score: self.score,
            start: self.start,
            end: self.end,
        }
    }
}
