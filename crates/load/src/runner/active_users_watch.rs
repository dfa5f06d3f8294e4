//! Waits of one user: for its start, for the planned start of its next request, for its stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::shared::Shared;
use crate::clock::FAR;
use crate::workload::active_users::ActiveUsers;

/// Watch on the number of active users, which can change while the load runs.
#[derive(Debug, Clone)]
pub(crate) struct ActiveUsersWatch {
    active_users: watch::Receiver<Arc<ActiveUsers>>,
    /// Stop of the user as of the last look; `None` if no stop is known.
    stop: Option<Duration>,
}

/// Reason why the wait of a user ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The planned start of the next request; the time is now.
    Start(Duration),
    /// The user has to stop.
    Stop,
    /// The load is over.
    LoadOver,
}

impl ActiveUsersWatch {
    pub(crate) fn new(active_users: watch::Receiver<Arc<ActiveUsers>>) -> Self {
        Self {
            active_users,
            stop: None,
        }
    }

    /// First start of `user`; `None` if no start is known.
    pub(super) fn first_start(&self, user: u32) -> Option<Duration> {
        self.active_users.borrow().next_start(user, Duration::ZERO)
    }

    /// Returns when the number of active users was changed.
    pub(super) async fn changed(&mut self) {
        if self.active_users.changed().await.is_err() {
            // The sender is gone, so no change can come.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the first start of `user` at or after `from` and returns it; `None` if the load ends before.
    pub(super) async fn wait_for_start(
        &mut self,
        user: u32,
        mut from: Duration,
        shared: &Shared,
    ) -> Option<Duration> {
        loop {
            let start = self.active_users.borrow_and_update().next_start(user, from);
            let now = shared.clock.now();
            if now >= shared.clock.end() || start.is_some_and(|start| start >= shared.clock.end()) {
                return None;
            }
            match start.filter(|start| *start <= now) {
                Some(start) => {
                    self.stop = self.active_users.borrow().next_stop(user, start);
                    return Some(start);
                }
                None => self.sleep(start, shared).await,
            }
            // The next look begins at the planned start, so that a late timer makes no user start late.
            from = start.unwrap_or(now).min(now);
        }
    }

    /// Waits until `planned`. Returns earlier if `user` has to stop or the load ends before.
    pub(super) async fn wait_until(
        &mut self,
        planned: Duration,
        user: u32,
        shared: &Shared,
    ) -> Wake {
        let clock = &shared.clock;
        loop {
            let now = clock.now();
            if self.active_users.has_changed().unwrap_or(false) {
                self.stop = self.active_users.borrow_and_update().next_stop(user, now);
            }
            if planned >= clock.end() {
                return Wake::LoadOver;
            }
            if self.stop.is_some_and(|stop| stop <= now.max(planned)) {
                self.sleep(self.stop, shared).await;
                if self.stop.is_some_and(|stop| stop <= clock.now()) {
                    return Wake::Stop;
                }
            } else if planned <= now {
                return Wake::Start(now);
            } else {
                self.sleep(Some(planned), shared).await;
            }
        }
    }

    /// Sleeps until `time`, a change of the number of users or the end of the load, whichever comes first.
    async fn sleep(&mut self, time: Option<Duration>, shared: &Shared) {
        let clock = &shared.clock;
        let until = clock.at(time.unwrap_or(FAR).min(clock.end()));
        tokio::select! {
            () = sleep_until(Instant::from_std(until)) => (),
            // The caller has yet to look at the change.
            () = self.changed() => self.active_users.mark_changed(),
            () = shared.stop.cancelled() => clock.end_now(),
        }
    }
}
