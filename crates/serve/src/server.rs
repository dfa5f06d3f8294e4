//! Server: listening, serving and draining.

mod accept;
mod connection;
mod open_files;

use std::{convert::Infallible, future, net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use bakeoff_qa::QuestionAnswering;
use tokio::{net::TcpListener, sync::Notify, time};
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;

use self::accept::Connections;
use crate::{
    config::ServeConfig,
    edge::{self, Edge, Origins},
    engine::{Engine, Workers},
    error::ServeError,
    keys::ApiKeys,
    memory::Memory,
    metrics::Metrics,
    refusal::Refusal,
    routes,
    service::{Readiness, Service},
};

/// Server that listens on an address. Connections wait until [`Server::run`].
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    private: Option<TcpListener>,
}

/// Signals to a running server.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Cancelled to shut down the server; see [`Server::run`].
    pub shutdown: CancellationToken,
    /// Notified to read the file with the API keys again.
    pub reload: Arc<Notify>,
}

/// Result of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "requests may have been cut off"]
pub enum Drained {
    /// All requests were answered.
    Whole,
    /// The drain time passed. The remaining connections were cut off.
    CutShort,
}

impl Server {
    /// Listens on a host name or address and a port. Port 0 selects a free port.
    ///
    /// This is separate from [`Server::run`], so that a port in use is reported before a model is loaded.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn bind(host: &str, port: u16) -> Result<Self, ServeError> {
        let (listener, address) = listen(host, port).await?;
        Ok(Self {
            listener,
            address,
            private: None,
        })
    }

    /// Moves `/metrics` to a private listener without API keys, and returns its address. The private listener also has `/health` and
    /// `/ready`. Its connections have their own limit, so that probes work when the public listener is full.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn bind_metrics(&mut self, host: &str, port: u16) -> Result<SocketAddr, ServeError> {
        let (listener, address) = listen(host, port).await?;
        self.private = Some(listener);
        Ok(address)
    }

    /// Address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the shutdown signal, and then shuts down in two steps:
    ///
    /// 1. For `drain_delay`, `/ready` has status 503, and every response closes its connection. New requests are still accepted.
    /// 2. New connections are rejected, and idle connections are closed. Requests that have arrived are answered, for at most
    ///    `drain_time`.
    ///
    /// No request is lost if the load balancer notices `/ready` within `drain_delay`. It then sends no new requests, and connections
    /// that are still open after the delay are idle.
    ///
    /// # Errors
    /// [`ServeError`], except [`ServeError::Listen`].
    pub async fn run(
        self,
        config: &ServeConfig,
        model: Arc<QuestionAnswering>,
        signals: Signals,
    ) -> Result<Drained, ServeError> {
        let mut config = config.clone();
        config.limits.max_connections = open_files::make_room(config.limits.max_connections);
        let config = &config;
        let keys = config.access.api_key_file.as_deref();
        let keys = match keys {
            Some(path) => Some(Arc::new(ApiKeys::open(path).await?)),
            None => None,
        };
        let cors = edge::cors(&config.access)?;
        if keys.is_none() && !self.address.ip().is_loopback() {
            tracing::warn!(
                address = %self.address,
                "the server has no API keys: everyone who can reach this address can send requests"
            );
        }
        let metrics = Arc::new(Metrics::default());
        metrics.describe(model.name());
        let (engine, workers) = Engine::start(config, model, Arc::clone(&metrics))?;
        let service = Service {
            body_memory: Memory::new(config.limits.body_memory_bytes),
            engine,
            readiness: Arc::new(Readiness::new(signals.shutdown.clone())),
            config: Arc::new(config.clone()),
            metrics: Arc::clone(&metrics),
        };
        let edge = Arc::new(Edge {
            limits: config.limits.clone(),
            keys: keys.clone(),
            origins: Origins::new(&config.access.cors_origins),
            answer_memory: service.engine.answer_memory.clone(),
            metrics,
            shutdown: signals.shutdown.clone(),
        });
        let stopping = CancellationToken::new();
        tokio::select! {
            ended = self.serve(service, workers, (edge, cors), stopping.clone()) => ended.map(|()| Drained::Whole),
            () = drain(config, &signals.shutdown, &stopping) => Ok(Drained::CutShort),
            never = reload(keys, &signals.reload) => match never {},
        }
    }

    /// Serves until all requests are answered and all workers have ended.
    async fn serve(
        self,
        service: Service,
        mut workers: Workers,
        (edge, cors): (Arc<Edge>, Option<CorsLayer>),
        stopping: CancellationToken,
    ) -> Result<(), ServeError> {
        let metrics = edge::metrics_route(Arc::clone(&service.metrics));
        let (private_routes, routes) = if self.private.is_some() {
            (
                probes(service.clone()).merge(metrics),
                routes::router(service.clone()),
            )
        } else {
            let routes = routes::router(service.clone()).merge(metrics);
            (Router::new(), routes)
        };
        let limits = Arc::new(edge.limits.clone());
        let connections = |name, places, app, stopping| Connections {
            name,
            places,
            app,
            limits: Arc::clone(&limits),
            metrics: Arc::clone(&service.metrics),
            stopping,
        };
        let places = limits.max_connections;
        let public = connections("public", places, edge::wrap(routes, edge, cors), stopping);
        // The private listener runs until the end of the drain.
        let drained = CancellationToken::new();
        let places = open_files::PRIVATE_CONNECTIONS;
        let private = connections("private", places, private_routes, drained.clone());

        let answer = async {
            let answered = async {
                public.serve(self.listener).await;
                Ok(())
            };
            let warm_up = async {
                workers.warmed_up().await?;
                service.readiness.warmed_up();
                tracing::info!(address = %self.address, "ready");
                Ok(())
            };
            tokio::try_join!(answered, warm_up)?;
            workers.stop().await;
            drained.cancel();
            Ok(())
        };
        let watch = async {
            if let Some(listener) = self.private {
                private.serve(listener).await;
            }
            Ok(())
        };
        tokio::try_join!(answer, watch).map(|_| ())
    }
}

/// Waits for the shutdown and its delay, cancels `stopping`, and returns at the end of the drain time.
async fn drain(config: &ServeConfig, shutdown: &CancellationToken, stopping: &CancellationToken) {
    shutdown.cancelled().await;
    tracing::info!(
        drain_delay_seconds = config.drain_delay.as_secs_f64(),
        "shutting down"
    );
    if !config.drain_delay.is_zero() {
        time::sleep(config.drain_delay).await;
    }
    stopping.cancel();
    time::sleep(config.longest_drain()).await;
}

/// Reads the keys again at each notification. Never returns.
async fn reload(keys: Option<Arc<ApiKeys>>, asked: &Notify) -> Infallible {
    let Some(keys) = keys else {
        return future::pending().await;
    };
    loop {
        asked.notified().await;
        keys.reload().await;
    }
}

/// Routes of the probes.
fn probes(service: Service) -> Router {
    Router::new()
        .route("/health", get(routes::about::health))
        .route("/ready", get(routes::about::ready))
        .fallback(async || Refusal::NotFound)
        .with_state(service)
}

async fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen {
        address: join(host, port),
        source,
    };
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Address as `host:port`, with an IPv6 address in brackets.
fn join(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests;
