//! Accepts connections, as many as may be open at once, and sees each of them to its end.

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

/// How long nothing is accepted after the system refused to: until connections have closed, or memory is free.
const PAUSE: Duration = Duration::from_millis(500);

/// What the connections of one listener share.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) app: Router,
    pub(super) limits: Arc<Limits>,
    /// Connections at once.
    pub(super) places: NonZeroU32,
    pub(super) metrics: Arc<Metrics>,
    /// What the metrics call the listener.
    pub(super) name: &'static str,
    /// Cancelled when no more connections are to be accepted, and those there are to be closed.
    pub(super) stopping: CancellationToken,
}

impl Connections {
    /// Serves until `stopping` is cancelled and the last connection has ended; dropping the future cuts them off.
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
        // Clients whose connections the system has already made would lose their requests with the listener.
        while let Some((stream, place)) = next_at_once(&listener, &places).await {
            self.start(&mut open, stream, place);
        }
        drop(listener);
        while let Some(ended) = open.join_next().await {
            self.ended(ended);
        }
    }

    /// The next connection, as soon as there is a place for it; `None` once the server stops.
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
                    // The client thought better of it.
                    Err(error) if is_of_the_connection(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "cannot accept connections for the moment");
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
        // Answers are small and written at once: nothing is gained by waiting for more to send.
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
            // Our bug, but only this connection's end.
            Err(error) => tracing::error!(%error, "a connection ended badly"),
        }
    }
}

/// A connection that waits to be accepted, if there is one and a place for it.
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

/// Whether an error concerns only the connection that was about to be accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
