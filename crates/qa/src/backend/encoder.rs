//! Backend for safetensors: the `bakeoff-encoder` crate.

use std::path::Path;

use bakeoff_encoder::{Encoder, EncoderOptions, Tokens};

use crate::backend::{Backend, Batch, Logits};
use crate::error::{BackendError, ModelError};
use crate::guard;

/// Question-answering model of a BERT-like family, loaded from safetensors.
#[derive(Debug)]
pub struct EncoderBackend(Encoder);

impl EncoderBackend {
    /// Loads `config.json` and the safetensors in `folder`: one file, or several files with an index.
    ///
    /// # Errors
    /// [`ModelError::Weights`]. Its source names the file or the setting.
    pub fn open(folder: &Path, options: &EncoderOptions) -> Result<Self, ModelError> {
        Self::new(folder, || Ok(Encoder::open(folder, options)?))
    }

    /// Loads a model from the content of `config.json` and of a safetensors file. `folder` is their folder in error messages.
    ///
    /// # Errors
    /// See [`EncoderBackend::open`].
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
