//! A loaded model.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::config::Config;
use crate::error::{ForwardError, LoadError};
use crate::forward::{self, Group, Scratch};
use crate::isa::{Dtype, Isa};
use crate::kernels::Kernels;
use crate::model::Model;
use crate::safetensors::Tensors;
use crate::team::Team;

/// A question-answering model that turns tokens into logits.
pub struct Encoder {
    config: Config,
    kernels: Kernels,
    model: Model,
    team: Team,
    /// Scratch memory of calls; as many as there ever were at once.
    idle: Mutex<Vec<Scratch>>,
    dtype: Dtype,
    isa: Isa,
}

/// Options of a loaded model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Precision of the linear layers.
    pub dtype: Dtype,
    /// Instruction set; `None` chooses the best that the CPU has.
    pub isa: Option<Isa>,
    /// Number of threads of all calls together, the calling threads included.
    pub threads: NonZeroUsize,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The weights alone would fill a screen for every token.
        formatter
            .debug_struct("Encoder")
            .field("config", &self.config)
            .field("dtype", &self.dtype)
            .field("isa", &self.isa)
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

impl Default for EncoderOptions {
    /// Eight bits, the best instructions, no thread but the caller's.
    fn default() -> Self {
        Self {
            dtype: Dtype::Int8,
            isa: None,
            threads: NonZeroUsize::MIN,
        }
    }
}

/// Token sequences one after another, without padding.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// Token ids of all sequences.
    pub input_ids: &'a [u32],
    /// The type of each token. Ignored where the family has one type or none.
    pub token_type_ids: &'a [u32],
    /// Index of the first token of each sequence, and the total length last: one entry more than sequences.
    pub cumulative_lengths: &'a [usize],
}

/// One start and one end logit for every token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logits {
    /// Start logit of each token.
    pub start: Vec<f32>,
    /// End logit of each token.
    pub end: Vec<f32>,
}

/// Tokens that are taken through the model at once, unless one sequence is longer: bounds the memory of a call.
const GROUP_TOKENS: usize = 1024;

impl Encoder {
    /// Loads `config.json` and the safetensors in `folder`.
    ///
    /// # Errors
    /// [`LoadError`] says which file or setting does not work.
    pub fn open(folder: &Path, options: &EncoderOptions) -> Result<Self, LoadError> {
        let path = folder.join("config.json");
        let json = std::fs::read(&path).map_err(|source| LoadError::Read {
            path: path.clone(),
            source,
        })?;
        Self::load(Config::parse(&json, &path)?, options, || {
            Tensors::open(folder)
        })
    }

    /// Loads a model whose `config.json` is `config`, and whose safetensors file is in memory to stay; errors name the files
    /// as if they were in `folder`.
    ///
    /// # Errors
    /// As of [`Encoder::open`].
    pub fn from_static(
        config: &[u8],
        weights: &'static [u8],
        folder: &Path,
        options: &EncoderOptions,
    ) -> Result<Self, LoadError> {
        let config = Config::parse(config, &folder.join("config.json"))?;
        let path = folder.join(crate::safetensors::WEIGHTS);
        Self::load(config, options, || Tensors::from_static(weights, &path))
    }

    fn load(
        config: Config,
        options: &EncoderOptions,
        tensors: impl FnOnce() -> Result<Tensors, LoadError>,
    ) -> Result<Self, LoadError> {
        let (dtype, isa) = (options.dtype, options.isa.unwrap_or_else(Isa::detect));
        isa.check(dtype)?;
        let kernels = Kernels::new(isa, dtype);
        let model = Model::load(&config, &tensors()?, &kernels, dtype)?;
        Ok(Self {
            config,
            kernels,
            model,
            team: Team::new(options.threads.get()).map_err(LoadError::Thread)?,
            idle: Mutex::default(),
            dtype,
            isa,
        })
    }

    /// The longest sequence that the model has positions for, in tokens.
    pub fn max_tokens(&self) -> usize {
        self.config.max_tokens()
    }

    /// Precision of the linear layers.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Instruction set of the kernels.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Puts the logits of every token into `logits`, in order. What was there before is dropped.
    ///
    /// # Errors
    /// [`ForwardError`] for tokens that the model cannot read.
    pub fn forward(&self, tokens: &Tokens<'_>, logits: &mut Logits) -> Result<(), ForwardError> {
        self.check(tokens)?;
        logits.start.clear();
        logits.end.clear();
        let mut scratch = self.borrow();
        let mut starts = std::mem::take(&mut scratch.starts);
        let mut rest = tokens.cumulative_lengths;
        while rest.len() > 1 {
            let first = rest[0];
            let taken = rest[1..]
                .partition_point(|end| end - first <= GROUP_TOKENS)
                .max(1);
            let range = first..rest[taken];
            starts.clear();
            starts.extend(rest[..=taken].iter().map(|start| start - first));
            let group = Group {
                ids: &tokens.input_ids[range.clone()],
                types: if self.config.token_types > 1 {
                    &tokens.token_type_ids[range.clone()]
                } else {
                    &[]
                },
                starts: &starts,
            };
            let model = (&self.model, &self.kernels, self.config.activation);
            forward::forward(model, group, &mut scratch, &self.team);
            let [start, end] = scratch.logits(range.len());
            logits.start.extend(start);
            logits.end.extend(end);
            rest = &rest[taken..];
        }
        scratch.starts = starts;
        self.give_back(scratch);
        Ok(())
    }

    fn check(&self, tokens: &Tokens<'_>) -> Result<(), ForwardError> {
        let lengths = tokens.cumulative_lengths;
        let (ids, types) = (tokens.input_ids.len(), tokens.token_type_ids.len());
        let end = lengths.last().copied().unwrap_or(0);
        if lengths.first().copied().unwrap_or(0) != 0 || end != ids || types != ids {
            return Err(ForwardError::Lengths { ids, types, end });
        }
        for bounds in lengths.windows(2) {
            let tokens = bounds[1].saturating_sub(bounds[0]);
            if tokens == 0 || tokens > self.max_tokens() {
                return Err(ForwardError::SequenceLength {
                    tokens,
                    limit: self.max_tokens(),
                });
            }
        }
        let limit = self.config.vocabulary;
        if let Some(&id) = tokens.input_ids.iter().find(|id| **id as usize >= limit) {
            return Err(ForwardError::TokenId { id, limit });
        }
        let limit = self.config.token_types;
        if limit > 1
            && let Some(&id) = tokens
                .token_type_ids
                .iter()
                .find(|id| **id as usize >= limit)
        {
            return Err(ForwardError::TokenType { id, limit });
        }
        Ok(())
    }

    fn borrow(&self) -> Scratch {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.unwrap_or_default()
    }

    fn give_back(&self, scratch: Scratch) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
    }
}
