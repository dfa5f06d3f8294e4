//! The web page of a load test and its HTTP API, with Locust's paths and JSON keys.
//!
//! Safe by default: meant for the loopback address, refuses cross-site requests, answers no other origin, and asks
//! for a login where one is set.

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

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What a page is about.
#[derive(Debug)]
pub struct PageConfig {
    /// What visitors start.
    pub scenario: Scenario,
    /// What their form holds before they change it.
    pub defaults: LoadConfig,
    /// The machine that the load comes from.
    pub machine: Machine,
    /// The version of Bakeoff.
    pub bakeoff_version: String,
    /// Where every run is kept; `None` keeps none.
    pub history: Option<History>,
    /// Experiment files that visitors can start, which runs the commands in them.
    pub experiments: Vec<PathBuf>,
    /// What visitors must know; `None` lets everybody in.
    pub login: Option<Login>,
}

/// A page that listens and is not served yet.
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

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Serves the page until `stop` is cancelled.
    /// Returns what the last load measured, its requests in flight included.
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
