//! The Docker engine of this machine.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bollard::errors::Error;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::process::owner;

/// Label of a container with the process that started it.
pub(super) const OWNER_LABEL: &str = "bakeoff.owner";

/// A connection to the engine.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) client: bollard::Docker,
    runtime: Arc<Runtime>,
}

/// Reason why the engine did not do something.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    #[error("cannot start a runtime")]
    Runtime(#[source] io::Error),
    #[error("there is no socket at {0}")]
    NoSocket(String),
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Engine(Error),
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error {
            Error::SocketNotFoundError(path) => Self::NoSocket(path),
            other => Self::Engine(other),
        }
    }
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` or the default socket names, and waits for its answer.
    pub(super) fn connect() -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(EngineError::Runtime)?;
        let client = bollard::Docker::connect_with_defaults()?;
        runtime.block_on(client.ping())?;
        Ok(Self {
            client,
            runtime: Arc::new(runtime),
        })
    }

    /// Waits for a request to the engine.
    pub(super) fn wait<T>(
        &self,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        Ok(self.runtime.block_on(request)?)
    }

    /// Waits for a request that may take minutes, unless `stop` is cancelled.
    pub(super) fn wait_unless<T>(
        &self,
        stop: &CancellationToken,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        let outcome = self.runtime.block_on(stop.run_until_cancelled(request));
        Ok(outcome.ok_or(EngineError::Stopped)??)
    }

    /// Removes a container, whether it runs or not.
    pub(super) fn remove(&self, id: &str) {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        // The only failure that matters here, a container that is gone, is what was wanted.
        let _ = self.wait(self.client.remove_container(id, Some(options)));
    }

    /// Removes the containers of runs of Bakeoff that were killed.
    pub(super) fn remove_abandoned(&self) {
        let filters = HashMap::from([("label".to_owned(), vec![OWNER_LABEL.to_owned()])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        // Without a list, they stay until the next run.
        let containers = self.wait(self.client.list_containers(Some(options)));
        for container in containers.unwrap_or_default() {
            let labels = container.labels.unwrap_or_default();
            let is_abandoned = labels
                .get(OWNER_LABEL)
                .is_some_and(|owner| owner::is_gone(owner));
            if let Some(id) = container.id.filter(|_| is_abandoned) {
                self.remove(&id);
            }
        }
    }
}
