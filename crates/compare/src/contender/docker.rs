//! Contenders that are a Docker container of this machine.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use bakeoff_load::with_causes;
use bakeoff_record::{ContenderKind, Fact};
use bollard::models::{
    ContainerCreateBody, ContainerStatsResponse, HostConfig, ImageInspect, PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptionsBuilder, LogsOptionsBuilder, StatsOptionsBuilder,
    StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::contender::{
    Consumption, ContenderConfig, Deployment, Missing, Preparation, Running, StartError, facts,
    fill, free_port,
};
use crate::cores::Cores;
use crate::process::log::last_lines;
use crate::process::owner;

mod engine;
mod image;

use engine::{Engine, EngineError, OWNER_LABEL};

/// Most bytes of a container's log that are held in memory.
const LOG_BYTES: usize = 1 << 20;
/// Time from SIGTERM to SIGKILL when a container is stopped, in seconds.
const GRACE_SECONDS: i32 = 5;

/// A container of the Docker engine of this machine.
#[derive(Debug)]
pub(crate) struct Container {
    /// Origin of the image.
    pub(crate) image: Image,
    /// Port that the server listens on inside the container.
    pub(crate) port: u16,
    /// Way to the port.
    pub(crate) network: Network,
    /// Command in place of the image's; empty for that of the image. `{port}` and `{bakeoff}` are filled in.
    pub(crate) command: Vec<String>,
    /// Connection to the engine, opened by the first use.
    pub(crate) engine: EngineHandle,
}

/// Connection to the engine, opened by the first use.
#[derive(Debug, Default)]
pub(crate) struct EngineHandle(OnceLock<Engine>);

/// Origin of an image.
#[derive(Debug)]
pub(crate) enum Image {
    /// An image that the engine has or can pull.
    Named(String),
    /// An image that is built.
    Build {
        /// Folder of the build context.
        context: PathBuf,
        /// Dockerfile, relative to the context.
        dockerfile: String,
        /// Files from elsewhere, by their name in the context. `{bakeoff}` is filled in.
        copy: BTreeMap<String, String>,
        /// Name of the built image.
        tag: String,
    },
}

impl Image {
    fn name(&self) -> &str {
        match self {
            Self::Named(name) | Self::Build { tag: name, .. } => name,
        }
    }
}

/// Way to the port of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Network {
    /// The engine publishes the port on a free port of 127.0.0.1.
    Bridge,
    /// The container shares the network of the host, and its command sets the address that it listens on. A server that
    /// listens on 0.0.0.0, as those of most images do, can be reached from other machines.
    Host,
}

