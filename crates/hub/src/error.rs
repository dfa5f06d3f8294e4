//! Errors between this machine and the hub.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::name::{ModelName, Revision};

/// Error that prevents the download or the use of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The hub has no such model, or shows it only with a token.
    #[error("cannot find {model} with the revision {revision} at {endpoint}")]
    NotFound {
        /// The model.
        model: ModelName,
        /// Its branch, tag or commit.
        revision: String,
        /// The hub.
        endpoint: String,
    },
    /// The hub requires a token that may read the model.
    #[error("cannot read {model} at {endpoint}: the hub refuses it with status {status}")]
    Refused {
        /// The model.
        model: ModelName,
        /// The hub.
        endpoint: String,
        /// 401 or 403.
        status: u16,
        /// `true` if the request carried a token.
        with_token: bool,
        /// `true` if the terms of the model must be accepted first.
        gated: bool,
    },
    /// `HF_HUB_OFFLINE` is set, and the model was never pulled.
    #[error("cannot pull {model}: it is not in the cache {}, and HF_HUB_OFFLINE is set", cache.display())]
    Offline {
        /// The model.
        model: ModelName,
        /// The cache.
        cache: PathBuf,
    },
    /// A required file is missing.
    #[error("cannot use {model}: it has no {file}")]
    NoFile {
        /// The model.
        model: ModelName,
        /// The missing file.
        file: &'static str,
    },
    /// The model has no weights in a supported format.
    #[error(
        "cannot use {model}: it has none of model.safetensors, model.onnx, onnx/model.onnx and model_quantized.onnx"
    )]
    NoWeights {
        /// The model.
        model: ModelName,
    },
    /// The check of the model failed.
    #[error("cannot run {model}")]
    Unusable {
        /// The model.
        model: ModelName,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file does not have the hash that the hub states. The file was removed.
    #[error("cannot use {file} of {model}: its hash is not {hash}, which the hub states")]
    Hash {
        /// The model.
        model: ModelName,
        /// The file.
        file: String,
        /// The hash that the hub states.
        hash: String,
    },
    /// Another process pulls the same file.
    #[error("cannot pull {model}: another process is pulling it")]
    Busy {
        /// The model.
        model: ModelName,
    },
    /// The transfer failed.
    #[error("cannot pull {model} from {endpoint}: {what}")]
    Transfer {
        /// The model.
        model: ModelName,
        /// The hub.
        endpoint: String,
        /// The cause.
        what: String,
    },
    /// The answer of the hub is invalid, or is not from a hub.
    #[error("cannot pull {model} from {endpoint}: it {what}")]
    Answer {
        /// The model.
        model: ModelName,
        /// The hub.
        endpoint: String,
        /// Behaviour of the hub, beginning with a verb.
        what: String,
    },
    /// The file system failed.
    #[error("cannot use {} in the cache", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A variable has an invalid value.
    #[error("{0}")]
    Setting(String),
}

/// Error of one step of a download.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The hub answered with an error status.
    Status {
        status: u16,
        with_token: bool,
        gated: bool,
    },
    /// The connection, or a host that the hub redirected to, failed.
    Transfer(String),
    /// Invalid answer of the hub; the text begins with a verb.
    Answer(String),
    /// The file system failed.
    Disk { path: PathBuf, source: io::Error },
    /// A file has a wrong hash.
    Hash { file: String, hash: String },
    /// Another process holds a lock.
    Busy,
}

impl Cause {
    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        Self::Disk {
            path: path.to_owned(),
            source,
        }
    }
}

impl HubError {
    pub(crate) fn of(cause: Cause, model: &ModelName, revision: &Revision, endpoint: &str) -> Self {
        let (model, endpoint) = (model.clone(), endpoint.to_owned());
        match cause {
            Cause::Disk { path, source } => Self::Cache { path, source },
            Cause::Hash { file, hash } => Self::Hash { model, file, hash },
            Cause::Busy => Self::Busy { model },
            Cause::Status { status: 404, .. } => Self::NotFound {
                model,
                revision: revision.to_string(),
                endpoint,
            },
            Cause::Status {
                status: status @ (401 | 403),
                with_token,
                gated,
            } => Self::Refused {
                model,
                endpoint,
                status,
                with_token,
                gated,
            },
            Cause::Status { status, .. } => Self::Transfer {
                model,
                endpoint,
                what: format!("it answered with status {status}"),
            },
            Cause::Transfer(what) => Self::Transfer {
                model,
                endpoint,
                what,
            },
            Cause::Answer(what) => Self::Answer {
                model,
                endpoint,
                what,
            },
        }
    }
}

/// Text from outside in quotation marks, with control characters escaped, on one line of limited length.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    let cut: String = text.chars().take(MAX_CHARS).collect();
    let rest = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{rest}")
}
