//! State that all threads of a load share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::iterations::Iterations;
use crate::cause::Cause;
use crate::clock::Clock;
use crate::load_config::LoadConfig;
use crate::plan::Plan;
use crate::target::Target;

/// State that all threads of a load share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) config: LoadConfig,
    pub(crate) target: Arc<Target>,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    /// Token that ends the wait for requests in flight.
    pub(crate) give_up: CancellationToken,
    pub(crate) active: ActiveCount,
    pub(crate) connections_opened: Arc<AtomicU64>,
    pub(crate) tasks_per_user: TasksPerUser,
    /// Cause of the failure of a request that has no answer when the stop timeout is over.
    pub(crate) no_answer_in_time: Cause,
    pub(crate) iterations: Iterations,
    /// Number of resets of the statistics so far.
    pub(crate) epoch: AtomicU32,
}

impl Shared {
    /// Cause of the failure of a request that has no answer when the load is over.
    pub(crate) fn no_answer(&self) -> Cause {
        if self.give_up.is_cancelled() {
            return "no answer when waiting was given up after the end of the load".into();
        }
        self.no_answer_in_time.clone()
    }

    /// `true` once every active user has finished as many tasks as are wanted.
    pub(crate) fn tasks_done(&self) -> bool {
        let active = self.active.now.load(Ordering::Relaxed);
        active > 0 && self.tasks_per_user.users_done.load(Ordering::Relaxed) >= active
    }

    /// Ends an iteration that [`Iterations::begin`] allowed. The last one of the budget ends the load.
    pub(crate) fn finish_iteration(&self) {
        if self.iterations.finish() {
            self.clock.end_now();
            self.stop.cancel();
        }
    }
}

/// Number of active users in all threads; in an open model, of requests in flight.
#[derive(Debug, Default)]
pub(crate) struct ActiveCount {
    pub(crate) now: AtomicU32,
    pub(crate) most: AtomicU32,
}

/// Numbers of tasks of the measured period that users have finished.
#[derive(Debug)]
pub(crate) struct TasksPerUser {
    /// Number of tasks that each user has to finish; `None` without a minimum.
    pub(crate) wanted: Option<NonZeroU32>,
    /// Number of users that have finished `wanted` tasks.
    pub(crate) users_done: AtomicU32,
    /// The smallest number of any user that has ended; `u32::MAX` before the first one has.
    fewest: AtomicU32,
}

impl TasksPerUser {
    pub(crate) fn new(wanted: Option<NonZeroU32>) -> Self {
        Self {
            wanted,
            users_done: AtomicU32::new(0),
            fewest: AtomicU32::new(u32::MAX),
        }
    }

    /// Notes the number of tasks of a user that has ended.
    pub(crate) fn user_ended(&self, tasks: u32) {
        self.fewest.fetch_min(tasks, Ordering::Relaxed);
    }

    /// Number of tasks of the user with the fewest; `None` without users.
    pub(crate) fn fewest(&self) -> Option<u32> {
        let fewest = self.fewest.load(Ordering::Relaxed);
        (fewest < u32::MAX).then_some(fewest)
    }
}
