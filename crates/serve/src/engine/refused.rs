//! Errors of whole requests.

use std::time::Duration;

/// Error of a whole request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The queue is full, or the request has waited too long. A retry can succeed after this time.
    Overloaded(Duration),
    /// The questions and contexts have too many tokens.
    TooLarge {
        /// Maximum number of tokens in all questions and contexts of a request.
        limit_tokens: usize,
    },
    /// The answers are too large.
    AnswerTooLarge {
        /// Maximum size of the answers, in bytes.
        limit_bytes: usize,
    },
    /// The memory budget of responses is used up.
    NoMemory,
    /// The deadline of the request passed.
    TimedOut,
    /// The server has stopped.
    Stopped,
}
