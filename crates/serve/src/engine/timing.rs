//! Timing of a request.

use std::time::Duration;

/// Timing of a request: the three times add up to the time in the engine. They are those of the last window. In a list or a long
/// context, `queue` includes the inference of earlier windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Time in the queue, until inference of the last window began.
    pub(crate) queue: Duration,
    /// Time of tokenization, including the time until it began.
    pub(crate) tokenization: Duration,
    /// Time of inference of the whole batch, and of decoding the answers.
    pub(crate) inference: Duration,
}
