//! Errors of scenarios, of addresses and of loads that cannot start.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use crate::toml_text::TomlError;

/// Text of an error with the text of each cause, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A scenario that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The scenario file or a data file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Reason.
        #[source]
        source: io::Error,
    },
    /// The file is the load test of another tool.
    #[error(
        "{} is {language}; a scenario is a file in TOML, such as [[task]] with path = \"/\" (docs/swarm.md has the keys for each part of a locustfile)",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Kind of file, in words.
        language: &'static str,
    },
    /// A line of the scenario file or of a data file is invalid.
    #[error("{}:{line}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, the problem with it, and a right value.
        problem: String,
    },
    /// The scenario has no user class with the given name.
    #[error("cannot select the user class {name:?}: the scenario has only {}", classes.join(", "))]
    NoClass {
        /// The given name.
        name: String,
        /// Names of the user classes of the scenario.
        classes: Vec<String>,
    },
    /// No task is left with the given tags.
    #[error(
        "cannot select tasks: no task has these tags; name others with --tags and --exclude-tags, or give tasks `tags`"
    )]
    NoTask,
    /// A data file has no rows.
    #[error("cannot read rows from {}: it has none; write one JSON object a line, or a CSV file with rows below the names of its columns", path.display())]
    NoRows {
        /// The data file.
        path: PathBuf,
    },
}

impl ScenarioError {
    /// The mistake `error` in a scenario file.
    pub(crate) fn mistake(error: TomlError) -> Self {
        let TomlError {
            path,
            line,
            problem,
        } = error;
        Self::Invalid {
            path,
            line,
            problem,
        }
    }
}

/// An invalid address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The text is no address.
    #[error(
        "`{host}` is no address of a server; write it as http://127.0.0.1:8000, https://example.org or unix:/run/app.sock"
    )]
    Malformed {
        /// The given text.
        host: String,
    },
}

/// Error of a load that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address is invalid.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The name of the server cannot be resolved.
    #[error("cannot resolve `{host}`")]
    Resolve {
        /// The name.
        host: String,
        /// Reason.
        #[source]
        source: io::Error,
    },
    /// The name of the server has no address.
    #[error("`{host}` resolves to no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The name of the server cannot be in a certificate.
    #[error("`{host}` cannot be the name in a certificate; set `server_name` in [connection]")]
    NoServerName {
        /// The name.
        host: String,
    },
    /// A client certificate is given, and connections are not encrypted.
    #[error(
        "`client_certificate` needs an https:// host; change the host, or leave the certificate out of [connection]"
    )]
    CertificateWithoutTls,
    /// This machine has no certificates of authorities.
    #[error(
        "this machine has no certificates of authorities; install the package ca-certificates, set SSL_CERT_FILE, \
         name a `ca_file` in [connection], or use --insecure"
    )]
    NoAuthorities {
        /// Reason why the certificates cannot be read; `None` if there are none.
        source: Option<rustls_native_certs::Error>,
    },
    /// The TLS library refuses the settings.
    #[error("cannot set TLS up")]
    Tls(#[source] rustls::Error),
    /// A spawn rate that is not above 0.
    #[error("a spawn rate of {spawn_rate} users per second is not possible; it must be above 0")]
    SpawnRate {
        /// The rate, in users per second.
        spawn_rate: f64,
    },
    /// More users than the free memory holds.
    #[error(
        "{users} users do not fit into the free memory of this machine, which holds {most} at most"
    )]
    TooManyUsers {
        /// Number of users of the load.
        users: u32,
        /// Number of users that fit.
        most: u32,
    },
    /// A class with a fixed number of users in an open model, where each arrival is a user of its own.
    #[error(
        "user class `{class}` has a `fixed_count`, which an open model cannot have; give it a `weight`"
    )]
    FixedCount {
        /// The name of the class.
        class: String,
    },
    /// A limit of requests in flight that is smaller than the number of shares.
    #[error(
        "cannot divide `max_in_flight` = {max_in_flight} among {of} generators; it must be at least {of}"
    )]
    Share {
        /// The limit for all shares together.
        max_in_flight: u32,
        /// Number of shares.
        of: u64,
    },
    /// The path of a request is too long.
    #[error("request `{request}`: its path is too long; at most 65,534 bytes can be sent")]
    Path {
        /// The name of the request.
        request: String,
    },
    /// The system gives no event loop for a thread.
    #[error("cannot start a thread that drives users")]
    Thread(#[source] io::Error),
}

/// A check of single requests failed.
#[derive(Debug, thiserror::Error)]
pub enum IncorrectAnswer {
    /// No request could be sent.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The answer to a request was missing or wrong.
    #[error("request `{request}`: {cause}")]
    Answer {
        /// The name of the request.
        request: String,
        /// Cause of the failure.
        cause: String,
    },
}
