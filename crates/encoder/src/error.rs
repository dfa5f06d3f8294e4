//! Errors of a model's files, of its options, and of the tokens that it is given.

use std::path::PathBuf;

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A settings file is not JSON, or lacks a setting.
    #[error("{} is not valid", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Place and cause.
        #[source]
        source: serde_json::Error,
    },
    /// The model is not one that this engine runs.
    #[error(
        "cannot run {what} from safetensors, only {supported}; export the model to ONNX and put model.onnx into the folder"
    )]
    Unsupported {
        /// Unsupported setting of config.json.
        what: String,
        /// Supported values.
        supported: String,
    },
    /// The settings contradict each other.
    #[error("config.json: {0}")]
    Config(String),
    /// The weights file breaks the format.
    #[error("{} is no safetensors file: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Cause.
        why: String,
    },
    /// The weights lack one that the architecture has.
    #[error("the weights have no `{name}`")]
    MissingTensor {
        /// Its name, without prefix.
        name: String,
    },
    /// A weight has another shape than config.json makes it have.
    #[error("`{name}` has the shape {found:?}, by config.json it is {expected:?}")]
    Shape {
        /// The weight.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// A weight is of a type that is not a float.
    #[error("`{name}` is of type {dtype}, only F32, F16 and BF16 work; export the model to ONNX")]
    Dtype {
        /// The weight.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A weight is not a number, or infinite.
    #[error("`{name}` has values that are not finite")]
    NotFinite {
        /// The weight.
        name: String,
    },
    /// The CPU lacks what the options ask for.
    #[error("this CPU cannot compute with {what}; it can with {able}")]
    Cpu {
        /// Instructions or precision that were requested.
        what: String,
        /// Instructions or precisions that the CPU supports.
        able: String,
    },
    /// A thread of the engine could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Tokens that the model cannot read.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Lengths that do not fit together.
    #[error("{ids} token ids, {types} types and cumulative lengths that end at {end}")]
    Lengths {
        /// Token ids.
        ids: usize,
        /// Token types.
        types: usize,
        /// The last of the cumulative lengths.
        end: usize,
    },
    /// A sequence without tokens, or with more than the model has positions for.
    #[error("a sequence of {tokens} tokens, the model takes 1 to {limit}")]
    SequenceLength {
        /// Its tokens.
        tokens: usize,
        /// The most that work.
        limit: usize,
    },
    /// A token that the model does not know.
    #[error("token id {id}, the model has {limit}")]
    TokenId {
        /// The token.
        id: u32,
        /// Number that the model has.
        limit: usize,
    },
    /// A type of token that the model does not know.
    #[error("token type {id}, the model has {limit}")]
    TokenType {
        /// The type.
        id: u32,
        /// Number that the model has.
        limit: usize,
    },
}
