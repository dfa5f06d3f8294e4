//! One thread of the load generator: spawns its users, or starts its arrivals, and reports once a second.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bakeoff_record::WAKE_UP_INTERVAL;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep_until};

use super::active_users_watch::ActiveUsersWatch;
use super::arrivals::ArrivalRunner;
use super::precise_timer::PreciseTimer;
use super::shared::Shared;
use super::user::User;
use super::worker::Worker;
use crate::stats::threads::ReportChannels;
use crate::workload::Workload;

/// Runs the users of `thread`, or its arrivals, until the load is over. Must run within a `LocalSet`.
pub(crate) async fn run(
    shared: Arc<Shared>,
    thread: usize,
    active_users: ActiveUsersWatch,
    channels: ReportChannels,
) {
    let worker = Rc::new(Worker::new(shared, thread, channels));
    let mut tasks = JoinSet::new();
    let mut spawner = Spawner {
        worker: Rc::clone(&worker),
        active_users,
        next_user: worker.share().first(),
        next_spawn_at: None,
    };
    if let Workload::OpenModel(arrivals) = &worker.shared.config.workload {
        let arrivals = ArrivalRunner::new(Rc::clone(&worker), arrivals);
        tasks.spawn_local(arrivals.run(PreciseTimer::new()));
    } else {
        spawner.spawn_due_users(&mut tasks);
    }
    let mut wake_ups = interval_at(
        Instant::from_std(worker.shared.clock.at(WAKE_UP_INTERVAL)),
        WAKE_UP_INTERVAL,
    );
    let second = Duration::from_secs(1);
    let mut ticks = interval_at(Instant::from_std(worker.shared.clock.at(second)), second);
    let mut over = std::pin::pin!(worker.over());
    let mut given_up = std::pin::pin!(worker.given_up());
    loop {
        let next_spawn_at = spawner
            .next_spawn_at
            .map(|time| worker.shared.clock.at(time));
        tokio::select! {
            task = tasks.join_next(), if !tasks.is_empty() => match task {
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                _ => (),
            },
            () = spawner.active_users.changed() => spawner.spawn_due_users(&mut tasks),
            () = until(next_spawn_at) => spawner.spawn_due_users(&mut tasks),
            // Wake-ups that were missed while the thread did not run come one after another, each with its own delay.
            planned = wake_ups.tick() => worker.record_wake_up(planned.into_std()),
            _ = ticks.tick() => worker.report_before(worker.shared.clock.now()),
            () = &mut over, if tasks.is_empty() => break,
            () = &mut given_up => {
                tasks.shutdown().await;
                break;
            }
        }
    }
    // Requests of ended tasks are dropped with the tasks, and counted when they are dropped.
    while worker.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    worker.report_last();
}

/// Spawns the users of one thread when they become active.
struct Spawner {
    worker: Rc<Worker>,
    active_users: ActiveUsersWatch,
    /// Number of the next user of this thread.
    next_user: u64,
    /// Planned start of the next user; `None` if no start is known.
    next_spawn_at: Option<Duration>,
}

impl Spawner {
    /// Spawns a task for each user of this thread whose start has come. Users that start later take no memory before.
    fn spawn_due_users(&mut self, tasks: &mut JoinSet<()>) {
        while let Ok(index) = u32::try_from(self.next_user) {
            self.next_spawn_at = self.active_users.first_start(index);
            if self
                .next_spawn_at
                .is_none_or(|start| start > self.worker.shared.clock.now())
            {
                return;
            }
            let user = User::new(Rc::clone(&self.worker), index, self.active_users.clone());
            if let Some(user) = user {
                tasks.spawn_local(user.run());
            }
            self.next_user = self.worker.share().after(self.next_user);
        }
    }
}

/// Waits until `time`; for ever without one.
async fn until(time: Option<std::time::Instant>) {
    match time {
        Some(time) => sleep_until(Instant::from_std(time)).await,
        None => std::future::pending().await,
    }
}
