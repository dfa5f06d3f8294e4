//! Runs safetensors with the encoder of our own.

use std::path::Path;

use bakeoff_encoder::{Encoder, EncoderOptions, Tokens};

use crate::backend::{Backend, BackendError, Batch, Logits};
use crate::error::ModelError;
use crate::guard;

/// A question-answering model of the BERT family, straight from its safetensors.
#[derive(Debug)]
pub struct EncoderBackend(Encoder);

impl EncoderBackend {
    /// Loads `config.json` and the safetensors in `folder`, one file or several with an index.
    ///
    /// # Errors
    /// [`ModelError::Weights`]; its source says which file or setting does not work.
    pub fn open(folder: &Path, options: &EncoderOptions) -> Result<Self, ModelError> {
        Self::new(folder, || Ok(Encoder::open(folder, options)?))
    }

    /// Loads a model whose `config.json` is `config` from the bytes of a safetensors file that stay; `folder` stands for where
    /// they are in errors.
    ///
    /// # Errors
    /// As [`EncoderBackend::open`].
    pub fn from_static(
        config: &[u8],
        weights: &'static [u8],
        folder: &Path,
        options: &EncoderOptions,
    ) -> Result<Self, ModelError> {
        Self::new(folder, || {
            Ok(Encoder::from_static(config, weights, folder, options)?)
        })
    }

    fn new(
        folder: &Path,
        load: impl FnOnce() -> Result<Encoder, BackendError>,
    ) -> Result<Self, ModelError> {
        let encoder = guard::no_panic(load).map_err(|source| ModelError::Weights {
            path: folder.join(bakeoff_encoder::WEIGHTS),
            source,
        })?;
        Ok(Self(encoder))
    }
}

impl Backend for EncoderBackend {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let tokens = Tokens {
            input_ids: &batch.input_ids,
            token_type_ids: &batch.token_type_ids,
            cumulative_lengths: &batch.cumulative_lengths,
        };
        let mut logits = bakeoff_encoder::Logits::default();
        self.0.forward(&tokens, &mut logits)?;
        Ok(Logits {
            start: logits.start,
            end: logits.end,
        })
    }
}
