//! Question-answering models.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;

use tokenizers::Tokenizer;

use crate::answer::Answer;
use crate::backend::{
    Backend, Batch, Dtype, EncoderBackend, EncoderOptions, Isa, Logits, RtenBackend,
};
use crate::encoding::{EncodedQuestion, MAX_CONTEXT_TOKENS, encode, is_too_long};
use crate::error::{AnswerError, ModelError};
use crate::files::{ModelFiles, Settings};
use crate::prepared::Prepared;
use crate::question::{Options, Question};
use crate::revision::Revision;
use crate::tokenizer::Side;
use crate::weights::{FoundWeights, Weights};
use crate::window::{from_the_end, windows};

/// Loaded question-answering model. Several threads can call it at once.
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

/// Options for running the weights of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelOptions {
    /// Kind of weights. `None` is safetensors if the folder has them and the encoder runs the architecture, otherwise ONNX.
    pub weights: Option<Weights>,
    /// Precision of linear layers, for safetensors only. `None` is eight bits.
    pub dtype: Option<Dtype>,
    /// Instruction set, for safetensors only. `None` is the fastest one of the CPU.
    pub isa: Option<Isa>,
    /// Number of threads for safetensors, including the calling threads. A call also uses threads that are idle.
    pub threads: NonZeroUsize,
}

/// Default maximum length of a window in the reference, in tokens.
const DEFAULT_MAX_SEQ_LEN: usize = 384;

/// Default stride in the reference, in tokens.
const DEFAULT_DOC_STRIDE: usize = 128;

/// Maximum size of a batch in [`QuestionAnswering::answer`], in tokens. It limits the memory for a long context.
const MAX_BATCH_TOKENS: usize = 16_384;

impl QuestionAnswering {
    /// The bundled model.
    ///
    /// # Errors
    /// [`ModelError`]. No error is expected for this model.
    #[cfg(feature = "bundled-model")]
    pub fn embedded() -> Result<Self, ModelError> {
        Self::embedded_with(&ModelOptions::default())
    }

    /// The bundled model with `options`.
    ///
    /// # Errors
    /// [`ModelError::Weights`] if the CPU lacks the instruction set in the options.
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

    /// Model in a folder with `config.json`, `tokenizer.json` or vocabulary files, and `model.safetensors` or an ONNX file.
    ///
    /// # Errors
    /// [`ModelError`] names the file that is missing or invalid.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        Self::open_with(folder, &ModelOptions::default())
    }

    /// Model in a folder, with `options`.
    ///
    /// # Errors
    /// See [`QuestionAnswering::open`].
    pub fn open_with(folder: &Path, options: &ModelOptions) -> Result<Self, ModelError> {
        let files = ModelFiles::read(folder)?;
        // Before the weights are loaded: an unsupported architecture explains every error in them.
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

    /// Model with the settings and the tokenizer in `files`, run by `backend`.
    ///
    /// # Errors
    /// [`ModelError`] names the file that is invalid.
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

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Class of the model in transformers, for example `BertForQuestionAnswering`.
    pub fn architecture(&self) -> &str {
        self.settings.architecture
    }

    /// Hash of the model's settings, tokenizer and weights: twelve hexadecimal digits. The hash of a model
    /// [with a backend](Self::with_backend) does not include the weights.
    ///
    /// The first call for the bundled model takes tens of milliseconds.
    pub fn revision(&self) -> &str {
        self.revision.as_str()
    }

    /// Tokens that are in the tokenizer's vocabulary and not in the model's, in the order of their ids. A question or context
    /// with such a token cannot be answered.
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

    /// Maximum length of a window, in tokens.
    pub fn max_seq_len(&self) -> usize {
        self.settings.positions
    }

    /// Answers to `question`, best first, at most `top_k`.
    ///
    /// The time grows with the number of windows of the context.
    ///
    /// # Errors
    /// [`AnswerError`] for a question or options that the model cannot take, and for an error of the model.
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

    /// Tokenizes `question` and cuts its context into windows. This takes much less time than the inference.
    ///
    /// # Errors
    /// [`AnswerError`] for a question or options that the model cannot take.
    pub fn prepare(&self, question: Question, options: Options) -> Result<Prepared, AnswerError> {
        let limits = self.limits(&options)?;
        if is_too_long(&self.tokenizer, question.context()).map_err(AnswerError::Tokenizer)? {
            return Err(AnswerError::ContextTooLong {
                limit: MAX_CONTEXT_TOKENS,
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
        // The reference fails only if a window really is too long. The first window is the longest one.
        if prepared.tokens(0) > self.max_seq_len() {
            return Err(AnswerError::WindowTooLong {
                max_seq_len: limits.max_seq_len,
                limit: self.max_seq_len(),
            });
        }
        Ok(prepared)
    }

    /// Logits of each sequence of `batch`, in order.
    ///
    /// # Errors
    /// [`AnswerError::Backend`] if the model fails, or if its logits are missing or not finite.
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
    /// Eight bits, the fastest instruction set, and only the calling thread.
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
        // The tokenizer would print its whole vocabulary.
        f.debug_struct("QuestionAnswering")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Lengths for a question, in tokens.
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_seq_len: usize,
    doc_stride: usize,
}
