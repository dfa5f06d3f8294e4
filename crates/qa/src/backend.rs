//! Interface between question answering and the engines that run a model.

mod encoder;
mod onnx_framing;
mod rten;

use std::ops::Range;

pub use bakeoff_encoder::{Dtype, EncoderOptions, Isa};

pub use self::encoder::EncoderBackend;
pub use self::rten::RtenBackend;
pub use crate::error::BackendError;

/// Engine that runs a model on token sequences.
///
/// Calls are synchronous. Several threads can call the same backend at once.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// Logits of every token of `batch`, in the order of its tokens.
    ///
    /// # Errors
    /// The error of the engine. The batch is always valid.
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError>;
}

/// Token sequences in one run, without padding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub input_ids: Vec<u32>,
    /// Segment of each token: 0 for the question, 1 for the context.
    pub token_type_ids: Vec<u32>,
    /// Index of the first token of each sequence, and then the number of all tokens. The length is the number of sequences plus 1.
    pub cumulative_lengths: Vec<usize>,
}

impl Batch {
    /// Removes all sequences.
    pub fn clear(&mut self) {
        self.input_ids.clear();
        self.token_type_ids.clear();
        self.cumulative_lengths.clear();
    }

    /// Token range of each sequence, in order.
    pub fn sequences(&self) -> impl Iterator<Item = Range<usize>> {
        self.cumulative_lengths
            .windows(2)
            .map(|bounds| bounds[0]..bounds[1])
    }
}

/// Start and end logits of every token of a [`Batch`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logits {
    /// Logit of each token as the start of the answer.
    pub start: Vec<f32>,
    /// Logit of each token as the end of the answer.
    pub end: Vec<f32>,
}
