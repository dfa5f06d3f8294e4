//! What is answered.

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
