//! What config.json says of a model.

use serde::Deserialize;

use crate::error::LoadError;

/// A model's family and sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) family: Family,
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

/// Architectures that name their weights alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Bert,
    DistilBert,
    Roberta,
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

/// The classes of transformers' that work, for messages.
const SUPPORTED: &str = "BertForQuestionAnswering, DistilBertForQuestionAnswering, RobertaForQuestionAnswering, \
     XLMRobertaForQuestionAnswering and CamembertForQuestionAnswering";

const ARCHITECTURES: [(&str, Family); 5] = [
    ("BertForQuestionAnswering", Family::Bert),
    ("DistilBertForQuestionAnswering", Family::DistilBert),
    ("RobertaForQuestionAnswering", Family::Roberta),
    ("XLMRobertaForQuestionAnswering", Family::Roberta),
    ("CamembertForQuestionAnswering", Family::Roberta),
];

const ACTIVATIONS: [(&str, Activation); 6] = [
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
];

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
            hidden: file.hidden_size,
            layers: file.num_hidden_layers,
            heads: file.num_attention_heads,
            intermediate: file.intermediate_size,
            vocabulary: file.vocab_size,
            positions: file.max_position_embeddings,
            padding: match family {
                Family::Roberta => Some(file.pad_token_id),
                Family::Bert | Family::DistilBert => None,
            },
            token_types: match family {
                Family::DistilBert => 0,
                Family::Bert | Family::Roberta => file.type_vocab_size,
            },
            epsilon: file.layer_norm_eps,
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

/// The part of config.json that matters, with the names of all families.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(alias = "dim")]
    hidden_size: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    intermediate_size: usize,
    vocab_size: usize,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    #[serde(default = "default_pad_token_id")]
    pad_token_id: usize,
    #[serde(default = "default_token_types")]
    type_vocab_size: usize,
    #[serde(default = "default_epsilon")]
    layer_norm_eps: f32,
    #[serde(alias = "activation", default = "default_activation")]
    hidden_act: String,
    position_embedding_type: Option<String>,
    quantization_config: Option<serde_json::Value>,
}

impl File {
    fn family(&self) -> Result<Family, LoadError> {
        let known = ARCHITECTURES
            .iter()
            .find(|(name, _)| self.architectures.iter().any(|found| found == name));
        known.map(|(_, family)| *family).ok_or_else(|| {
            unsupported(match self.architectures.as_slice() {
                [] => "a model whose config.json names no architecture".to_owned(),
                found => found.join(", "),
            })
        })
    }

    fn activation(&self) -> Result<Activation, LoadError> {
        let known = ACTIVATIONS
            .iter()
            .find(|(name, _)| self.hidden_act == *name);
        known
            .map(|(_, activation)| *activation)
            .ok_or_else(|| unsupported(format!("the activation `{}`", self.hidden_act)))
    }

    fn refuse_variants(&self) -> Result<(), LoadError> {
        match self.position_embedding_type.as_deref() {
            None | Some("absolute") => {}
            Some(other) => return Err(unsupported(format!("{other} position embeddings"))),
        }
        if self.quantization_config.is_some() {
            return Err(unsupported("weights that are already quantized".to_owned()));
        }
        Ok(())
    }
}

fn unsupported(what: String) -> LoadError {
    LoadError::Unsupported {
        what,
        supported: SUPPORTED,
    }
}

/// BERT's own defaults, for a config.json that leaves them out; the padding token is RoBERTa's.
fn default_positions() -> usize {
    512
}

fn default_pad_token_id() -> usize {
    1
}

fn default_token_types() -> usize {
    2
}

fn default_epsilon() -> f32 {
    1e-12
}

fn default_activation() -> String {
    "gelu".to_owned()
}
