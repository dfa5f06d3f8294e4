//! What can go wrong before a load runs, and the answer that is not the right one.

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

/// A scenario that cannot be run as it is written.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The scenario file or a data file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is the load test of another tool.
    #[error(
        "{} is {language}; a scenario is a file in TOML, such as [[task]] with path = \"/\" (docs/swarm.md shows what becomes of a locustfile)",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Kind of file, in words.
        language: &'static str,
    },
    /// A line of the scenario file or of a data file says something that cannot be.
    #[error("{}:{line}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, what is wrong with it and what would be right.
        problem: String,
    },
    /// A class of users was asked for that there is not.
    #[error("there is no [[user]] {name:?}; there are: {}", classes.join(", "))]
    NoClass {
        /// The name that was given.
        name: String,
        /// Those that there are.
        classes: Vec<String>,
    },
    /// The tags that were asked for leave no task.
    #[error(
        "no task is left with these tags; name others with --tags and --exclude-tags, or give tasks `tags`"
    )]
    NoTask,
    /// A data file has no rows.
    #[error("{} has no rows; it needs one JSON object a line, or a CSV file's rows below the names of its columns", path.display())]
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

/// An address that no load can be put on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Not an address at all.
    #[error(
        "`{host}` is no address of a server; write it as http://127.0.0.1:8000, https://example.org or unix:/run/app.sock"
    )]
    Malformed {
        /// The address as it was given.
        host: String,
    },
}

/// Why a load did not run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address cannot be used.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The server's name could not be looked up.
    #[error("cannot resolve `{host}`")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server's name has no address.
    #[error("`{host}` resolves to no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// No certificate can be for such a name.
    #[error("`{host}` is no name that a certificate can be for; set `server_name` in [connection]")]
    NoServerName {
        /// The name.
        host: String,
    },
    /// A certificate would be shown to nobody.
    #[error(
        "`client_certificate` needs an https:// host; change the host, or leave the certificate out of [connection]"
    )]
    CertificateWithoutTls,
    /// This machine trusts nobody.
    #[error(
        "this machine has no certificates of authorities; install the package ca-certificates, set SSL_CERT_FILE, \
         name a `ca_file` in [connection], or use --insecure"
    )]
    NoAuthorities {
        /// Why the system's cannot be read, where something went wrong.
        source: Option<rustls_native_certs::Error>,
    },
    /// The TLS library does not take what it was given.
    #[error("cannot set TLS up")]
    Tls(#[source] rustls::Error),
    /// A rate at which no user would ever start.
    #[error("a spawn rate of {spawn_rate} users per second is not possible; it must be above 0")]
    SpawnRate {
        /// The rate, in users per second.
        spawn_rate: f64,
    },
    /// More users than there is memory for.
    #[error(
        "{users} users do not fit into the free memory of this machine, which holds {most} at most"
    )]
    TooManyUsers {
        /// The users that were asked for.
        users: u32,
        /// The users that fit.
        most: u32,
    },
    /// A class with a fixed number of users in an open model, which has no users.
    #[error(
        "user class `{class}` has a `fixed_count`, which arrivals cannot keep; give it a `weight`"
    )]
    FixedCount {
        /// The name of the class.
        class: String,
    },
    /// A request of the scenario cannot be sent to this address.
    #[error("request `{request}`: its path is too long; at most 65,534 bytes can be sent")]
    Path {
        /// The name of the request.
        request: String,
    },
    /// The operating system gave no event loop for a thread.
    #[error("cannot start a thread that drives users")]
    Thread(#[source] io::Error),
}

/// The server did not give a correct answer.
#[derive(Debug, thiserror::Error)]
pub enum NotCorrect {
    /// No request could be sent.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The answer to a request was missing or wrong.
    #[error("request `{request}`: {cause}")]
    Answer {
        /// The name of the request.
        request: String,
        /// What was wrong, as in the cause of a failure.
        cause: String,
    },
}
