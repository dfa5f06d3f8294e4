//! What can go wrong with a model or a question.

use std::path::PathBuf;

use crate::backend::BackendError;

/// A question that cannot be answered.
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
        /// Tokens of the question.
        tokens: usize,
        /// The most that would work.
        limit: usize,
    },
    /// The windows would share more tokens than they hold.
    #[error("`doc_stride` ({doc_stride}) is larger than `max_seq_len` ({max_seq_len})")]
    StrideTooLarge {
        /// The stride asked for, in tokens.
        doc_stride: usize,
        /// The window asked for, in tokens.
        max_seq_len: usize,
    },
    /// The window is longer than the model's positions.
    #[error(
        "`max_seq_len` is {max_seq_len}, this model takes at most {limit} tokens, which is too few for this text"
    )]
    WindowTooLong {
        /// The window asked for, in tokens.
        max_seq_len: usize,
        /// The model's positions.
        limit: usize,
    },
    /// Reading the context would take too long.
    #[error(
        "`context` takes {windows} windows, limit is {limit}; shorten it, or make `doc_stride` smaller"
    )]
    TooManyWindows {
        /// Windows that the context would be cut into.
        windows: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Turning the context into tokens would take too much memory.
    #[error("`context` has more than {limit} tokens; shorten it")]
    ContextTooLong {
        /// The most that a context may have, roughly.
        limit: usize,
    },
    /// Finding the best answers would take too much memory; [`Prepared::candidates`](crate::Prepared::candidates) says how much.
    #[error(
        "`top_k` is {top_k}, which is too many answers for a `context` of {windows} windows; ask for fewer, or shorten it"
    )]
    TooManyAnswers {
        /// The answers asked for.
        top_k: usize,
        /// Windows that the context is cut into.
        windows: usize,
    },
    /// The text holds a token that the tokenizer knows and the model does not.
    #[error(
        "the tokenizer makes token {id} of the text, and the model knows only {vocab_size} tokens"
    )]
    UnknownToken {
        /// The number of the token.
        id: u32,
        /// Tokens that the model knows.
        vocab_size: usize,
    },
    /// The tokenizer failed on a valid question.
    #[error("the tokenizer failed on a valid question")]
    Tokenizer(#[source] BackendError),
    /// The model failed on a valid question.
    #[error("the model failed on a valid question")]
    Backend(#[source] BackendError),
}

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no such folder.
    #[error("there is no model folder {}", folder.display())]
    NoFolder {
        /// The folder asked for.
        folder: PathBuf,
    },
    /// The folder lacks a file that every model has.
    #[error("no {file} in {}; a model folder holds config.json, tokenizer.json or vocab.txt or vocab.json with merges.txt, and \
         model.safetensors or model.onnx", folder.display())]
    NoFile {
        /// The folder.
        folder: PathBuf,
        /// The file's name in it.
        file: &'static str,
    },
    /// The folder has no weights that can be run.
    #[error(
        "no weights: none of model.safetensors, model.onnx, onnx/model.onnx and model_quantized.onnx is in {}; save the model with transformers' \
         `save_pretrained`, or export it with `optimum-cli export onnx --task question-answering`",
        folder.display()
    )]
    NoWeights {
        /// The folder that was looked into.
        folder: PathBuf,
    },
    /// Precision or instructions were asked for, which only safetensors can be run with.
    #[error("{} has no model.safetensors, and an ONNX file is run as it is; leave the choice of weights, dtype and isa out, or save the model with \
         transformers' `save_pretrained`", folder.display())]
    OnnxOnly {
        /// The folder.
        folder: PathBuf,
    },
    /// An ONNX file was asked for.
    #[error("{} has no ONNX file; leave the choice of weights out, or export the model with `optimum-cli export onnx --task \
         question-answering`", folder.display())]
    NoGraph {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the model folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A settings file is not JSON or lacks a setting.
    #[error("{} is not a valid model setting file", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The model does something else than answer questions, or is built in a way that does not work here.
    #[error("cannot run {found}, only these question-answering architectures: {}", supported.join(", "))]
    Architecture {
        /// What `architectures` in config.json says.
        found: String,
        /// What it may say.
        supported: Vec<&'static str>,
    },
    /// A setting cannot be used.
    #[error("cannot use {}: {what}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// The setting and its problem.
        what: String,
    },
    /// The tokenizer is of a class that works in another way than those that are known here.
    #[error("cannot use the tokenizer class {found} that {} names, only these: {}", path.display(), supported.join(", "))]
    TokenizerClass {
        /// The file.
        path: PathBuf,
        /// What it names.
        found: String,
        /// What it may name.
        supported: Vec<&'static str>,
    },
    /// A file holds only the reference that Git LFS keeps in its place.
    #[error("cannot read {}: it is a Git LFS pointer, not the file itself; fetch the file with `git lfs pull`", path.display())]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// The vocabulary files give no tokenizer.
    #[error("cannot make a tokenizer of the vocabulary in {}: {why}", folder.display())]
    Vocabulary {
        /// The folder.
        folder: PathBuf,
        /// Which file is wrong, and in what.
        why: String,
    },
    /// The model wants the context before the question.
    #[error("{} says padding_side \"left\"; only models that read the question before the context work", path.display())]
    PaddingSide {
        /// The tokenizer's settings.
        path: PathBuf,
    },
    /// tokenizer.json cannot be used.
    #[error("cannot load the tokenizer from {}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BackendError,
    },
    /// The weights cannot be loaded.
    #[error("cannot load the weights from {}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BackendError,
    },
    /// The graph does not give what question answering needs.
    #[error(
        "the graph in {} has no output `{output}`, only: {}; export it for the task question-answering",
        path.display(), found.join(", ")
    )]
    MissingOutput {
        /// The file.
        path: PathBuf,
        /// The output that is missing.
        output: &'static str,
        /// The outputs that the graph has.
        found: Vec<String>,
    },
    /// The graph asks for something that question answering does not have.
    #[error("the graph in {} wants the input `{input}`, only these can be given: {}", path.display(), known.join(", "))]
    UnknownInput {
        /// The file.
        path: PathBuf,
        /// The input asked for.
        input: String,
        /// The inputs that can be given.
        known: Vec<&'static str>,
    },
}
