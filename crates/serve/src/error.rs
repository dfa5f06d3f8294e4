//! Why a server does not run.

use std::{io, path::PathBuf};

use bakeoff_qa::AnswerError;

/// Why a server does not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, not ours, or unknown: the environment's fault.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for, as `host:port`.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system gives no thread: the environment's fault.
    #[error("cannot start an inference worker")]
    StartWorker(#[source] io::Error),
    /// The model cannot answer even the question that warms it up: the model's fault.
    #[error("the model cannot answer the warm-up question")]
    WarmUp(#[source] AnswerError),
    /// The model panicked on the question that warms it up: our bug.
    #[error("the model panicked on the warm-up question")]
    WarmUpPanicked,
    /// The file with the API keys cannot be read: the user's mistake.
    #[error("cannot read API keys from {}", path.display())]
    ReadApiKeys {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of the file with the API keys is no key: the user's mistake.
    #[error("line {line} of {} is no API key, which is visible ASCII without spaces", path.display())]
    InvalidApiKey {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The file with the API keys holds none, so nobody could ask: the user's mistake.
    #[error("{} holds no API key", path.display())]
    NoApiKey {
        /// The file.
        path: PathBuf,
    },
    /// A web origin that no browser would send: the user's mistake.
    #[error("`{origin}` is no web origin, such as https://example.org or *")]
    InvalidOrigin {
        /// What was given.
        origin: String,
    },
}