/// Reason why a container cannot be started.
#[derive(Debug, thiserror::Error)]
enum ContainerError {
    #[error("cannot create its container")]
    Create(#[source] EngineError),
    #[error("cannot start its container")]
    Start(#[source] EngineError),
    #[error("cannot inspect its container")]
    Inspect(#[source] EngineError),
    #[error("its port {port} was not published{ending}")]
    NotPublished { port: u16, ending: String },
    #[error("cannot name this process as the owner of its container")]
    Owner(#[source] std::io::Error),
}

impl From<ContainerError> for StartError {
    fn from(error: ContainerError) -> Self {
        Self::OfKind(Box::new(error))
    }
}

impl Container {
    fn engine(&self) -> Result<&Engine, EngineError> {
        if let Some(engine) = self.engine.0.get() {
            return Ok(engine);
        }
        let engine = Engine::connect()?;
        engine.remove_abandoned();
        Ok(self.engine.0.get_or_init(|| engine))
    }

    /// Port that the server listens on, where it is known before the start: it is on the host's network.
    fn host_port(&self) -> Result<Option<u16>, StartError> {
        match self.network {
            Network::Bridge => Ok(None),
            Network::Host if self.command.iter().any(|word| word.contains("{port}")) => {
                free_port().map(Some)
            }
            Network::Host => Ok(Some(self.port)),
        }
    }

    fn body(
        &self,
        contender: &ContenderConfig,
        port: u16,
        cores: Option<&Cores>,
    ) -> Result<ContainerCreateBody, StartError> {
        let filled = |text: &str| fill(text, &port.to_string());
        let command = self.command.iter().map(|word| filled(word));
        let command: Vec<String> = command.collect::<Result<_, _>>()?;
        let env = contender.env.iter();
        let env = env.map(|(name, value)| Ok(format!("{name}={}", filled(value)?)));
        let env: Vec<String> = env.collect::<Result<_, StartError>>()?;
        let owner = owner::this_process().map_err(ContainerError::Owner)?;
        let inside = format!("{port}/tcp");
        let is_bridge = self.network == Network::Bridge;
        // Without a host port the engine chooses a free one.
        let binding = PortBinding {
            host_ip: Some("127.0.0.1".into()),
            host_port: None,
        };
        Ok(ContainerCreateBody {
            image: Some(self.image.name().to_owned()),
            cmd: (!command.is_empty()).then_some(command),
            env: Some(env),
            labels: Some(HashMap::from([(OWNER_LABEL.into(), owner)])),
            exposed_ports: is_bridge.then(|| vec![inside.clone()]),
            host_config: Some(HostConfig {
                cpuset_cpus: cores.map(Cores::of_contenders),
                network_mode: Some(if is_bridge { "bridge" } else { "host" }.into()),
                port_bindings: is_bridge.then(|| HashMap::from([(inside, Some(vec![binding]))])),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        })
    }
}

impl Deployment for Container {
    fn kind(&self) -> ContenderKind {
        ContenderKind::Docker
    }

    fn detail(&self) -> String {
        let network = match self.network {
            Network::Bridge => "bridge",
            Network::Host => "host",
        };
        format!("{} ({network} network)", self.image.name())
    }

    fn is_here(&self, _contender: &ContenderConfig) -> Result<(), Missing> {
        self.engine().map(drop).map_err(|error| Missing {
            reason: format!("no Docker engine answers ({})", with_causes(&error)),
            remedy: "install Docker and start its engine".into(),
        })
    }

    fn make_ready(
        &self,
        _contender: &ContenderConfig,
        preparation: &mut Preparation<'_>,
    ) -> Result<(), Missing> {
        let engine = self.engine().map_err(|error| Missing {
            reason: with_causes(&error),
            remedy: "start the Docker engine".into(),
        })?;
        match &self.image {
            Image::Named(image) => {
                (preparation.step)(&format!("looking for the image {image}"));
                find_or_pull(engine, image, preparation.stop)
            }
            Image::Build {
                context,
                dockerfile,
                copy,
                tag,
            } => {
                let recipe = image::Recipe {
                    context,
                    dockerfile,
                    copy,
                    tag,
                };
                image::build(engine, &recipe, preparation).map_err(|error| Missing {
                    reason: format!("its image cannot be built: {}", with_causes(&error)),
                    remedy: format!(
                        "run `docker build -f {dockerfile} {}` to see all of its output",
                        context.display()
                    ),
                })
            }
        }
    }

    fn facts(&self, contender: &ContenderConfig, stop: &CancellationToken) -> Vec<Fact> {
        let image = self.engine().and_then(|engine| {
            let inspect = engine.client.inspect_image(self.image.name());
            engine.wait(inspect)
        });
        let of_image = image.map_or_else(
            |error| vec![facts::fact("image", with_causes(&error))],
            facts_of_image,
        );
        let others = facts::of(contender, facts::Environment::OfItsOwn, stop);
        of_image.into_iter().chain(others).collect()
    }

    fn start(
        &self,
        contender: &ContenderConfig,
        cores: Option<&Cores>,
    ) -> Result<Box<dyn Running>, StartError> {
        let engine = self.engine().map_err(ContainerError::Create)?;
        let host_port = self.host_port()?;
        let body = self.body(contender, host_port.unwrap_or(self.port), cores)?;
        let create = engine
            .client
            .create_container(None::<CreateContainerOptions>, body);
        let created = engine.wait(create).map_err(ContainerError::Create)?;
        // From here on the drop of `running` removes the container.
        let mut running = RunningContainer {
            engine: engine.clone(),
            id: created.id,
            address: String::new(),
        };
        let start = engine.client.start_container(&running.id, None);
        engine.wait(start).map_err(ContainerError::Start)?;
        let port = match host_port {
            Some(port) => port,
            None => running.published_port(self.port)?,
        };
        running.address = format!("http://127.0.0.1:{port}");
        Ok(Box::new(running))
    }
}

/// Identity, date and digests of an image, as far as the engine tells them.
fn facts_of_image(image: ImageInspect) -> Vec<Fact> {
    let digests = image.repo_digests.unwrap_or_default();
    let facts = [
        image.id.map(|id| facts::fact("image", id)),
        image
            .created
            .map(|created| facts::fact("image made", created)),
        (!digests.is_empty()).then(|| facts::fact("image digest", digests.join(", "))),
    ];
    facts.into_iter().flatten().collect()
}

fn find_or_pull(engine: &Engine, image: &str, stop: &CancellationToken) -> Result<(), Missing> {
    if engine.wait(engine.client.inspect_image(image)).is_ok() {
        return Ok(());
    }
    // Without a tag or a digest the engine would pull every tag.
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = if name.contains([':', '@']) {
        ""
    } else {
        ":latest"
    };
    let options = CreateImageOptionsBuilder::default()
        .from_image(&format!("{image}{tag}"))
        .build();
    let pull = async {
        let mut progress = engine.client.create_image(Some(options), None, None);
        while let Some(line) = progress.next().await {
            line?;
        }
        Ok(())
    };
    engine.wait_unless(stop, pull).map_err(|error| Missing {
        reason: format!(
            "the engine has no image {image} and cannot pull it: {}",
            with_causes(&error)
        ),
        remedy: format!("run `docker pull {image}`"),
    })
}

/// A started container.
struct RunningContainer {
    engine: Engine,
    id: String,
    address: String,
}

impl RunningContainer {
    fn published_port(&self, port: u16) -> Result<u16, ContainerError> {
        let inspect = self.engine.client.inspect_container(&self.id, None);
        let container = self.engine.wait(inspect).map_err(ContainerError::Inspect)?;
        let ports = container
            .network_settings
            .and_then(|network| network.ports)
            .unwrap_or_default();
        ports
            .get(&format!("{port}/tcp"))
            .and_then(Option::as_ref)
            .and_then(|bindings| bindings.first()?.host_port.as_ref()?.parse().ok())
            .ok_or_else(|| ContainerError::NotPublished {
                port,
                ending: self.ending(),
            })
    }

    /// State of a container that has ended, and the last lines of its log, to be added to an error.
    fn ending(&self) -> String {
        let state = self
            .state()
            .map_or_else(String::new, |state| format!("; {state}"));
        match self.logs() {
            lines if lines.is_empty() => state,
            lines => format!("{state}\n{lines}"),
        }
    }

    /// Description of the end of the container; `None` while it runs.
    fn state(&self) -> Option<String> {
        let inspect = self.engine.client.inspect_container(&self.id, None);
        let container = match self.engine.wait(inspect) {
            Ok(container) => container,
            Err(error) => return Some(format!("its container is gone: {}", with_causes(&error))),
        };
        let state = container.state?;
        if state.running == Some(true) {
            return None;
        }
        let code = state
            .exit_code
            .map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        let memory = if state.oom_killed == Some(true) {
            ", out of memory"
        } else {
            ""
        };
        Some(format!("its container ended with exit code {code}{memory}"))
    }

    fn logs(&self) -> String {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail("200")
            .build();
        let collect = async {
            let mut text = String::new();
            let mut lines = self.engine.client.logs(&self.id, Some(options));
            while let Some(line) = lines.next().await {
                text.push_str(&line?.to_string());
                // A line may be as long as the engine's disk is large, and only the last lines are shown.
                if text.len() > LOG_BYTES {
                    text.clear();
                    text.push_str("[… more than a megabyte is left out …]\n");
                }
            }
            Ok(text)
        };
        self.engine.wait(collect).map_or_else(
            |error| format!("(cannot read its log: {})", with_causes(&error)),
            |log| last_lines(&log),
        )
    }
}

impl Running for RunningContainer {
    fn address(&self) -> &str {
        &self.address
    }

    fn ended(&mut self) -> Option<String> {
        self.state()
    }

    fn last_lines(&mut self) -> String {
        self.logs()
    }

    fn consumption(&mut self) -> Option<Consumption> {
        let options = StatsOptionsBuilder::default()
            .stream(false)
            .one_shot(true)
            .build();
        let one = async {
            let mut stats = self.engine.client.stats(&self.id, Some(options));
            stats.next().await.transpose()
        };
        consumption_in(self.engine.wait(one).ok()??)
    }
}

/// Consumption in the engine's statistics of a container; `None` where a figure is missing.
fn consumption_in(stats: ContainerStatsResponse) -> Option<Consumption> {
    let cpu = stats.cpu_stats?.cpu_usage?.total_usage?;
    let memory = stats.memory_stats?;
    // The kernel can reclaim the page cache at any time, so it does not count, as in the `docker stats` command.
    // Its name is inactive_file in cgroup v2 and total_inactive_file in v1.
    let counters = memory.stats.unwrap_or_default();
    let cache = counters
        .get("total_inactive_file")
        .or_else(|| counters.get("inactive_file"))
        .copied();
    Some(Consumption {
        cpu: Duration::from_nanos(cpu),
        memory_bytes: memory.usage?.saturating_sub(cache.unwrap_or(0)),
    })
}

impl Drop for RunningContainer {
    fn drop(&mut self) {
        let options = StopContainerOptionsBuilder::default()
            .t(GRACE_SECONDS)
            .build();
        // A container that has ended cannot be stopped; the removal below is what counts.
        let stop = self.engine.client.stop_container(&self.id, Some(options));
        let _ = self.engine.wait(stop);
        self.engine.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stats: &str, expected: Option<(u64, u64)>) {
        let consumption = consumption_in(serde_json::from_str(stats).unwrap());
        let figures = consumption.map(|seen| {
            let cpu = u64::try_from(seen.cpu.as_nanos()).unwrap();
            (cpu, seen.memory_bytes)
        });
        assert_eq!(figures, expected, "{stats}");
    }

    #[test]
    fn statistics_of_both_versions_of_control_groups_are_read() {
        check(
            include_str!("docker/stats-cgroup-v1.json"),
            Some((1_234_567_890, 104_857_600 - 20_971_520)),
        );
        check(
            include_str!("docker/stats-cgroup-v2.json"),
            Some((987_654_000, 52_428_800 - 4_194_304)),
        );
    }

    #[test]
    fn container_that_has_ended_has_no_figures() {
        check(
            r#"{ "cpu_stats": { "cpu_usage": { "total_usage": 5 } }, "memory_stats": {} }"#,
            None,
        );
        check(r#"{ "memory_stats": { "usage": 5 } }"#, None);
    }
}
