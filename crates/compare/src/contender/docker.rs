//! A contender that is a Docker container on this machine.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bakeoff_record::Fact;
use bollard::models::{ContainerCreateBody, ContainerStatsResponse, HostConfig, PortBinding};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptionsBuilder, ListContainersOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder, StatsOptionsBuilder,
    StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::log::last_lines;
use super::{Consumption, Missing, Preparation, Running, fill, free_port, owner};
use crate::file::{ContenderConfig, DockerConfig, Image, Network};
use crate::manifest;

/// Most bytes of a container's log that are held in memory.
const LOG_BYTES: usize = 1 << 20;

mod image;

/// Names the process that started a container.
const OWNER_LABEL: &str = "bakeoff.owner";
/// How long a container may take to end before it is killed.
const GRACE_SECONDS: i32 = 5;

/// The Docker engine of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Docker {
    client: bollard::Docker,
    runtime: Arc<Runtime>,
}

impl Docker {
    /// Connects to the engine that `DOCKER_HOST` or the default socket names. The error says why it cannot.
    pub(crate) fn connect() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start a runtime: {error}"))?;
        let client = bollard::Docker::connect_with_defaults().map_err(|error| error.to_string())?;
        runtime
            .block_on(client.ping())
            .map_err(|error| match error {
                bollard::errors::Error::SocketNotFoundError(path) => {
                    format!("there is no socket at {path}")
                }
                other => other.to_string(),
            })?;
        Ok(Self {
            client,
            runtime: Arc::new(runtime),
        })
    }

    /// Waits for something that may take minutes, unless `stop` is cancelled.
    fn wait_unless<T>(
        &self,
        stop: &CancellationToken,
        what: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, String> {
        let outcome = self.runtime.block_on(stop.run_until_cancelled(what));
        outcome.ok_or("stopped")?.map_err(|error| error.to_string())
    }

    fn wait<T>(
        &self,
        what: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, String> {
        self.runtime
            .block_on(what)
            .map_err(|error| error.to_string())
    }
}

/// Removes the containers of earlier runs that were killed before they could.
pub(super) fn remove_abandoned(docker: &Docker) {
    let filters = HashMap::from([("label".to_owned(), vec![OWNER_LABEL.to_owned()])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    for container in docker
        .wait(docker.client.list_containers(Some(options)))
        .unwrap_or_default()
    {
        let owner = container
            .labels
            .as_ref()
            .and_then(|labels| labels.get(OWNER_LABEL));
        let abandoned = owner.is_some_and(|owner| owner::is_gone(owner));
        if let Some(id) = container.id.filter(|_| abandoned) {
            remove(docker, &id);
        }
    }
}

fn remove(docker: &Docker, id: &str) {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    // Already gone is what was wanted.
    let _ = docker.wait(docker.client.remove_container(id, Some(options)));
}

/// An image that is there and can be started.
#[derive(Debug)]
pub(crate) struct DockerContender {
    docker: Docker,
    image: String,
    config: DockerConfig,
    env: BTreeMap<String, String>,
}

impl DockerContender {
    pub(super) fn prepare(
        config: &DockerConfig,
        contender: &ContenderConfig,
        preparation: &mut Preparation<'_>,
    ) -> Result<Self, Missing> {
        let unreachable = |error: &str| Missing {
            reason: format!("no Docker engine answers ({error})"),
            remedy: "install Docker and start its engine".into(),
        };
        let docker = match preparation.docker {
            Some(Ok(docker)) => docker.clone(),
            Some(Err(error)) => return Err(unreachable(error)),
            None => return Err(unreachable("it was not asked")),
        };
        let image = match &config.image {
            Image::Named(image) => {
                (preparation.step)(&format!("looking for the image {image}"));
                find_or_pull(&docker, image, preparation.stop)?;
                image.clone()
            }
            Image::Build {
                context,
                dockerfile,
                copy,
            } => {
                let tag = format!("bakeoff-contender-{}:latest", contender.name.to_lowercase());
                let recipe = image::Recipe {
                    context,
                    dockerfile,
                    copy,
                    tag: &tag,
                };
                image::build(&docker, &recipe, preparation).map_err(|error| Missing {
                    reason: format!("its image cannot be built: {error}"),
                    remedy: format!(
                        "run `docker build -f {dockerfile} {}` to see all of its output",
                        context.display()
                    ),
                })?;
                tag
            }
        };
        Ok(Self {
            docker,
            image,
            config: config.clone(),
            env: contender.env.clone(),
        })
    }

    pub(super) fn detail(&self) -> String {
        let network = match self.config.network {
            Network::Bridge => "bridge",
            Network::Host => "host",
        };
        format!("{} ({network} network)", self.image)
    }

    /// What is known of it, the image's identity first.
    pub(super) fn facts(&self, config: &ContenderConfig, stop: &CancellationToken) -> Vec<Fact> {
        let image = self
            .docker
            .wait(self.docker.client.inspect_image(&self.image));
        let image = image.unwrap_or_default();
        let digests = image.repo_digests.unwrap_or_default();
        let identity = [
            image.id.map(|id| manifest::fact("image", id)),
            image
                .created
                .map(|created| manifest::fact("image made", created)),
            (!digests.is_empty()).then(|| manifest::fact("image digest", digests.join(", "))),
        ];
        let facts = manifest::facts(config, false, stop);
        identity.into_iter().flatten().chain(facts).collect()
    }

    /// Starts it, on these cores where some are named.
    pub(super) fn start(&self, cores: Option<String>) -> Result<RunningContainer, String> {
        let host_port = match self.config.network {
            Network::Bridge => None,
            Network::Host
                if self
                    .config
                    .command
                    .iter()
                    .any(|word| word.contains("{port}")) =>
            {
                Some(free_port()?)
            }
            Network::Host => Some(self.config.port),
        };
        let inner_port = host_port.unwrap_or(self.config.port);
        let body = self.container(inner_port, cores)?;
        let create = self
            .docker
            .client
            .create_container(None::<CreateContainerOptions>, body);
        let id = self
            .docker
            .wait(create)
            .map_err(|error| format!("cannot create its container: {error}"))?
            .id;
        // From here on the container is removed whatever happens.
        let mut running = RunningContainer {
            docker: self.docker.clone(),
            id,
            address: String::new(),
        };
        let start = self.docker.client.start_container(&running.id, None);
        self.docker
            .wait(start)
            .map_err(|error| format!("cannot start its container: {error}"))?;
        let port = match host_port {
            Some(port) => port,
            None => running.published_port(self.config.port)?,
        };
        running.address = format!("http://127.0.0.1:{port}");
        Ok(running)
    }

    fn container(&self, port: u16, cores: Option<String>) -> Result<ContainerCreateBody, String> {
        let mut command = Vec::with_capacity(self.config.command.len());
        for word in &self.config.command {
            command.push(fill(word, &port.to_string())?);
        }
        let mut env = Vec::with_capacity(self.env.len());
        for (name, value) in &self.env {
            env.push(format!("{name}={}", fill(value, &port.to_string())?));
        }
        let inside = format!("{port}/tcp");
        let bridge = self.config.network == Network::Bridge;
        // Without a host port the engine picks a free one.
        let binding = PortBinding {
            host_ip: Some("127.0.0.1".into()),
            host_port: None,
        };
        Ok(ContainerCreateBody {
            image: Some(self.image.clone()),
            cmd: (!command.is_empty()).then_some(command),
            env: Some(env),
            labels: Some(HashMap::from([(OWNER_LABEL.into(), owner::this_process())])),
            exposed_ports: bridge.then(|| vec![inside.clone()]),
            host_config: Some(HostConfig {
                cpuset_cpus: cores,
                network_mode: Some(if bridge { "bridge" } else { "host" }.into()),
                port_bindings: bridge.then(|| HashMap::from([(inside, Some(vec![binding]))])),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        })
    }
}

fn find_or_pull(docker: &Docker, image: &str, stop: &CancellationToken) -> Result<(), Missing> {
    if docker.wait(docker.client.inspect_image(image)).is_ok() {
        return Ok(());
    }
    // Without a tag or a digest the engine would pull every tag there is.
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
        let mut progress = docker.client.create_image(Some(options), None, None);
        while let Some(line) = progress.next().await {
            line?;
        }
        Ok(())
    };
    docker.wait_unless(stop, pull).map_err(|error| Missing {
        reason: format!("the image {image} is not there and cannot be pulled: {error}"),
        remedy: format!("run `docker pull {image}`"),
    })
}

/// A started container.
pub(super) struct RunningContainer {
    docker: Docker,
    id: String,
    address: String,
}

impl RunningContainer {
    fn published_port(&self, inside: u16) -> Result<u16, String> {
        let container = self
            .docker
            .wait(self.docker.client.inspect_container(&self.id, None))?;
        let ports = container
            .network_settings
            .and_then(|network| network.ports)
            .unwrap_or_default();
        ports
            .get(&format!("{inside}/tcp"))
            .and_then(Option::as_ref)
            .and_then(|bindings| bindings.first()?.host_port.as_ref()?.parse().ok())
            .ok_or_else(|| format!("its port {inside} was not published{}", self.how_it_ended()))
    }

    fn how_it_ended(&self) -> String {
        let ended = self
            .state()
            .map_or_else(String::new, |ended| format!("; {ended}"));
        let lines = self.logs();
        if lines.is_empty() {
            ended
        } else {
            format!("{ended}\n{lines}")
        }
    }

    /// How the container ended, if it has.
    fn state(&self) -> Option<String> {
        let container = match self
            .docker
            .wait(self.docker.client.inspect_container(&self.id, None))
        {
            Ok(container) => container,
            Err(error) => return Some(format!("its container is gone: {error}")),
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
            let mut lines = self.docker.client.logs(&self.id, Some(options));
            while let Some(line) = lines.next().await {
                text.push_str(&line?.to_string());
                // A line may be as long as the engine's disk is large, and the last ones are what is shown.
                if text.len() > LOG_BYTES {
                    text.clear();
                    text.push_str("[… more than a megabyte is left out …]\n");
                }
            }
            Ok(text)
        };
        self.docker.wait(collect).map_or_else(
            |error| format!("(its log cannot be read: {error})"),
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
            self.docker
                .client
                .stats(&self.id, Some(options))
                .next()
                .await
                .transpose()
        };
        consumption_in(self.docker.wait(one).ok()??)
    }
}

/// What the engine's statistics say of a container; `None` where they leave something out.
fn consumption_in(stats: ContainerStatsResponse) -> Option<Consumption> {
    let cpu = stats.cpu_stats?.cpu_usage?.total_usage?;
    let memory = stats.memory_stats?;
    // The page cache can be taken away at any time: as the `docker stats` command does, it does not count.
    // cgroup v2 calls it inactive_file, v1 total_inactive_file.
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
        // One that has ended already cannot be stopped; removing it is what counts.
        let _ = self
            .docker
            .wait(self.docker.client.stop_container(&self.id, Some(options)));
        remove(&self.docker, &self.id);
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
