//! Accepts connections, up to a maximum, and serves each of them to its end.

use std::{io, num::NonZeroU32, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet},
    time,
};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Ended};
use crate::{config::Limits, metrics::Metrics};

/// Pause after the system failed to accept a connection. In the meantime connections can close.
const PAUSE: Duration = Duration::from_millis(500);

/// Shared state of the connections of a listener.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) app: Router,
    pub(super) limits: Arc<Limits>,
    /// Maximum number of connections.
    pub(super) places: NonZeroU32,
    pub(super) metrics: Arc<Metrics>,
    /// Name of the listener in the metrics.
    pub(super) name: &'static str,
    /// Cancelled to stop accepting connections, and to close the open connections.
    pub(super) stopping: CancellationToken,
}

impl Connections {
    /// Serves until `stopping` is cancelled and the last connection has ended. Dropping the future cuts off all connections.
    pub(super) async fn serve(self, listener: TcpListener) {
        let places = usize::try_from(self.places.get()).unwrap_or(usize::MAX);
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let mut open = JoinSet::new();
        while let Some((stream, place)) = self.next(&listener, &places).await {
            self.start(&mut open, stream, place);
            while let Some(ended) = open.try_join_next() {
                self.ended(ended);
            }
        }
        // Without this, clients whose connections wait in the system's backlog would lose their requests.
        while let Some((stream, place)) = next_at_once(&listener, &places).await {
            self.start(&mut open, stream, place);
        }
        drop(listener);
        while let Some(ended) = open.join_next().await {
            self.ended(ended);
        }
    }

    /// Waits for the next connection within the maximum. `None` after `stopping` is cancelled.
    async fn next(
        &self,
        listener: &TcpListener,
        places: &Arc<Semaphore>,
    ) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let next = async {
            let place = Arc::clone(places).acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => return Some((stream, place)),
                    // The client has closed the connection.
                    Err(error) if is_of_the_connection(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "cannot accept a connection; trying again");
                        time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            next = next => next,
        }
    }

    fn start(&self, open: &mut JoinSet<Ended>, stream: TcpStream, place: OwnedSemaphorePermit) {
        // Responses are written at once. Waiting for more data to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let (app, limits) = (self.app.clone(), Arc::clone(&self.limits));
        let (counted, stopping) = (self.metrics.connection(self.name), self.stopping.clone());
        open.spawn(async move {
            let ended = connection::serve(stream, app, &limits, stopping).await;
            drop((place, counted));
            ended
        });
    }

    fn ended(&self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(Ended::Closed) => {}
            Ok(Ended::Broken) => self.metrics.dropped("broken_connection"),
            Ok(Ended::TooSlow) => self.metrics.dropped("slow_connection"),
            // A bug that affects only this connection.
            Err(error) => tracing::error!(%error, "the task of a connection failed"),
        }
    }
}

/// Connection in the system's backlog, if there is one and the maximum is not reached.
async fn next_at_once(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).try_acquire_owned().ok()?;
    tokio::select! {
        biased;
        accepted = listener.accept() => accepted.ok().map(|(stream, _)| (stream, place)),
        () = std::future::ready(()) => None,
    }
}

/// `true` if an error affects only the connection that was to be accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
