//! The seam between question answering and whatever multiplies matrices.

mod encoder;
mod onnx_framing;
mod rten;

use std::ops::Range;

pub use bakeoff_encoder::{Dtype, EncoderOptions, Isa};

pub use self::encoder::EncoderBackend;
pub use self::rten::RtenBackend;

/// Runs a model over token sequences.
///
/// Synchronous, and callable from several threads at once: each caller runs on its own thread.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// The logits of every token of `batch`, in its order.
    ///
    /// # Errors
    /// Whatever the engine says; the batch itself is valid.
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError>;
}

/// What an engine says when it fails.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// Token sequences one after another, without padding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub input_ids: Vec<u32>,
    /// Segment of each token: 0 for the question, 1 for the context.
    pub token_type_ids: Vec<u32>,
    /// Where each sequence starts in the fields above, and the total length last: one entry more than sequences.
    pub cumulative_lengths: Vec<usize>,
}

impl Batch {
    /// Takes out every sequence.
    pub fn clear(&mut self) {
        self.input_ids.clear();
        self.token_type_ids.clear();
        self.cumulative_lengths.clear();
    }

    /// Where each sequence lies in the fields, first to last.
    pub fn sequences(&self) -> impl Iterator<Item = Range<usize>> {
        self.cumulative_lengths
            .windows(2)
            .map(|bounds| bounds[0]..bounds[1])
    }
}

/// One start and one end logit for every token of a [`Batch`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logits {
    /// How strongly each token starts the answer.
    pub start: Vec<f32>,
    /// How strongly each token ends the answer.
    pub end: Vec<f32>,
}
