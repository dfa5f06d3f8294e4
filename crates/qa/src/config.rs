//! What `config.json` says of a model.

use std::path::Path;

use serde::Deserialize;

use crate::error::ModelError;

/// The part of `config.json` that matters here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    /// The class of the tokenizer, which the settings of the tokenizer override.
    pub(crate) tokenizer_class: Option<String>,
    max_position_embeddings: Option<usize>,
    /// Null is not the same as nothing, for which RoBERTa has a default of its own.
    #[serde(default = "default_pad_token_id")]
    pad_token_id: Option<i64>,
    /// The number of tokens that the model knows.
    pub(crate) vocab_size: Option<usize>,
}

/// A class of transformers' that works here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Architecture {
    pub(crate) name: &'static str,
    pub(crate) model_type: &'static str,
    positions: Positions,
}

/// First position of an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Positions {
    FromZero,
    AfterPadding,
}

const ARCHITECTURES: [Architecture; 8] = {
    const fn from_zero(name: &'static str, model_type: &'static str) -> Architecture {
        let positions = Positions::FromZero;
        Architecture {
            name,
            model_type,
            positions,
        }
    }
    const fn after_padding(name: &'static str, model_type: &'static str) -> Architecture {
        let positions = Positions::AfterPadding;
        Architecture {
            name,
            model_type,
            positions,
        }
    }
    [
        from_zero("BertForQuestionAnswering", "bert"),
        from_zero("DistilBertForQuestionAnswering", "distilbert"),
        from_zero("ElectraForQuestionAnswering", "electra"),
        from_zero("MobileBertForQuestionAnswering", "mobilebert"),
        from_zero("AlbertForQuestionAnswering", "albert"),
        after_padding("RobertaForQuestionAnswering", "roberta"),
        after_padding("XLMRobertaForQuestionAnswering", "xlm-roberta"),
        after_padding("CamembertForQuestionAnswering", "camembert"),
    ]
};

impl Config {
    /// The class that the pipeline makes of the model: the one of its `model_type`, whatever `architectures` says, which
    /// decides only where no `model_type` is given.
    ///
    /// # Errors
    /// [`ModelError::Architecture`].
    pub(crate) fn architecture(&self) -> Result<&'static Architecture, ModelError> {
        let architectures = self.architectures.as_deref().unwrap_or_default();
        let known = ARCHITECTURES.iter().find(|known| match &self.model_type {
            Some(model_type) => model_type == known.model_type,
            None => architectures.iter().any(|found| found == known.name),
        });
        known.ok_or_else(|| ModelError::Architecture {
            found: match (&self.model_type, architectures) {
                (None, []) => {
                    "a model whose config.json names no architecture and no model_type".to_owned()
                }
                (Some(model_type), []) => format!("a model of the type `{model_type}`"),
                (_, found) => found.join(", "),
            },
            supported: ARCHITECTURES.iter().map(|known| known.name).collect(),
        })
    }

    /// The longest sequence that the model has positions for, in tokens; `path` names the file in errors.
    ///
    /// # Errors
    /// [`ModelError::Setting`] where positions follow from a padding token that is not given.
    pub(crate) fn positions(
        &self,
        architecture: &Architecture,
        path: &Path,
    ) -> Result<usize, ModelError> {
        // BERT's own default, and that of all others.
        let positions = self.max_position_embeddings.unwrap_or(512);
        if architecture.positions == Positions::FromZero {
            return Ok(positions);
        }
        let padding = self
            .pad_token_id
            .and_then(|padding| usize::try_from(padding).ok());
        let padding = padding.ok_or_else(|| ModelError::Setting {
            path: path.to_owned(),
            what: format!(
                "`pad_token_id` is no token, and the positions of {} start after that token",
                architecture.name
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
