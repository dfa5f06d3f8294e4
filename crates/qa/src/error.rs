//! Errors of models and questions.

use std::path::PathBuf;

/// Error of an engine.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// Error of a question that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The question has no characters.
    #[error("`question` cannot be empty")]
    EmptyQuestion,
    /// The context has no characters.
    #[error("`context` cannot be empty")]
    EmptyContext,
    /// The question leaves no room for the context in a window.
    #[error(
        "question has {tokens} tokens, limit is {limit} with this `max_seq_len` and `doc_stride`"
    )]
    QuestionTooLong {
        /// Number of tokens in the question.
        tokens: usize,
        /// Maximum number of tokens in a question.
        limit: usize,
    },
    /// `doc_stride` is larger than a window.
    #[error("`doc_stride` ({doc_stride}) is larger than `max_seq_len` ({max_seq_len})")]
    StrideTooLarge {
        /// Requested stride, in tokens.
        doc_stride: usize,
        /// Requested window length, in tokens.
        max_seq_len: usize,
    },
    /// A window has more tokens than the model has positions.
    #[error(
        "`max_seq_len` is {max_seq_len}, this model takes at most {limit} tokens, which is too few for this text"
    )]
    WindowTooLong {
        /// Requested window length, in tokens.
        max_seq_len: usize,
        /// Number of positions of the model.
        limit: usize,
    },
    /// The context has so many windows that inference would take too long.
    #[error(
        "`context` takes {windows} windows, limit is {limit}; shorten it, or make `doc_stride` smaller"
    )]
    TooManyWindows {
        /// Number of windows of the context.
        windows: usize,
        /// Maximum number of windows.
        limit: usize,
    },
    /// The context has so many tokens that tokenization would use too much memory.
    #[error("`context` has more than {limit} tokens; shorten it")]
    ContextTooLong {
        /// Approximate maximum number of tokens in a context.
        limit: usize,
    },
    /// Decoding would use too much memory. [`Prepared::candidates`](crate::Prepared::candidates) is the number of spans.
    #[error(
        "`top_k` is {top_k}, which is too many answers for a `context` of {windows} windows; ask for fewer, or shorten it"
    )]
    TooManyAnswers {
        /// Requested number of answers.
        top_k: usize,
        /// Number of windows of the context.
        windows: usize,
    },
    /// The text has a token that is in the tokenizer's vocabulary and not in the model's.
    #[error(
        "the tokenizer makes token {id} of the text, and the model knows only {vocab_size} tokens"
    )]
    UnknownToken {
        /// Id of the token.
        id: u32,
        /// Size of the model's vocabulary, in tokens.
        vocab_size: usize,
    },
    /// The tokenizer failed on a valid question.
    #[error("the tokenizer failed on a valid question")]
    Tokenizer(#[source] BackendError),
    /// The model failed on a valid question.
    #[error("the model failed on a valid question")]
    Backend(#[source] BackendError),
}

/// Error of a model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The folder does not exist.
    #[error("cannot open the model folder {}: there is no such folder", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder lacks a required file.
    #[error("cannot load the model in {}: it has no {file}; a model folder has config.json, a tokenizer (tokenizer.json, vocab.txt, or \
         vocab.json with merges.txt), and weights (model.safetensors or model.onnx)", folder.display())]
    NoFile {
        /// The folder.
        folder: PathBuf,
        /// Name of the missing file.
        file: &'static str,
    },
    /// The folder has no weights.
    #[error(
        "cannot load the model in {}: it has no weights (model.safetensors, model.onnx, onnx/model.onnx, model_quantized.onnx or \
         onnx/model_quantized.onnx); save the model with transformers' `save_pretrained`, or export it with `optimum-cli export onnx --task \
         question-answering`",
        folder.display()
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// Options for safetensors were set, and the folder has only an ONNX file.
    #[error("cannot use the options weights, dtype and isa for the model in {}: it has no model.safetensors, and they do not apply to an ONNX \
         file; leave them out, or save the model with transformers' `save_pretrained`", folder.display())]
    OnnxOnly {
        /// The folder.
        folder: PathBuf,
    },
    /// ONNX weights were selected, and the folder has no ONNX file.
    #[error("cannot use ONNX weights for the model in {}: it has no ONNX file; leave the option out, or export the model with \
         `optimum-cli export onnx --task question-answering`", folder.display())]
    NoGraph {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the model folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A settings file is not valid JSON, or a setting has the wrong type.
    #[error("cannot read the model settings in {}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Position and cause.
        #[source]
        source: serde_json::Error,
    },
    /// The model is not a question-answering model of a supported family.
    #[error("cannot run {found}; supported architectures: {}", supported.join(", "))]
    Architecture {
        /// Architecture or model type in `config.json`.
        found: String,
        /// Supported architectures.
        supported: Vec<&'static str>,
    },
    /// A setting has an invalid value.
    #[error("cannot use {}: {what}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// Name of the setting, and its problem.
        what: String,
    },
    /// The class of the tokenizer is not supported.
    #[error("cannot use the tokenizer class {found} in {}; supported classes: {}", path.display(), supported.join(", "))]
    TokenizerClass {
        /// The file.
        path: PathBuf,
        /// Class in the file.
        found: String,
        /// Supported classes.
        supported: Vec<&'static str>,
    },
    /// A file is a Git LFS pointer.
    #[error("cannot read {}: it is a Git LFS pointer, not the file itself; fetch the file with `git lfs pull`", path.display())]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// The vocabulary files are not valid.
    #[error("cannot build a tokenizer from the vocabulary in {}: {why}", folder.display())]
    Vocabulary {
        /// The folder.
        folder: PathBuf,
        /// File and cause.
        why: String,
    },
    /// The model reads the context before the question.
    #[error("cannot use `padding_side` \"left\" in {}: only models that read the question before the context are supported", path.display())]
    PaddingSide {
        /// File with the setting.
        path: PathBuf,
    },
    /// The tokenizer cannot be loaded.
    #[error("cannot load the tokenizer from {}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: BackendError,
    },
    /// The weights cannot be loaded.
    #[error("cannot load the weights from {}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: BackendError,
    },
    /// The graph lacks an output for question answering.
    #[error(
        "cannot use the graph in {}: it has no output `{output}`, only {}; export it with `--task question-answering`",
        path.display(), found.join(", ")
    )]
    MissingOutput {
        /// The file.
        path: PathBuf,
        /// Missing output.
        output: &'static str,
        /// Outputs of the graph.
        found: Vec<String>,
    },
    /// The graph has an unknown input.
    #[error("cannot use the graph in {}: it has the input `{input}`; supported inputs: {}", path.display(), known.join(", "))]
    UnknownInput {
        /// The file.
        path: PathBuf,
        /// Unknown input.
        input: String,
        /// Supported inputs.
        known: Vec<&'static str>,
    },
}
