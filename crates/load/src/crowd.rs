//! Which users are active when, as a user sees it while it waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::clock::FAR;
use crate::population::Population;
use crate::worker::Shared;

/// One user's view of the population, which can change while the load runs.
#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    population: watch::Receiver<Arc<Population>>,
    /// When the user has to stop, as far as was known when it was looked up.
    stop: Option<Duration>,
}

/// What a user that waited has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The moment has come; this is the time.
    Due(Duration),
    /// The user is not wanted any more.
    Leave,
    /// The load is over.
    End,
}

impl Crowd {
    pub(crate) fn new(population: watch::Receiver<Arc<Population>>) -> Self {
        Self {
            population,
            stop: None,
        }
    }

    /// The first moment at which `user` is wanted; `None` if there is none, as far as is known.
    pub(crate) fn first_start(&self, user: u32) -> Option<Duration> {
        self.population.borrow().next_start(user, Duration::ZERO)
    }

    /// Returns when other users are wanted than before.
    pub(crate) async fn changed(&mut self) {
        if self.population.changed().await.is_err() {
            // Whoever could change it is gone.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until `user` is wanted, from `from` on, and gives the moment from which on it is; `None` if the load ends before.
    pub(crate) async fn wait_for_start(
        &mut self,
        user: u32,
        mut from: Duration,
        shared: &Shared,
    ) -> Option<Duration> {
        loop {
            let start = self.population.borrow_and_update().next_start(user, from);
            let now = shared.clock.now();
            if now >= shared.clock.end() || start.is_some_and(|start| start >= shared.clock.end()) {
                return None;
            }
            match start.filter(|start| *start <= now) {
                Some(start) => {
                    self.stop = self.population.borrow().next_stop(user, start);
                    return Some(start);
                }
                None => self.sleep(start, shared).await,
            }
            // Asked again from the same moment on, so that a timer that is late starts nobody late.
            from = start.unwrap_or(now).min(now);
        }
    }

    /// Waits until `planned`, unless `user` is not wanted then or the load ends before.
    pub(crate) async fn wait_until(
        &mut self,
        planned: Duration,
        user: u32,
        shared: &Shared,
    ) -> Wake {
        let clock = &shared.clock;
        loop {
            let now = clock.now();
            if self.population.has_changed().unwrap_or(false) {
                self.stop = self.population.borrow_and_update().next_stop(user, now);
            }
            if planned >= clock.end() {
                return Wake::End;
            }
            if self.stop.is_some_and(|stop| stop <= now.max(planned)) {
                self.sleep(self.stop, shared).await;
                if self.stop.is_some_and(|stop| stop <= clock.now()) {
                    return Wake::Leave;
                }
            } else if planned <= now {
                return Wake::Due(now);
            } else {
                self.sleep(Some(planned), shared).await;
            }
        }
    }

    /// Sleeps until `time`, a change of the population or the end of the load, whichever comes first.
    async fn sleep(&mut self, time: Option<Duration>, shared: &Shared) {
        let clock = &shared.clock;
        let until = clock.at(time.unwrap_or(FAR).min(clock.end()));
        tokio::select! {
            () = sleep_until(Instant::from_std(until)) => (),
            // Whoever slept has yet to see which users are wanted now.
            () = self.changed() => self.population.mark_changed(),
            () = shared.stop.cancelled() => clock.end_now(),
        }
    }
}
