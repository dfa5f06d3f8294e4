//! Weights of a model in the layout of the forward pass.

use crate::config::Config;
use crate::error::LoadError;
use crate::family::Family;
use crate::isa::Dtype;
use crate::kernels::Kernels;
use crate::layers::attention::HEAD_ALIGNMENT;
use crate::layers::norm::Norm;
use crate::linear::{Linear, WIDEST_PANEL};
use crate::safetensors::{Tensor, Tensors};

/// All weights of a model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) embeddings: Embeddings,
    pub(crate) layers: Vec<Layer>,
    pub(crate) head: Head,
    pub(crate) shape: Shape,
}

/// Layout of a row of activations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    /// Dimensions of a head.
    pub(crate) head: usize,
    /// Dimensions of a head, padded to whole vectors.
    pub(crate) padded_head: usize,
    /// Columns of the queries of all heads, as of the keys and of the values, padded to whole panels.
    pub(crate) section: usize,
    pub(crate) intermediate: usize,
}

/// Embeddings of tokens, positions and token types.
#[derive(Debug)]
pub(crate) struct Embeddings {
    pub(crate) words: Tensor,
    /// Rows of f32, one for each position, the first token's first, or that of padding where it has one.
    pub(crate) positions: Vec<f32>,
    /// The token that has a position of its own and is not counted in others'.
    pub(crate) padding: Option<usize>,
    /// Rows of f32, one for each type; none where the family has none.
    pub(crate) types: Vec<f32>,
    pub(crate) norm: Norm,
}

/// One layer of the encoder.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Queries, keys and values in one.
    pub(crate) projections: Linear,
    pub(crate) attention_output: Linear,
    pub(crate) attention_norm: Norm,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) output_norm: Norm,
}

/// Question-answering head: turns the last layer's states into logits.
#[derive(Debug)]
pub(crate) struct Head {
    /// The weights of the start logit, then those of the end logit.
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: [f32; 2],
}

impl Model {
    /// # Errors
    /// As of [`Tensors::read`].
    pub(crate) fn load(
        config: &Config,
        tensors: &Tensors,
        kernels: &Kernels,
        dtype: Dtype,
    ) -> Result<Self, LoadError> {
        let loader = Loader {
            config,
            tensors,
            kernels,
            dtype,
            prefix: prefix(config.family, tensors),
            shape: Shape::new(config),
        };
        let layers: Result<_, _> = (0..config.layers)
            .map(|index| loader.layer(index))
            .collect();
        Ok(Self {
            embeddings: loader.embeddings()?,
            layers: layers?,
            head: loader.head()?,
            shape: loader.shape,
        })
    }
}

impl Shape {
    fn new(config: &Config) -> Self {
        let padded_head = config.head_size().next_multiple_of(HEAD_ALIGNMENT);
        Self {
            hidden: config.hidden,
            heads: config.heads,
            head: config.head_size(),
            padded_head,
            section: (config.heads * padded_head).next_multiple_of(WIDEST_PANEL),
            intermediate: config.intermediate,
        }
    }
}

/// Prefix of all weight names except the head's; empty if the model was saved without its head's class.
fn prefix(family: &Family, tensors: &Tensors) -> &'static str {
    if tensors.has(&format!(
        "{}embeddings.word_embeddings.weight",
        family.prefix
    )) {
        family.prefix
    } else {
        ""
    }
}

struct Loader<'a> {
    config: &'a Config,
    tensors: &'a Tensors,
    kernels: &'a Kernels,
    dtype: Dtype,
    prefix: &'static str,
    shape: Shape,
}

