//! What can go wrong between here and the hub.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use hf_hub::api::sync::ApiError;

use crate::name::ModelName;

/// Why a model is not in the cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The hub has no such model, or shows it to nobody without a token.
    #[error("{endpoint} has no model {model} with a revision {revision}, or shows it only to some")]
    NotFound {
        /// The model.
        model: ModelName,
        /// Its branch, tag or commit.
        revision: String,
        /// The hub.
        endpoint: String,
    },
    /// The hub wants a token, or one that may see the model.
    #[error("{endpoint} does not let us read {model} (status {status})")]
    Refused {
        /// The model.
        model: ModelName,
        /// The hub.
        endpoint: String,
        /// 401 or 403.
        status: u16,
    },
    /// `HF_HUB_OFFLINE` is set, and the model was never pulled.
    #[error("{model} is not in the cache {}, and HF_HUB_OFFLINE is set", cache.display())]
    Offline {
        /// The model.
        model: ModelName,
        /// The cache.
        cache: PathBuf,
    },
    /// A file without which there is no model.
    #[error("{model} has no {file}")]
    NoFile {
        /// The model.
        model: ModelName,
        /// What it lacks.
        file: &'static str,
    },
    /// No weights in a form that can be read.
    #[error(
        "{model} has none of model.safetensors, model.onnx, onnx/model.onnx and model_quantized.onnx"
    )]
    NoWeights {
        /// The model.
        model: ModelName,
    },
    /// The model was looked at and cannot be run.
    #[error("{model} cannot be run")]
    Unusable {
        /// The model.
        model: ModelName,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What came is not what the hub says it is; it was removed again.
    #[error("{file} of {model} came otherwise than the hub says: its hash is not {}", blob.file_name().unwrap_or_default().display())]
    Hash {
        /// The model.
        model: ModelName,
        /// The file.
        file: String,
        /// Where it was.
        blob: PathBuf,
    },
    /// Another process pulls the same file.
    #[error("another process is pulling {model}")]
    Busy {
        /// The model.
        model: ModelName,
    },
    /// The transfer failed.
    #[error("{model} could not be pulled from {endpoint}")]
    Transfer {
        /// The model.
        model: ModelName,
        /// The hub.
        endpoint: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file system did not take what came.
    #[error("the cache cannot be written")]
    Cache {
        /// Why.
        source: io::Error,
    },
    /// The client of the hub did not start.
    #[error("the hub's client did not start: {0}")]
    Start(String),
}

/// What a call said that failed.
#[derive(Debug)]
pub(crate) enum Cause {
    Api(ApiError),
    File(io::Error),
    /// What the hub said makes no sense.
    Answer(String),
    /// What came is not what it was to be.
    Hash {
        file: String,
        blob: PathBuf,
    },
}

impl From<ApiError> for Cause {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl HubError {
    pub(crate) fn of(cause: Cause, model: &ModelName, revision: &str, endpoint: &str) -> Self {
        let (model, endpoint) = (model.clone(), endpoint.to_owned());
        let source: Box<dyn Error + Send + Sync> = match cause {
            Cause::File(source) => return Self::Cache { source },
            Cause::Hash { file, blob } => return Self::Hash { model, file, blob },
            Cause::Api(ApiError::IoError(source)) if is_of_disk(&source) => {
                return Self::Cache { source };
            }
            Cause::Api(ApiError::LockAcquisition(_)) => return Self::Busy { model },
            Cause::Api(ApiError::RequestError(error)) => match *error {
                ureq::Error::StatusCode(404) => {
                    return Self::NotFound {
                        model,
                        revision: revision.to_owned(),
                        endpoint,
                    };
                }
                ureq::Error::StatusCode(status @ (401 | 403)) => {
                    return Self::Refused {
                        model,
                        endpoint,
                        status,
                    };
                }
                error => error.into(),
            },
            Cause::Api(error) => error.into(),
            Cause::Answer(what) => what.into(),
        };
        Self::Transfer {
            model,
            endpoint,
            source,
        }
    }
}

/// Whether a transfer failed here and not on its way.
fn is_of_disk(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::QuotaExceeded
    )
}
