//! Settings in a model's `config.json`.

use std::path::Path;

use serde::Deserialize;

use crate::error::ModelError;
use crate::family::{FAMILIES, Family, Positions};

/// Settings of `config.json` that are used here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    /// Class of the tokenizer, unless `tokenizer_config.json` names another.
    pub(crate) tokenizer_class: Option<String>,
    max_position_embeddings: Option<usize>,
    /// `None` for null. A missing setting has RoBERTa's default.
    #[serde(default = "default_pad_token_id")]
    pad_token_id: Option<i64>,
    /// Number of tokens in the model's vocabulary.
    pub(crate) vocab_size: Option<usize>,
}

/// Default of `max_position_embeddings`, the same in all families.
const DEFAULT_MAX_POSITION_EMBEDDINGS: usize = 512;

impl Config {
    /// Family of the model: that of `model_type`. `architectures` decides only if there is no `model_type`, as in the pipeline.
    ///
    /// # Errors
    /// [`ModelError::Architecture`].
    pub(crate) fn family(&self) -> Result<&'static Family, ModelError> {
        let architectures = self.architectures.as_deref().unwrap_or_default();
        let known = FAMILIES.iter().find(|family| match &self.model_type {
            Some(model_type) => model_type == family.model_type,
            None => architectures
                .iter()
                .any(|found| found == family.architecture),
        });
        known.ok_or_else(|| ModelError::Architecture {
            found: match (&self.model_type, architectures) {
                (None, []) => {
                    "a model whose config.json names no architecture and no model_type".to_owned()
                }
                (Some(model_type), []) => format!("a model of the type `{model_type}`"),
                (_, found) => found.join(", "),
            },
            supported: FAMILIES.iter().map(|family| family.architecture).collect(),
        })
    }

    /// Maximum sequence length that the model has positions for, in tokens. `path` names `config.json` in errors.
    ///
    /// # Errors
    /// [`ModelError::Setting`] if positions start after a padding token and `config.json` sets none.
    pub(crate) fn positions(&self, family: &Family, path: &Path) -> Result<usize, ModelError> {
        let positions = self
            .max_position_embeddings
            .unwrap_or(DEFAULT_MAX_POSITION_EMBEDDINGS);
        if family.positions == Positions::FromZero {
            return Ok(positions);
        }
        let padding = self
            .pad_token_id
            .and_then(|padding| usize::try_from(padding).ok());
        let padding = padding.ok_or_else(|| ModelError::Setting {
            path: path.to_owned(),
            what: format!(
                "`pad_token_id` is no token, and the positions of {} start after that token",
                family.architecture
            ),
        })?;
        Ok(positions.saturating_sub(padding.saturating_add(1)))
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde wants the type of the field"
)]
fn default_pad_token_id() -> Option<i64> {
    Some(1)
}
