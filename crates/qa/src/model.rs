//! A model that answers questions.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;

use tokenizers::Tokenizer;

use crate::answer::Answer;
use crate::backend::{
    Backend, Batch, Dtype, EncoderBackend, EncoderOptions, Isa, Logits, RtenBackend,
};
use crate::encoding::EncodedQuestion;
use crate::error::{AnswerError, ModelError};
use crate::files::{ModelFiles, ONNX, Settings};
use crate::prepared::Prepared;
use crate::question::{Options, Question};
use crate::revision::Revision;
use crate::window::windows;

/// A loaded model. Callable from several threads at once; each call works on one thread.
pub struct QuestionAnswering {
    name: String,
    revision: Revision,
    settings: Settings,
    tokenizer: Tokenizer,
    class_token_id: Option<u32>,
    backend: Box<dyn Backend>,
}

/// How a model's weights are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelOptions {
    /// The precision of linear layers, for safetensors; `None` is eight bits. An ONNX file has its own.
    pub dtype: Option<Dtype>,
    /// The instructions, for safetensors; `None` is the best that the CPU has.
    pub isa: Option<Isa>,
    /// Threads that work on safetensors at once, those that call included: a call that finds others idle works on them too.
    pub threads: NonZeroUsize,
}

/// What runs a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The encoder of our own.
    Safetensors,
    /// An engine for any graph.
    Onnx,
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

    /// The model in a folder with `config.json`, `tokenizer.json`, and `model.onnx` or `model.safetensors`.
    ///
    /// # Errors
    /// [`ModelError`] says which file is missing or wrong.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        Self::open_with(folder, &ModelOptions::default())
    }

    /// The model in a folder, run by `options`. Where it has both kinds of weights, the ONNX file is taken unless the options
    /// name what it has not: a precision or instructions.
    ///
    /// # Errors
    /// As [`QuestionAnswering::open`].
    pub fn open_with(folder: &Path, options: &ModelOptions) -> Result<Self, ModelError> {
        let files = ModelFiles::read(folder)?;
        // Before the weights: that they belong to another kind of model explains whatever is wrong with them.
        files.settings()?;
        let engine = Engine::of(folder, options)?;
        let backend: Box<dyn Backend> = match engine {
            Engine::Safetensors => Box::new(EncoderBackend::open(folder, &options.encoder())?),
            Engine::Onnx => Box::new(RtenBackend::open(&folder.join(ONNX))?),
        };
        let revision = Revision::of_folder(&files, folder, engine)?;
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
        let tokenizer = files.load_tokenizer()?;
        let class_token_id = match &settings.cls_token {
            Some(token) => tokenizer.token_to_id(token),
            None => ["[CLS]", "<s>"]
                .iter()
                .find_map(|token| tokenizer.token_to_id(token)),
        };
        Ok(Self {
            name: files.name().to_owned(),
            revision,
            settings,
            tokenizer,
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
        let encoded =
            EncodedQuestion::new(&self.tokenizer, &question).map_err(AnswerError::Tokenizer)?;
        let windows = windows(
            encoded.token_counts(),
            limits.max_seq_len,
            limits.doc_stride,
        )?;
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
                .min(self.settings.model_max_length)
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

impl Engine {
    /// What runs the weights in `folder`.
    fn of(folder: &Path, options: &ModelOptions) -> Result<Self, ModelError> {
        let safetensors = [bakeoff_encoder::WEIGHTS, bakeoff_encoder::INDEX]
            .iter()
            .any(|file| folder.join(file).exists());
        let onnx = folder.join(ONNX).exists();
        let chosen = options.dtype.is_some() || options.isa.is_some();
        match (safetensors, onnx) {
            (true, false) => Ok(Self::Safetensors),
            (true, true) if chosen => Ok(Self::Safetensors),
            (false, true) if chosen => Err(ModelError::OnnxOnly {
                folder: folder.to_owned(),
            }),
            (_, true) => Ok(Self::Onnx),
            (false, false) => Err(ModelError::NoWeights {
                folder: folder.to_owned(),
            }),
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
