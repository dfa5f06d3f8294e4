//! A model that answers questions.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;

use tokenizers::Tokenizer;

use crate::answer::Answer;
use crate::backend::{
    Backend, Batch, Dtype, EncoderBackend, EncoderOptions, Isa, Logits, RtenBackend,
};
use crate::encoding::{EncodedQuestion, MOST_CONTEXT_TOKENS, encode, is_too_long};
use crate::error::{AnswerError, ModelError};
use crate::files::{ModelFiles, Settings};
use crate::prepared::Prepared;
use crate::question::{Options, Question};
use crate::revision::Revision;
use crate::tokenizer::Side;
use crate::weights::{FoundWeights, Weights};
use crate::window::{from_the_end, windows};

/// A loaded model. Callable from several threads at once; each call works on one thread.
pub struct QuestionAnswering {
    name: String,
    revision: Revision,
    settings: Settings,
    tokenizer: Tokenizer,
    truncation_side: Side,
    keeps_first_space: bool,
    class_token_id: Option<u32>,
    backend: Box<dyn Backend>,
}

/// How a model's weights are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelOptions {
    /// The kind of weights, where a folder has both; `None` is safetensors, unless the model can only be run from ONNX.
    pub weights: Option<Weights>,
    /// The precision of linear layers, for safetensors; `None` is eight bits. An ONNX file has its own.
    pub dtype: Option<Dtype>,
    /// The instructions, for safetensors; `None` is the best that the CPU has.
    pub isa: Option<Isa>,
    /// Threads that work on safetensors at once, those that call included: a call that finds others idle works on them too.
    pub threads: NonZeroUsize,
}

/// The window that the reference takes when not told otherwise, in tokens.
const DEFAULT_MAX_SEQ_LEN: usize = 384;

/// The stride that the reference takes when not told otherwise, in tokens.
const DEFAULT_DOC_STRIDE: usize = 128;

/// How much goes to the backend at once, in tokens: bounds the memory that a long context takes.
const MAX_BATCH_TOKENS: usize = 16_384;

impl QuestionAnswering {
    /// The model that is compiled in.
    ///
    /// # Errors
    /// [`ModelError`], though none is expected of this model.
    #[cfg(feature = "bundled-model")]
    pub fn embedded() -> Result<Self, ModelError> {
        Self::embedded_with(&ModelOptions::default())
    }

    /// The model that is compiled in, run by `options`.
    ///
    /// # Errors
    /// [`ModelError::Weights`] where the CPU lacks what the options ask for.
    #[cfg(feature = "bundled-model")]
    pub fn embedded_with(options: &ModelOptions) -> Result<Self, ModelError> {
        use crate::files::bundled;

        let files = ModelFiles::embedded();
        let backend = EncoderBackend::from_static(
            files.config(),
            bundled::WEIGHTS,
            files.folder(),
            &options.encoder(),
        )?;
        let revision = Revision::of_bytes(&files, bundled::WEIGHTS);
        Self::new(&files, Box::new(backend), revision)
    }

