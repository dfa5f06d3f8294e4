//! A contender's life: made ready to start, started, watched, stopped.

pub(crate) mod docker;
pub(crate) mod family;
pub(crate) mod log;
mod owner;
pub(crate) mod process;

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use bakeoff_record::{Contender, ContenderKind, Fact};

use tokio_util::sync::CancellationToken;

use crate::cores::Cores;
use crate::file::{ContenderConfig, Launch};
use crate::manifest;
use crate::setup::{self, SetUp};
use docker::{Docker, DockerContender};
use process::ProcessContender;

/// A contender whose tools are there and whose set-up is done.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) config: ContenderConfig,
    pub(crate) detail: String,
    facts: Vec<Fact>,
    start: Start,
    /// Processes that its set-up left running; ended when this is dropped.
    _set_up: SetUp,
}

#[derive(Debug)]
enum Start {
    Process(ProcessContender),
    Docker(DockerContender),
    Url(String),
}

/// What contenders are made ready with.
pub(crate) struct Preparation<'a> {
    /// The engine, or why it cannot be reached; absent where no contender needs it.
    pub(crate) docker: Option<&'a Result<Docker, String>>,
    /// Ends long steps early.
    pub(crate) stop: &'a CancellationToken,
    /// Told what is being done.
    pub(crate) step: &'a mut dyn FnMut(&str),
}

/// Why a contender cannot take part, and what would bring it in.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// A started contender. Dropping it stops it, whatever it takes.
pub(crate) trait Running {
    /// Where it listens, as `http://127.0.0.1:8000`.
    fn address(&self) -> &str;

    /// How it ended, if it has.
    fn ended(&mut self) -> Option<String>;

    /// Its last log lines.
    fn last_lines(&mut self) -> String;

    /// What it has consumed until now; `None` where that cannot be seen.
    fn consumption(&mut self) -> Option<Consumption>;

    /// `true` if it runs on another machine.
    fn is_elsewhere(&self) -> bool {
        false
    }
}

/// What a contender has consumed since it started, and holds now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consumption {
    pub(crate) cpu: Duration,
    pub(crate) memory_bytes: u64,
}

impl Prepared {
    /// Runs the contender's set-up and builds its image where it needs one.
    pub(crate) fn new(
        config: &ContenderConfig,
        preparation: &mut Preparation<'_>,
    ) -> Result<Self, Missing> {
        let mut set_up = setup::run(config, preparation)?;
        let start = match &config.launch {
            Launch::Process(command) => {
                Start::Process(ProcessContender::new(command, config).or_else(|missing| {
                    if set_up.was_run {
                        return Err(missing);
                    }
                    // What an earlier set-up made may have been deleted since.
                    set_up = setup::run_again(config, preparation, missing)?;
                    ProcessContender::new(command, config)
                })?)
            }
            Launch::Docker(image) => {
                Start::Docker(DockerContender::prepare(image, config, preparation)?)
            }
            Launch::Url(url) => Start::Url(url.trim_end_matches('/').to_owned()),
        };
        let detail = match &start {
            Start::Process(process) => process.detail(),
            Start::Docker(docker) => docker.detail(),
            Start::Url(url) => url.clone(),
        };
        let facts = match &start {
            Start::Process(process) => process.facts(config, preparation.stop),
            Start::Docker(docker) => docker.facts(config, preparation.stop),
            Start::Url(_) => manifest::facts(config, false, preparation.stop),
        };
        Ok(Self {
            config: config.clone(),
            detail,
            facts,
            start,
            _set_up: set_up,
        })
    }

    /// What the report says of it.
    pub(crate) fn contender(&self) -> Contender {
        let kind = match self.start {
            Start::Process(_) => ContenderKind::Process,
            Start::Docker(_) => ContenderKind::Docker,
            Start::Url(_) => ContenderKind::Url,
        };
        Contender {
            name: self.config.name.clone(),
            kind,
            detail: self.detail.clone(),
            facts: self.facts.clone(),
        }
    }

    /// Starts it, on its own cores where there are some. The error says what happened and carries its last log lines.
    pub(crate) fn start(&self, cores: Option<&Cores>) -> Result<Box<dyn Running>, String> {
        Ok(match &self.start {
            Start::Process(process) => {
                let _on_its_cores = cores.map(Cores::as_contender);
                Box::new(process.start()?)
            }
            Start::Docker(docker) => Box::new(docker.start(cores.map(Cores::of_contenders))?),
            Start::Url(url) => Box::new(Remote(url.clone())),
        })
    }
}

/// Ends and removes the contenders of earlier runs that were killed before they could.
pub(crate) fn remove_abandoned(docker: Option<&Docker>) {
    family::end_abandoned();
    if let Some(docker) = docker {
        docker::remove_abandoned(docker);
    }
}

/// A contender that somebody else runs.
struct Remote(String);

impl Running for Remote {
    fn address(&self) -> &str {
        &self.0
    }

    fn ended(&mut self) -> Option<String> {
        None
    }

    fn last_lines(&mut self) -> String {
        String::new()
    }

    fn consumption(&mut self) -> Option<Consumption> {
        None
    }

    fn is_elsewhere(&self) -> bool {
        let host = url::Url::parse(&self.0).ok();
        match host.as_ref().and_then(url::Url::host) {
            Some(url::Host::Ipv4(ip)) => !ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => !ip.is_loopback(),
            Some(url::Host::Domain(name)) => name != "localhost",
            None => false,
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}

/// Fills `{port}` and `{bakeoff}` in.
pub(crate) fn fill(text: &str, port: &str) -> Result<String, String> {
    let mut filled = text.replace("{port}", port);
    if filled.contains("{bakeoff}") {
        filled = filled.replace("{bakeoff}", &own_binary()?);
    }
    Ok(filled)
}

/// The path of the running `bakeoff`.
fn own_binary() -> Result<String, String> {
    let path = std::env::current_exe()
        .map_err(|error| format!("cannot find Bakeoff's own binary: {error}"))?;
    Ok(path.to_string_lossy().into_owned())
}
