//! Contenders: the settings of one, and the traits of a kind of contender and of a started one.
//!
//! A kind is a file of this folder that implements [`Deployment`], and a key of the experiment file (`file/contender.rs`).

pub(crate) mod docker;
pub(crate) mod facts;
pub(crate) mod prepared;
pub(crate) mod process;
pub(crate) mod set_up;
pub(crate) mod url;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bakeoff_record::{ContenderKind, Fact};
use tokio_util::sync::CancellationToken;

use crate::cores::Cores;

/// Settings of one contender of an experiment file.
#[derive(Debug, Clone)]
pub struct ContenderConfig {
    /// Name in the experiment file and in reports.
    pub name: String,
    /// Kind of contender with the settings that only this kind has.
    pub(crate) deployment: Arc<dyn Deployment>,
    /// Folder in which the commands of the contender run.
    pub directory: PathBuf,
    /// `true` if the file names the directory. The default is the folder of the experiment file.
    pub has_directory: bool,
    /// Commands that run once before the first start, and again when a command or a file that it names has changed.
    pub setup: Vec<Vec<String>>,
    /// Environment variables of the process or container, beside those of Bakeoff.
    pub env: BTreeMap<String, String>,
    /// Names of the variables in `env` whose values the report shows.
    pub public_env: BTreeSet<String>,
    /// Command that prints the version of the contender.
    pub version: Option<Vec<String>>,
    /// Files whose SHA-256 the report shows, such as a model.
    pub files: Vec<PathBuf>,
    /// Path that answers 200 once the contender is ready. `None` waits for a first correct answer alone.
    pub ready: Option<String>,
    /// Longest time from the start to the first correct answer.
    pub ready_timeout: Duration,
    /// Path of a JSON object with settings of the server. It is requested once, for the report.
    pub info: Option<String>,
}

impl ContenderConfig {
    /// Kind of contender.
    pub fn kind(&self) -> ContenderKind {
        self.deployment.kind()
    }

    /// Command line, image or address of the contender.
    pub fn detail(&self) -> String {
        self.deployment.detail()
    }

    /// Base address of a server that runs already; `None` for a contender that Bakeoff starts.
    pub fn running_at(&self) -> Option<&str> {
        self.deployment.running_at()
    }
}

/// Kind of contender with the settings that only this kind has.
///
/// Called in this order: `is_here`, `make_ready`, `facts`, and `start` for every turn.
pub(crate) trait Deployment: Debug + Send + Sync {
    /// Kind in records and reports.
    fn kind(&self) -> ContenderKind;

    /// Command line, image or address, as a person would write it.
    fn detail(&self) -> String;

    /// Base address of a server that runs already; `None` for a kind that Bakeoff starts.
    fn running_at(&self) -> Option<&str> {
        None
    }

    /// Checks that the tools of the contender are installed, and ends what killed runs have left of this kind.
    ///
    /// # Errors
    /// The missing tool and the way to get it.
    fn is_here(&self, contender: &ContenderConfig) -> Result<(), Missing>;

    /// `true` if set-up commands can make what [`Deployment::is_here`] looks for, such as a program in a virtual
    /// environment. The set-up then runs again where it is missing.
    fn is_made_by_set_up(&self) -> bool {
        false
    }

    /// Makes what every start needs, such as an image.
    ///
    /// # Errors
    /// The reason, and the way to find out more.
    fn make_ready(
        &self,
        _contender: &ContenderConfig,
        _preparation: &mut Preparation<'_>,
    ) -> Result<(), Missing> {
        Ok(())
    }

    /// Facts for the report, such as versions and hashes. Cancelling `stop` ends the commands that tell them.
    fn facts(&self, contender: &ContenderConfig, stop: &CancellationToken) -> Vec<Fact>;

    /// Starts the contender, on the contenders' cores where `cores` are split.
    fn start(
        &self,
        contender: &ContenderConfig,
        cores: Option<&Cores>,
    ) -> Result<Box<dyn Running>, StartError>;
}

/// A started contender. Its `Drop` stops it, whatever that takes.
pub(crate) trait Running {
    /// Base address, such as `http://127.0.0.1:8000`.
    fn address(&self) -> &str;

    /// Description of its end, such as `it ended with exit status: 1`; `None` while it runs.
    fn ended(&mut self) -> Option<String>;

    /// Last lines of its log; empty without a log.
    fn last_lines(&mut self) -> String;

    /// Processor time and memory until now; `None` where they cannot be read.
    fn consumption(&mut self) -> Option<Consumption>;

    /// `true` if it runs on another machine.
    fn is_elsewhere(&self) -> bool {
        false
    }
}

/// Processor time since the start of a contender, and its memory now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consumption {
    pub(crate) cpu: Duration,
    pub(crate) memory_bytes: u64,
}

/// Stop token and progress of the preparation of a contender.
pub(crate) struct Preparation<'a> {
    /// Ends long steps early.
    pub(crate) stop: &'a CancellationToken,
    /// Called with the description of each step.
    pub(crate) step: &'a mut dyn FnMut(&str),
}

/// Reason why a contender is left out, with a remedy.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// Reason why a contender cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot find a free port of 127.0.0.1")]
    NoPort(#[source] io::Error),
    #[error(transparent)]
    OwnPath(#[from] OwnPathError),
    #[error("cannot create a file for its log")]
    Log(#[source] io::Error),
    #[error("cannot start `{program}`")]
    Program {
        program: String,
        #[source]
        source: io::Error,
    },
    /// Reason that only this kind of contender has.
    #[error(transparent)]
    OfKind(Box<dyn Error + Send + Sync>),
}

/// Reason why `{bakeoff}` cannot be filled in.
#[derive(Debug, thiserror::Error)]
#[error("cannot find the path of the running bakeoff, which `{{bakeoff}}` stands for")]
pub(crate) struct OwnPathError(#[source] io::Error);

/// A port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(StartError::NoPort)
}

/// `text` with `{port}` and `{bakeoff}` filled in.
pub(crate) fn fill(text: &str, port: &str) -> Result<String, OwnPathError> {
    let mut filled = text.replace("{port}", port);
    if filled.contains("{bakeoff}") {
        let path = std::env::current_exe().map_err(OwnPathError)?;
        filled = filled.replace("{bakeoff}", &path.to_string_lossy());
    }
    Ok(filled)
}

#[cfg(test)]
impl ContenderConfig {
    /// A contender for tests of its settings. It cannot be started.
    pub(crate) fn example(directory: &std::path::Path) -> Self {
        Self {
            name: "example".to_owned(),
            deployment: Arc::new(NeverStarted),
            directory: directory.to_owned(),
            has_directory: false,
            setup: Vec::new(),
            env: BTreeMap::new(),
            public_env: BTreeSet::new(),
            version: None,
            files: Vec::new(),
            ready: None,
            ready_timeout: Duration::ZERO,
            info: None,
        }
    }
}

#[cfg(test)]
#[derive(Debug)]
struct NeverStarted;

#[cfg(test)]
impl Deployment for NeverStarted {
    fn kind(&self) -> ContenderKind {
        ContenderKind::Process
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn is_here(&self, _contender: &ContenderConfig) -> Result<(), Missing> {
        Ok(())
    }

    fn facts(&self, _contender: &ContenderConfig, _stop: &CancellationToken) -> Vec<Fact> {
        Vec::new()
    }

    fn start(
        &self,
        _contender: &ContenderConfig,
        _cores: Option<&Cores>,
    ) -> Result<Box<dyn Running>, StartError> {
        unreachable!("no test starts it")
    }
}
