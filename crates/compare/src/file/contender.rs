//! A `[[contender]]` of an experiment file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::contender::docker::{Container, EngineHandle, Image, Network};
use crate::contender::process::CommandLine;
use crate::contender::url::Address;
use crate::contender::{ContenderConfig, Deployment};
use crate::file::value::{PositiveDuration, beside};

/// Longest `ready_timeout`.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

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
/// Default `ready_timeout` of a contender that runs already.
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
        let mut kinds: Vec<Arc<dyn Deployment>> = Vec::new();
        if let Some(words) = self.process {
            let line = CommandLine::new(words);
            let line =
                line.ok_or_else(|| format!("`process` of `{name}` is empty; name a program"))?;
            kinds.push(Arc::new(line));
        }
        if let Some(docker) = self.docker {
            kinds.push(Arc::new(docker.resolve(&name, folder)?));
        }
        if let Some(url) = self.url {
            bakeoff_load::check_host(&url)
                .map_err(|error| format!("`url` of `{name}`: {error}"))?;
            kinds.push(Arc::new(Address::new(&url)));
        }
        let (Some(deployment), []) = (kinds.pop(), kinds.as_slice()) else {
            return Err(format!(
                "contender `{name}` needs exactly one of `process`, `docker` and `url`"
            ));
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
            check_path(&name, "ready", ready)?;
        }
        if let Some(info) = &self.info {
            check_path(&name, "info", info)?;
        }
        let default_timeout = match deployment.running_at() {
            Some(_) => READY_TIMEOUT_OF_URL,
            None => READY_TIMEOUT,
        };
        let ready_timeout = self.ready_timeout.map_or(default_timeout, |time| time.0);
        let has_directory = self.directory.is_some();
        let directory = folder.join(self.directory.unwrap_or_default());
        Ok(ContenderConfig {
            deployment,
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

/// Checks the path in `key` of the contender `name`.
fn check_path(name: &str, key: &str, path: &str) -> Result<(), String> {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(format!(
        "`{key}` of `{name}` is `{path}`; it must begin with /"
    ))
}

impl RawDocker {
    fn resolve(self, name: &str, folder: &Path) -> Result<Container, String> {
        let image = match (self.image, self.build) {
            (Some(image), None) => Image::Named(image),
            (None, Some(context)) => Image::Build {
                context: beside(folder, &context),
                dockerfile: self.dockerfile.unwrap_or_else(|| "Dockerfile".into()),
                copy: self.copy,
                tag: format!("bakeoff-contender-{}:latest", name.to_lowercase()),
            },
            _ => {
                return Err(format!(
                    "`docker` of `{name}` needs exactly one of `image` and `build`"
                ));
            }
        };
        Ok(Container {
            image,
            port: self.port.get(),
            network: self.network,
            command: self.command,
            engine: EngineHandle::default(),
        })
    }
}
