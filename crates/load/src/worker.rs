//! One thread and its users.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, FAR};
use crate::plan::Plan;
use crate::recorder::{Finished, Recorder};
use crate::user::User;
use crate::{LoadConfig, WaitTime};

/// What all threads of a load share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) config: LoadConfig,
    pub(crate) wait_time: WaitTime,
    pub(crate) addresses: Arc<[SocketAddr]>,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    pub(crate) users: UserCount,
    pub(crate) connections_opened: Arc<AtomicU64>,
}

/// Users active in all threads.
#[derive(Debug, Default)]
pub(crate) struct UserCount {
    pub(crate) active: AtomicU32,
    pub(crate) most: AtomicU32,
}

/// The two ends of the way that recorders go to the collector and back.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    pub(crate) full: Sender<Recorder>,
    pub(crate) cleared: Receiver<Recorder>,
}

/// One of the threads that drive users.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    thread: usize,
    handover: Handover,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    recorder: Recorder,
    users: u32,
}

/// Drives every user whose index leaves the remainder `thread` by the number of threads, until all are done.
/// Must run within a `LocalSet`.
pub(crate) async fn drive(shared: Arc<Shared>, thread: usize, handover: Handover) {
    let state = State {
        recorder: Recorder::new(shared.plan.tasks.len()),
        users: 0,
    };
    let worker = Rc::new(Worker {
        shared,
        thread,
        handover,
        state: RefCell::new(state),
    });
    let mut users = JoinSet::new();
    let config = &worker.shared.config;
    for index in (0..config.users.get())
        .skip(thread)
        .step_by(config.threads.get())
    {
        users.spawn_local(User::new(Rc::clone(&worker), index).live());
    }
    let second = Duration::from_secs(1);
    let mut ticks = interval_at(Instant::from_std(worker.shared.clock.at(second)), second);
    let mut given_up = std::pin::pin!(worker.given_up());
    loop {
        tokio::select! {
            user = users.join_next() => match user {
                None => break,
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Some(_) => (),
            },
            _ = ticks.tick() => worker.hand_over_before(worker.shared.clock.now()),
            () = &mut given_up => {
                users.shutdown().await;
                break;
            }
        }
    }
    worker.hand_over_last();
}

impl Worker {
    /// Waits until `planned` and gives the time then; `None` if the load ends before.
    pub(crate) async fn wait_until(&self, planned: Duration) -> Option<Duration> {
        let Shared { clock, stop, .. } = &*self.shared;
        if planned >= clock.end() {
            return None;
        }
        let now = clock.now();
        if planned <= now {
            return Some(now);
        }
        tokio::select! {
            () = sleep_until(Instant::from_std(clock.at(planned))) => (),
            () = stop.cancelled() => clock.end_now(),
        }
        (planned < clock.end()).then(|| clock.now())
    }

    /// Notes that a request planned in the measured period is begun.
    pub(crate) fn begin(&self) {
        self.state.borrow_mut().recorder.begun += 1;
    }

    /// Counts a request that is over.
    pub(crate) fn record(&self, finished: Finished) {
        if finished.done.as_secs() > self.state.borrow().recorder.second {
            self.hand_over_before(finished.done);
        }
        self.state.borrow_mut().recorder.record(finished);
    }

    pub(crate) fn user_started(&self) {
        self.state.borrow_mut().users += 1;
        let UserCount { active, most } = &self.shared.users;
        let before = active.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(before + 1, Ordering::Relaxed);
    }

    pub(crate) fn user_ended(&self) {
        self.state.borrow_mut().users -= 1;
        self.shared.users.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// Hands the second over that was under way, if `now` is no longer in it.
    ///
    /// A thread does not wait for a collector that is seconds behind: it goes on with the same recorder,
    /// so that nothing is lost but how the requests were spread over those seconds.
    fn hand_over_before(&self, now: Duration) {
        let State { recorder, users } = &mut *self.state.borrow_mut();
        if now.as_secs() <= recorder.second {
            return;
        }
        if !self.handover.full.is_full() {
            let next = self
                .handover
                .cleared
                .try_recv()
                .unwrap_or_else(|_| Recorder::new(self.shared.plan.tasks.len()));
            let mut full = std::mem::replace(recorder, next);
            (full.thread, full.users) = (self.thread, *users);
            if let Err(rejected) = self.handover.full.try_send(full) {
                *recorder = rejected.into_inner();
            }
        }
        recorder.second = now.as_secs();
    }

    /// Hands over what is left, waiting until there is room.
    fn hand_over_last(&self) {
        let State { recorder, users } = &mut *self.state.borrow_mut();
        let mut last = std::mem::replace(recorder, Recorder::new(0));
        (last.thread, last.users, last.last) = (self.thread, *users, true);
        // Nobody receives only when the collector is gone, and with it whoever wanted the result.
        let _ = self.handover.full.send(last);
    }

    /// Ends when requests in flight are no longer waited for.
    async fn given_up(&self) {
        let Shared {
            clock,
            stop,
            config,
            ..
        } = &*self.shared;
        tokio::select! {
            () = sleep_until(Instant::from_std(clock.at(clock.until.unwrap_or(FAR)))) => (),
            () = stop.cancelled() => clock.end_now(),
        }
        sleep_until(Instant::from_std(
            clock.at(clock.end().saturating_add(config.stop_timeout)),
        ))
        .await;
    }
}
