//! Web page of a load test and its HTTP API, with Locust's paths and JSON keys.
//!
//! Safe by default: it is made for the loopback address, refuses cross-site requests, gives no answers to other
//! origins, and asks for a login if one is set.

mod access;
mod body;
mod connection;
mod experiments;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod log;
mod points;
mod routes;
mod swarm;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use bakeoff_history::History;
use bakeoff_load::{LoadConfig, Scenario};
use bakeoff_record::{Machine, Measurement};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use access::{InvalidLogin, Login};
use connection::Limits;
use experiments::Experiments;
use routes::Page;
use swarm::Swarm;

/// Error at the start of the page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address is in use or is not one of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The requested address.
        address: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// Configuration of a page.
#[derive(Debug)]
pub struct PageConfig {
    /// Scenario of the loads.
    pub scenario: Scenario,
    /// Default values of the form.
    pub defaults: LoadConfig,
    /// Machine that makes the load.
    pub machine: Machine,
    /// Version of Bakeoff.
    pub bakeoff_version: String,
    /// History of all runs; `None` keeps no runs.
    pub history: Option<History>,
    /// Experiment files that users of the page can start, with the commands in them.
    pub experiments: Vec<PathBuf>,
    /// Required login; `None` for access without a login.
    pub login: Option<Login>,
}

/// A page that listens, but is not served yet.
#[derive(Debug)]
pub struct WebPage {
    listener: TcpListener,
    address: std::net::SocketAddr,
}

impl WebPage {
    /// Listens on `host` and `port`; port 0 picks a free one.
    ///
    /// # Errors
    /// [`WebError::Listen`].
    pub async fn bind(host: &str, port: u16) -> Result<Self, WebError> {
        let failed = |source| WebError::Listen {
            address: format!("{host}:{port}"),
            source,
        };
        let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Address that the page listens on.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Serves the page until `stop` is cancelled.
    /// Returns the measurement of the last load, after its requests in flight have ended.
    pub async fn serve(self, config: PageConfig, stop: CancellationToken) -> Option<Measurement> {
        self.serve_within(&Limits::default(), config, stop).await
    }

    async fn serve_within(
        self,
        limits: &Limits,
        mut config: PageConfig,
        stop: CancellationToken,
    ) -> Option<Measurement> {
        let login = config.login.take();
        let experiments = Arc::new(Experiments::new(std::mem::take(&mut config.experiments)));
        let swarm = Arc::new(Swarm::new(config));
        let page = Page {
            swarm: Arc::clone(&swarm),
            experiments: Arc::clone(&experiments),
            stop: stop.clone(),
        };
        let app = routes::router(page, login, limits);
        connection::serve(self.listener, app, limits, stop).await;
        let finish = move || {
            experiments.finish();
            swarm.finish()
        };
        let measured = tokio::task::spawn_blocking(finish).await;
        measured.ok().flatten()
    }
}

#[cfg(test)]
mod tests;
