//! Settings of a model, from its config.json.

use serde::Deserialize;

use crate::error::LoadError;
use crate::family::{self, FAMILIES, Family, Positions};

/// A model's family and sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) family: &'static Family,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    /// Rows of the table of positions.
    pub(crate) positions: usize,
    /// The token that stands for nothing, where it decides on positions: it has its own, and is not counted in those of others,
    /// which come after it.
    pub(crate) padding: Option<usize>,
    /// 0 where the family has none.
    pub(crate) token_types: usize,
    pub(crate) epsilon: f32,
    pub(crate) activation: Activation,
}

/// The function between the two products of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// By the error function.
    Gelu,
    /// By the hyperbolic tangent.
    GeluTanh,
    Relu,
}

const ACTIVATIONS: [(&str, Activation); 6] = [
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
];

/// Default epsilon of layer normalization, the same in all families.
const DEFAULT_EPSILON: f32 = 1e-12;

/// More than any model has, and little enough that products of two sizes do not overflow.
const LARGEST: usize = 1 << 24;

impl Config {
    /// Reads config.json; `path` names it in errors.
    ///
    /// # Errors
    /// [`LoadError::Json`], [`LoadError::Unsupported`] and [`LoadError::Config`].
    pub(crate) fn parse(json: &[u8], path: &std::path::Path) -> Result<Self, LoadError> {
        let file: File = serde_json::from_slice(json).map_err(|source| LoadError::Json {
            path: path.to_owned(),
            source,
        })?;
        let family = file.family()?;
        file.refuse_variants()?;
        let config = Self {
            family,
            hidden: file.hidden_size.unwrap_or(768),
            layers: file.num_hidden_layers.unwrap_or(family.layers),
            heads: file.num_attention_heads.unwrap_or(12),
            intermediate: file.intermediate_size.unwrap_or(3072),
            vocabulary: file.vocab_size.unwrap_or(family.vocabulary),
            positions: file.max_position_embeddings.unwrap_or(512),
            padding: match family.positions {
                Positions::AfterPadding => Some(file.padding()?),
                Positions::FromZero => None,
            },
            token_types: family
                .token_types
                .map_or(0, |default| file.type_vocab_size.unwrap_or(default)),
            epsilon: file
                .layer_norm_eps
                .filter(|_| family.epsilon_is_a_setting)
                .unwrap_or(DEFAULT_EPSILON),
            activation: file.activation()?,
        };
        config.check()?;
        Ok(config)
    }

    /// The longest sequence, in tokens.
    pub(crate) fn max_tokens(&self) -> usize {
        self.positions - self.padding.map_or(0, |padding| padding + 1)
    }

    /// Dimensions of a head.
    pub(crate) fn head_size(&self) -> usize {
        self.hidden / self.heads
    }

    fn check(&self) -> Result<(), LoadError> {
        let sizes = [
            ("hidden_size", self.hidden),
            ("num_attention_heads", self.heads),
            ("intermediate_size", self.intermediate),
            ("vocab_size", self.vocabulary),
            ("max_position_embeddings", self.positions),
        ];
        for (name, size) in sizes {
            if size == 0 || size > LARGEST {
                return Err(LoadError::Config(format!(
                    "{name} is {size}, which no model has"
                )));
            }
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(LoadError::Config(format!(
                "hidden_size {} is no multiple of num_attention_heads {}",
                self.hidden, self.heads
            )));
        }
        if self
            .padding
            .is_some_and(|padding| padding >= self.positions - 1)
        {
            return Err(LoadError::Config(format!(
                "max_position_embeddings {} leave none after pad_token_id",
                self.positions
            )));
        }
        if self.layers > LARGEST || self.token_types > LARGEST {
            return Err(LoadError::Config(
                "more layers or token types than any model has".into(),
            ));
        }
        Ok(())
    }
}

/// The part of config.json that matters, with the names of all families. What is left out has the default of its family.
#[derive(Debug, Deserialize)]
struct File {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    #[serde(alias = "dim")]
    hidden_size: Option<usize>,
    #[serde(alias = "n_layers")]
    num_hidden_layers: Option<usize>,
    #[serde(alias = "n_heads")]
    num_attention_heads: Option<usize>,
    #[serde(alias = "hidden_dim")]
    intermediate_size: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    /// Null is not the same as nothing.
    #[serde(default = "default_pad_token_id")]
    pad_token_id: Option<i64>,
    type_vocab_size: Option<usize>,
    layer_norm_eps: Option<f32>,
    #[serde(alias = "activation", default = "default_activation")]
    hidden_act: String,
    position_embedding_type: Option<String>,
    quantization_config: Option<serde_json::Value>,
}

impl File {
    /// The family of the `model_type`; `architectures` decides only where there is none.
    fn family(&self) -> Result<&'static Family, LoadError> {
        let architectures = self.architectures.as_deref().unwrap_or_default();
        let known = FAMILIES.iter().find(|family| match &self.model_type {
            Some(found) => found == family.model_type,
            None => architectures
                .iter()
                .any(|found| found == family.architecture),
        });
        known.ok_or_else(|| {
            unsupported(match (&self.model_type, architectures) {
                (None, []) => {
                    "a model whose config.json names no architecture and no model_type".to_owned()
                }
                (Some(model_type), []) => format!("a model of the type `{model_type}`"),
                (_, found) => found.join(", "),
            })
        })
    }

    fn activation(&self) -> Result<Activation, LoadError> {
        let known = ACTIVATIONS
            .iter()
            .find(|(name, _)| self.hidden_act == *name);
        known.map(|(_, activation)| *activation).ok_or_else(|| {
            let names: Vec<&str> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
            LoadError::Unsupported {
                what: format!("the activation `{}`", self.hidden_act),
                supported: names.join(", "),
            }
        })
    }

    /// The token whose number decides where positions start.
    fn padding(&self) -> Result<usize, LoadError> {
        let padding = self.pad_token_id.and_then(|id| usize::try_from(id).ok());
        padding.ok_or_else(|| {
            let what = "pad_token_id is no token, and positions start after that token";
            LoadError::Config(what.into())
        })
    }

    fn refuse_variants(&self) -> Result<(), LoadError> {
        match self.position_embedding_type.as_deref() {
            None | Some("absolute") => {}
            Some(other) => {
                return Err(LoadError::Unsupported {
                    what: format!("{other} position embeddings"),
                    supported: "absolute ones".to_owned(),
                });
            }
        }
        if self.quantization_config.is_some() {
            return Err(LoadError::Unsupported {
                what: "weights that are already quantized".to_owned(),
                supported: "those of floats".to_owned(),
            });
        }
        Ok(())
    }
}

fn unsupported(what: String) -> LoadError {
    LoadError::Unsupported {
        what,
        supported: family::supported(),
    }
}

/// RoBERTa's own default.
#[expect(
    clippy::unnecessary_wraps,
    reason = "serde wants the type of the field"
)]
fn default_pad_token_id() -> Option<i64> {
    Some(1)
}

/// The default of all families.
fn default_activation() -> String {
    "gelu".to_owned()
}