    /// The model in a folder with `config.json`, `tokenizer.json` or the files of a vocabulary, and `model.safetensors` or an ONNX
    /// file.
    ///
    /// # Errors
    /// [`ModelError`] says which file is missing or wrong.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        Self::open_with(folder, &ModelOptions::default())
    }

    /// The model in a folder, run by `options`. Where it has both kinds of weights, safetensors are taken unless the options
    /// say otherwise or the encoder does not know the architecture.
    ///
    /// # Errors
    /// As [`QuestionAnswering::open`].
    pub fn open_with(folder: &Path, options: &ModelOptions) -> Result<Self, ModelError> {
        let files = ModelFiles::read(folder)?;
        // Before the weights: that they belong to another kind of model explains whatever is wrong with them.
        let weights = FoundWeights::of(folder, files.settings()?.architecture, options)?;
        let backend: Box<dyn Backend> = match &weights {
            FoundWeights::Safetensors(_) => {
                Box::new(EncoderBackend::open(folder, &options.encoder())?)
            }
            FoundWeights::Onnx(graph) => Box::new(RtenBackend::open(graph)?),
        };
        let revision = Revision::of_weights(&files, &weights)?;
        Self::new(&files, backend, revision)
    }

    /// The model with these settings and this tokenizer, run by `backend`.
    ///
    /// # Errors
    /// [`ModelError`] says which file is wrong.
    pub fn with_backend(files: &ModelFiles, backend: Box<dyn Backend>) -> Result<Self, ModelError> {
        Self::new(files, backend, Revision::of_settings(files))
    }

    fn new(
        files: &ModelFiles,
        backend: Box<dyn Backend>,
        revision: Revision,
    ) -> Result<Self, ModelError> {
        let settings = files.settings()?;
        let loaded = files.load_tokenizer(&settings)?;
        let class_token = settings.tokenizer.tokens.token("cls_token");
        let class_token_id = class_token.and_then(|token| loaded.tokenizer.token_to_id(token));
        Ok(Self {
            name: files.name().to_owned(),
            revision,
            settings,
            tokenizer: loaded.tokenizer,
            truncation_side: loaded.truncation_side,
            keeps_first_space: loaded.keeps_first_space,
            class_token_id,
            backend,
        })
    }

    /// What the model is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The class of transformers' that the model is, for example `BertForQuestionAnswering`.
    pub fn architecture(&self) -> &str {
        self.settings.architecture
    }

    /// Twelve hexadecimal digits that change with the model's settings, tokenizer or weights; for one made
    /// [with a backend](Self::with_backend), with the settings and the tokenizer.
    ///
    /// For the model that is compiled in the first call takes some tens of milliseconds.
    pub fn revision(&self) -> &str {
        self.revision.as_str()
    }

    /// The tokens that the tokenizer makes and the model does not know, by their texts in the order of their numbers. A text
    /// with one of them cannot be answered.
    pub fn unknown_tokens(&self) -> Vec<String> {
        let Some(vocab_size) = self.settings.vocab_size else {
            return Vec::new();
        };
        let mut unknown: Vec<(u32, String)> = self
            .tokenizer
            .get_vocab(true)
            .into_iter()
            .filter(|(_, id)| *id as usize >= vocab_size)
            .map(|(token, id)| (id, token))
            .collect();
        unknown.sort_unstable();
        unknown.into_iter().map(|(_, token)| token).collect()
    }

    /// The longest window that the model can take, in tokens.
    pub fn max_seq_len(&self) -> usize {
        self.settings.positions
    }

    /// The answers to `question`, best first, at most `top_k`.
    ///
    /// A long context is read in windows, one after another, so that time grows with its length.
    ///
    /// # Errors
    /// [`AnswerError`] for lengths that do not fit together, or when the model fails.
    pub fn answer(
        &self,
        question: &Question,
        options: &Options,
    ) -> Result<Vec<Answer>, AnswerError> {
        let prepared = self.prepare(question.clone(), options.clone())?;
        let mut logits = Vec::with_capacity(prepared.windows());
        let mut batch = Batch::default();
        for window in 0..prepared.windows() {
            prepared.append_to(&mut batch, window);
            let last = window + 1 == prepared.windows();
            if last || batch.input_ids.len() + self.max_seq_len() > MAX_BATCH_TOKENS {
                logits.extend(self.forward(&batch)?);
                batch.clear();
            }
        }
        Ok(prepared.decode(&logits))
    }

    /// Turns `question` into the windows that the model reads, which is cheap beside reading them.
    ///
    /// # Errors
    /// [`AnswerError`] for lengths that do not fit together.
    pub fn prepare(&self, question: Question, options: Options) -> Result<Prepared, AnswerError> {
        let limits = self.limits(&options)?;
        if is_too_long(&self.tokenizer, question.context()).map_err(AnswerError::Tokenizer)? {
            return Err(AnswerError::ContextTooLong {
                limit: MOST_CONTEXT_TOKENS,
            });
        }
        let encoding = encode(&self.tokenizer, &question).map_err(AnswerError::Tokenizer)?;
        let token_types = self.settings.tokenizer.token_types;
        let mut encoded =
            EncodedQuestion::new(&encoding, token_types).map_err(AnswerError::Tokenizer)?;
        let windows = windows(
            encoded.token_counts(),
            limits.max_seq_len,
            limits.doc_stride,
        )?;
        let windows = match self.truncation_side {
            Side::Right => windows,
            Side::Left => from_the_end(windows),
        };
        if self.keeps_first_space {
            encoded.keep_first_spaces(&encoding, &windows);
        }
        if let Some(vocab_size) = self.settings.vocab_size
            && let Some(id) = encoded.token_beyond(vocab_size)
        {
            return Err(AnswerError::UnknownToken { id, vocab_size });
        }
        let prepared = Prepared::new(question, options, encoded, windows, self.class_token_id);
        // As in the reference, which only fails where a window is really that long. None is longer than the first.
        if prepared.tokens(0) > self.max_seq_len() {
            return Err(AnswerError::WindowTooLong {
                max_seq_len: limits.max_seq_len,
                limit: self.max_seq_len(),
            });
        }
        Ok(prepared)
    }

    /// What the model says about each sequence of `batch`, in their order. Works on the thread that calls it.
    ///
    /// # Errors
    /// [`AnswerError::Backend`] when the model fails, or says what no answer can follow from.
    pub fn forward(&self, batch: &Batch) -> Result<Vec<Logits>, AnswerError> {
        let logits = self.backend.forward(batch).map_err(AnswerError::Backend)?;
        let given = [logits.start.len(), logits.end.len()];
        if given != [batch.input_ids.len(); 2] {
            let message = format!(
                "{given:?} start and end logits for {} tokens",
                batch.input_ids.len()
            );
            return Err(AnswerError::Backend(message.into()));
        }
        if !logits
            .start
            .iter()
            .chain(&logits.end)
            .all(|logit| logit.is_finite())
        {
            return Err(AnswerError::Backend("logits that are not finite".into()));
        }
        let sequences = batch.sequences().map(|sequence| Logits {
            start: logits.start[sequence.clone()].to_vec(),
            end: logits.end[sequence].to_vec(),
        });
        Ok(sequences.collect())
    }

    fn limits(&self, options: &Options) -> Result<Limits, AnswerError> {
        let default = || {
            DEFAULT_MAX_SEQ_LEN
                .min(self.settings.tokenizer.model_max_length)
                .min(self.max_seq_len())
        };
        let max_seq_len = options.max_seq_len.map_or_else(default, usize::from);
        let doc_stride = options
            .doc_stride
            .unwrap_or(DEFAULT_DOC_STRIDE.min(max_seq_len / 2));
        if doc_stride > max_seq_len {
            return Err(AnswerError::StrideTooLarge {
                doc_stride,
                max_seq_len,
            });
        }
        Ok(Limits {
            max_seq_len,
            doc_stride,
        })
    }
}

impl Default for ModelOptions {
    /// Eight bits, the best instructions, no thread but the caller's.
    fn default() -> Self {
        Self {
            weights: None,
            dtype: None,
            isa: None,
            threads: NonZeroUsize::MIN,
        }
    }
}

impl ModelOptions {
    fn encoder(&self) -> EncoderOptions {
        EncoderOptions {
            dtype: self.dtype.unwrap_or_default(),
            isa: self.isa,
            threads: self.threads,
        }
    }
}

impl fmt::Debug for QuestionAnswering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The tokenizer alone would print its whole vocabulary.
        f.debug_struct("QuestionAnswering")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The lengths that apply to a question, in tokens.
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_seq_len: usize,
    doc_stride: usize,
}
