//! Where the time of a request went.

use std::time::Duration;

/// Where the time of a request went; the three add up to all of it. As the last of its windows saw it: of a list or a
/// long context, `queue` holds the inference of the windows before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// In the queue, until the last window was started.
    pub(crate) queue: Duration,
    /// Turning text into tokens, and waiting for a thread that does.
    pub(crate) tokenization: Duration,
    /// In the model, together with the other windows of the batch, and turning what it said into answers.
    pub(crate) inference: Duration,
}