impl Loader<'_> {
    fn embeddings(&self) -> Result<Embeddings, LoadError> {
        let config = self.config;
        let table = |name: &str, rows: usize| {
            let name = format!("{}embeddings.{name}.weight", self.prefix);
            self.tensors.read(&name, &[rows, config.hidden])
        };
        let mut positions = table("position_embeddings", config.positions)?.to_vec();
        positions.drain(..config.padding.unwrap_or(0) * config.hidden);
        let types = match config.token_types {
            0 => Vec::new(),
            rows => table("token_type_embeddings", rows)?.to_vec(),
        };
        Ok(Embeddings {
            padding: config.padding,
            words: table("word_embeddings", config.vocabulary)?,
            positions,
            types,
            norm: self.norm("embeddings.LayerNorm")?,
        })
    }

    fn layer(&self, index: usize) -> Result<Layer, LoadError> {
        let names = &self.config.family.names;
        let layer = format!("{}.{index}", names.layer);
        let name = |part: &str| format!("{layer}.{part}");
        let (hidden, intermediate) = (self.config.hidden, self.config.intermediate);
        Ok(Layer {
            projections: self.projections(&names.projections.map(name))?,
            attention_output: self.attention_output(&name(names.attention_output))?,
            attention_norm: self.norm(&name(names.attention_norm))?,
            up: self.linear(&name(names.up), hidden, intermediate)?,
            down: self.linear(&name(names.down), intermediate, hidden)?,
            output_norm: self.norm(&name(names.output_norm))?,
        })
    }

    fn head(&self) -> Result<Head, LoadError> {
        let weights = self
            .tensors
            .read("qa_outputs.weight", &[2, self.config.hidden])?
            .to_vec();
        let bias = self.tensors.read("qa_outputs.bias", &[2])?.to_vec();
        Ok(Head {
            weights,
            bias: [bias[0], bias[1]],
        })
    }

    fn norm(&self, name: &str) -> Result<Norm, LoadError> {
        // Weights that were saved from TensorFlow have older names.
        let read = |new: &str, old: &str| {
            let older = format!("{}{name}.{old}", self.prefix);
            let name = format!("{}{name}.{new}", self.prefix);
            let name = if self.tensors.has(&older) {
                older
            } else {
                name
            };
            Ok(self.tensors.read(&name, &[self.config.hidden])?.to_vec())
        };
        Ok(Norm {
            weight: read("weight", "gamma")?,
            bias: read("bias", "beta")?,
            epsilon: self.config.epsilon,
        })
    }

    fn weights(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<(Tensor, Vec<f32>), LoadError> {
        let name = format!("{}{name}", self.prefix);
        let weights = self
            .tensors
            .read(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.tensors.read(&format!("{name}.bias"), &[outputs])?;
        Ok((weights, bias.to_vec()))
    }

    fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear, LoadError> {
        let (weights, bias) = self.weights(name, inputs, outputs)?;
        let mut linear = Linear::zeros(self.kernels, self.dtype, inputs, outputs);
        let mut row = vec![0.0; inputs];
        for (output, bias) in bias.into_iter().enumerate() {
            weights.widen(output * inputs, &mut row);
            linear.set(output, &row, bias);
        }
        Ok(linear)
    }

    /// Queries, keys and values side by side, each in a section of its own, heads padded to whole vectors.
    fn projections(&self, names: &[String; 3]) -> Result<Linear, LoadError> {
        let (hidden, shape) = (self.config.hidden, self.shape);
        let mut linear = Linear::zeros(self.kernels, self.dtype, hidden, 3 * shape.section);
        let mut row = vec![0.0; hidden];
        for (index, name) in names.iter().enumerate() {
            let (weights, bias) = self.weights(name, hidden, hidden)?;
            for (output, bias) in bias.into_iter().enumerate() {
                weights.widen(output * hidden, &mut row);
                let column = index * shape.section + shape.padded(output);
                linear.set(column, &row, bias);
            }
        }
        Ok(linear)
    }

    /// Takes heads that are padded to whole vectors.
    fn attention_output(&self, name: &str) -> Result<Linear, LoadError> {
        let (hidden, shape) = (self.config.hidden, self.shape);
        let (weights, bias) = self.weights(name, hidden, hidden)?;
        let mut linear = Linear::zeros(self.kernels, self.dtype, shape.section, hidden);
        let (mut row, mut padded) = (vec![0.0; hidden], vec![0.0; shape.section]);
        for (output, bias) in bias.into_iter().enumerate() {
            weights.widen(output * hidden, &mut row);
            for (input, weight) in row.iter().enumerate() {
                padded[shape.padded(input)] = *weight;
            }
            linear.set(output, &padded, bias);
        }
        Ok(linear)
    }
}

impl Shape {
    /// Index of a dimension of the heads in a row of padded heads.
    fn padded(&self, dimension: usize) -> usize {
        dimension / self.head * self.padded_head + dimension % self.head
    }
}
