//! Errors of a server.

use std::{io, path::PathBuf};

use bakeoff_qa::AnswerError;

/// Error of a server that cannot start, or that stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is in use, unknown, or not an address of this machine: an error of the environment.
    #[error("cannot listen on {address}")]
    Listen {
        /// Address as `host:port`.
        address: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The system cannot start a thread: an error of the environment.
    #[error("cannot start an inference worker")]
    StartWorker(#[source] io::Error),
    /// The model cannot answer the warm-up question: an error of the model.
    #[error("the model cannot answer the warm-up question")]
    WarmUp(#[source] AnswerError),
    /// The model panicked on the warm-up question: a bug.
    #[error("the model panicked on the warm-up question")]
    WarmUpPanicked,
    /// The file with the API keys cannot be read: a user error.
    #[error("cannot read API keys from {}", path.display())]
    ReadApiKeys {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A line of the file with the API keys is not a key: a user error.
    #[error("line {line} of {} is not an API key; a key is visible ASCII without spaces", path.display())]
    InvalidApiKey {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// The file with the API keys has no key, so that every request would be rejected: a user error.
    #[error("{} holds no API key", path.display())]
    NoApiKey {
        /// The file.
        path: PathBuf,
    },
    /// A web origin is not valid: a user error.
    #[error(
        "`{origin}` is no web origin; valid origins are, for example, https://example.org and *"
    )]
    InvalidOrigin {
        /// The invalid origin.
        origin: String,
    },
}
