//! What an experiment file says of a contender.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::beside;
use super::value::PositiveDuration;

/// No contender is waited for longer, whatever its file says.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// One contender of an experiment file.
#[derive(Debug, Clone)]
pub struct ContenderConfig {
    /// Its name.
    pub name: String,
    /// How it is run.
    pub launch: Launch,
    /// Where its commands run.
    pub directory: PathBuf,
    /// `true` if the file gives it a directory; without one that is the folder of the experiment file.
    pub has_directory: bool,
    /// Commands to run once before it can be started, and again when what they name has changed.
    pub setup: Vec<Vec<String>>,
    /// Environment variables beside Bakeoff's own.
    pub env: BTreeMap<String, String>,
    /// Names of those whose values may be shown in the report.
    pub public_env: BTreeSet<String>,
    /// A command that tells its version, for the report.
    pub version: Option<Vec<String>>,
    /// Files whose hashes are noted in the report, such as a model's.
    pub files: Vec<PathBuf>,
    /// The path that answers 200 when it is ready; without one a first correct answer has to do.
    pub ready: Option<String>,
    /// Time limit for becoming ready: by default two minutes, and ten seconds for a contender that runs already.
    pub ready_timeout: Duration,
    /// The path that is asked once for what the contender tells of itself, such as its settings, for the report.
    pub info: Option<String>,
}

/// How a contender is run.
#[derive(Debug, Clone)]
pub enum Launch {
    /// A command line; `{port}` and `{bakeoff}` are filled in.
    Process(Vec<String>),
    /// A container.
    Docker(DockerConfig),
    /// Something that runs already, at this address, such as `http://127.0.0.1:8000`.
    Url(String),
}

/// A contender's container.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// Where the image comes from.
    pub image: Image,
    /// The port it listens on inside.
    pub port: u16,
    /// How its port is reached.
    pub network: Network,
    /// Replaces the image's command; `{port}` is filled in.
    pub command: Vec<String>,
}

/// Where an image comes from.
#[derive(Debug, Clone)]
pub enum Image {
    /// One that the engine has or can pull.
    Named(String),
    /// One that is built.
    Build {
        /// The build context.
        context: PathBuf,
        /// The Dockerfile, relative to the context.
        dockerfile: String,
        /// Files from elsewhere, by their name in the context; `{bakeoff}` is filled in.
        copy: BTreeMap<String, String>,
    },
}

/// How a container's port is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Published on a free port of 127.0.0.1.
    Bridge,
    /// The container shares the host's network: its command decides where it listens. One that listens on 0.0.0.0,
    /// as images do, can be reached from other machines; a `command` with `--host 127.0.0.1` keeps it here.
    Host,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawContender {
    name: String,
    process: Option<Vec<String>>,
    docker: Option<RawDocker>,
    url: Option<String>,
    directory: Option<PathBuf>,
    #[serde(default)]
    setup: Vec<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    public_env: BTreeSet<String>,
    version: Option<Vec<String>>,
    #[serde(default)]
    files: Vec<PathBuf>,
    ready: Option<String>,
    ready_timeout: Option<PositiveDuration>,
    info: Option<String>,
}

/// Default `ready_timeout` of a contender that is started.
const READY_TIMEOUT: Duration = Duration::from_mins(2);
/// Default `ready_timeout` of a contender that runs already: it has only to answer.
const READY_TIMEOUT_OF_URL: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocker {
    image: Option<String>,
    build: Option<PathBuf>,
    dockerfile: Option<String>,
    #[serde(default)]
    copy: BTreeMap<String, String>,
    port: std::num::NonZeroU16,
    #[serde(default = "default_network")]
    network: Network,
    #[serde(default)]
    command: Vec<String>,
}

fn default_network() -> Network {
    Network::Bridge
}

impl RawContender {
    pub(super) fn resolve(self, folder: &Path) -> Result<ContenderConfig, String> {
        let name = self.name;
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err(format!(
                "`name` is `{name}`; use letters, digits, `-`, `_` and `.`"
            ));
        }
        let launch = match (self.process, self.docker, self.url) {
            (Some(command), None, None) if names_program(&command) => Launch::Process(command),
            (Some(_), None, None) => {
                return Err(format!("`process` of `{name}` is empty; name a program"));
            }
            (None, Some(docker), None) => Launch::Docker(docker.resolve(&name, folder)?),
            (None, None, Some(url)) => {
                bakeoff_load::check_host(&url)
                    .map_err(|error| format!("`url` of `{name}`: {error}"))?;
                Launch::Url(url)
            }
            _ => {
                return Err(format!(
                    "contender `{name}` needs exactly one of `process`, `docker` and `url`"
                ));
            }
        };
        if !self.version.as_deref().is_none_or(names_program) {
            return Err(format!("`version` of `{name}` is empty; name a program"));
        }
        if !self.setup.iter().all(|command| names_program(command)) {
            return Err(format!(
                "`setup` of `{name}` has an empty command; name a program"
            ));
        }
        if let Some(unknown) = self
            .public_env
            .iter()
            .find(|name| !self.env.contains_key(*name))
        {
            return Err(format!(
                "`public_env` of `{name}` names `{unknown}`, which is not in its `env`"
            ));
        }
        if let Some(ready) = &self.ready {
            let instead = "leave it out, since a first correct answer is waited for in any case";
            check_path(&name, &launch, ("ready", ready), instead)?;
        }
        if let Some(info) = &self.info {
            check_path(&name, &launch, ("info", info), "leave it out")?;
        }
        let ready_timeout = match (self.ready_timeout, &launch) {
            (Some(timeout), _) => timeout.0,
            (None, Launch::Url(_)) => READY_TIMEOUT_OF_URL,
            (None, Launch::Process(_) | Launch::Docker(_)) => READY_TIMEOUT,
        };
        let has_directory = self.directory.is_some();
        let directory = folder.join(self.directory.unwrap_or_default());
        Ok(ContenderConfig {
            launch,
            files: self
                .files
                .iter()
                .map(|file| beside(&directory, file))
                .collect(),
            version: self.version,
            directory,
            has_directory,
            setup: self.setup,
            env: self.env,
            public_env: self.public_env,
            ready: self.ready,
            ready_timeout: ready_timeout.min(LONGEST_WAIT),
            info: self.info,
            name,
        })
    }
}

/// `true` if a command has a program to run.
fn names_program(command: &[String]) -> bool {
    command.first().is_some_and(|program| !program.is_empty())
}

/// Checks the path that the contender `name` is asked at; `instead` says what to do where it cannot be.
fn check_path(
    name: &str,
    launch: &Launch,
    (key, path): (&str, &str),
    instead: &str,
) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err(format!(
            "`{key}` of `{name}` is `{path}`; it must begin with /"
        ));
    }
    match launch {
        Launch::Url(url) if !url.starts_with("http://") => Err(format!(
            "`{key}` of `{name}` is asked over http:// alone; {instead} for {url}"
        )),
        _ => Ok(()),
    }
}

impl RawDocker {
    fn resolve(self, name: &str, folder: &Path) -> Result<DockerConfig, String> {
        let image = match (self.image, self.build) {
            (Some(image), None) => Image::Named(image),
            (None, Some(context)) => Image::Build {
                context: beside(folder, &context),
                dockerfile: self.dockerfile.unwrap_or_else(|| "Dockerfile".into()),
                copy: self.copy,
            },
            _ => {
                return Err(format!(
                    "`docker` of `{name}` needs exactly one of `image` and `build`"
                ));
            }
        };
        Ok(DockerConfig {
            image,
            port: self.port.get(),
            network: self.network,
            command: self.command,
        })
    }
}
