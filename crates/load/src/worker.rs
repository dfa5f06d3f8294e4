//! One thread and the users or arrivals that it drives.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bakeoff_record::WAKE_UP_INTERVAL;
use crossbeam_channel::{Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::LoadConfig;
use crate::alarm::Alarm;
use crate::check::Cause;
use crate::client::Client;
use crate::clock::{Clock, FAR};
use crate::crowd::Crowd;
use crate::plan::{Plan, PlannedTask};
use crate::recorder::{Finished, Part, Recorder};
use crate::target::Target;
use crate::user::User;
use crate::visitors::Visitors;
use crate::workload::Workload;

mod in_flight;
mod iterations;

use in_flight::InFlight;
pub(crate) use iterations::Iterations;

/// The shortest time that the clock knows.
const INSTANT: Duration = Duration::from_nanos(1);

/// What all threads of a load share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) config: LoadConfig,
    pub(crate) target: Arc<Target>,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    /// Ends the wait for requests in flight.
    pub(crate) give_up: CancellationToken,
    pub(crate) users: UserCount,
    pub(crate) connections_opened: Arc<AtomicU64>,
    pub(crate) rounds: Rounds,
    /// The cause of the failure of a request that was waited for in vain.
    pub(crate) no_answer_in_time: Cause,
    pub(crate) iterations: Iterations,
    /// How often the figures have begun anew.
    pub(crate) epoch: AtomicU32,
}

impl Shared {
    /// The cause of the failure of a request that has no answer when the load is over.
    fn no_answer(&self) -> Cause {
        if self.give_up.is_cancelled() {
            return "no answer when waiting was given up after the end of the load".into();
        }
        self.no_answer_in_time.clone()
    }

    /// `true` once every active user has finished as many tasks as are wanted.
    pub(crate) fn rounds_done(&self) -> bool {
        let active = self.users.active.load(Ordering::Relaxed);
        active > 0 && self.rounds.reached.load(Ordering::Relaxed) >= active
    }

    /// Notes that a task is over which [`Iterations::begin`] let begin. The load ends with the last one.
    pub(crate) fn finish_iteration(&self) {
        if self.iterations.finish() {
            self.clock.end_now();
            self.stop.cancel();
        }
    }
}

/// Users active in all threads, or in an open model requests in flight.
#[derive(Debug, Default)]
pub(crate) struct UserCount {
    pub(crate) active: AtomicU32,
    pub(crate) most: AtomicU32,
}

/// Numbers of tasks of the measured period that users have finished.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// Tasks after which there are enough; `None` for any number.
    pub(crate) wanted: Option<NonZeroU32>,
    /// Users that have finished so many.
    pub(crate) reached: AtomicU32,
    /// The fewest of any user that is gone; `u32::MAX` before the first one is.
    pub(crate) fewest: AtomicU32,
}

impl Rounds {
    pub(crate) fn new(wanted: Option<NonZeroU32>) -> Self {
        Self {
            wanted,
            reached: AtomicU32::new(0),
            fewest: AtomicU32::new(u32::MAX),
        }
    }

    /// Tasks that the user with the fewest finished; `None` without users.
    pub(crate) fn fewest(&self) -> Option<u32> {
        let fewest = self.fewest.load(Ordering::Relaxed);
        (fewest < u32::MAX).then_some(fewest)
    }
}

/// The two ends of the way that recorders go to the collector and back.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    pub(crate) full: Sender<Recorder>,
    pub(crate) cleared: Receiver<Recorder>,
}

/// One of the threads that make the load.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) thread: usize,
    handover: Handover,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    recorder: Recorder,
    users: u32,
    /// Requests that are not over.
    in_flight: u64,
}

/// Drives every user whose index leaves the remainder `thread` by the number of threads, or that share of the arrivals,
/// until the load is over. Must run within a `LocalSet`.
pub(crate) async fn drive(shared: Arc<Shared>, thread: usize, crowd: Crowd, handover: Handover) {
    let state = State {
        recorder: Recorder::new(shared.plan.requests.len()),
        users: 0,
        in_flight: 0,
    };
    let worker = Rc::new(Worker {
        shared,
        thread,
        handover,
        state: RefCell::new(state),
    });
    let mut tasks = JoinSet::new();
    let mut crowd = Crew {
        worker: Rc::clone(&worker),
        crowd,
        next: thread,
        due: None,
    };
    if let Workload::Arrivals(arrivals) = &worker.shared.config.workload {
        let visitors = Visitors::new(Rc::clone(&worker), arrivals);
        tasks.spawn_local(visitors.come(Alarm::new()));
    } else {
        crowd.employ(&mut tasks);
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
        let due = crowd.due.map(|due| worker.shared.clock.at(due));
        tokio::select! {
            task = tasks.join_next(), if !tasks.is_empty() => match task {
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                _ => (),
            },
            () = crowd.crowd.changed() => crowd.employ(&mut tasks),
            () = until(due) => crowd.employ(&mut tasks),
            // Those that were missed while the thread did not run come one after another, each with its own delay.
            planned = wake_ups.tick() => worker.woke_up(planned.into_std()),
            _ = ticks.tick() => worker.hand_over_before(worker.shared.clock.now()),
            () = &mut over, if tasks.is_empty() => break,
            () = &mut given_up => {
                tasks.shutdown().await;
                break;
            }
        }
    }
    // Requests of ended tasks are dropped with them, and counted when they are dropped.
    while worker.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    worker.hand_over_last();
}

/// The users of one thread that there are so far.
struct Crew {
    worker: Rc<Worker>,
    crowd: Crowd,
    next: usize,
    /// When the next user is wanted; `None` if never, as far as is known.
    due: Option<Duration>,
}

impl Crew {
    /// Makes a task for each user of this thread that is wanted by now and has none yet: users who come later take no
    /// memory before.
    fn employ(&mut self, tasks: &mut JoinSet<()>) {
        while let Ok(index) = u32::try_from(self.next) {
            self.due = self.crowd.first_start(index);
            if self
                .due
                .is_none_or(|due| due > self.worker.shared.clock.now())
            {
                return;
            }
            let user = User::new(Rc::clone(&self.worker), index, self.crowd.clone());
            if let Some(user) = user {
                tasks.spawn_local(user.live());
            }
            self.next += self.worker.shared.config.threads.get();
        }
    }
}

/// Waits until `due`, or for ever where there is nothing to wait for.
async fn until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(Instant::from_std(due)).await,
        None => std::future::pending().await,
    }
}

/// When a request is to be sent, and when it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) planned: Duration,
    pub(crate) sent: Duration,
}

impl Due {
    /// What follows at once on what was over at `now`.
    pub(crate) fn at(now: Duration) -> Self {
        Self {
            planned: now,
            sent: now,
        }
    }
}

impl Worker {
    /// Sends the requests of `task`, for `row` of its data, the first when it is due and each other one once the one
    /// before is answered, and counts them: all or none of a task belong to the measured period.
    /// Returns whether there was no connection to send one on; nothing more is sent then.
    pub(crate) async fn perform(
        &self,
        client: &mut Client,
        task: &PlannedTask,
        row: usize,
        due: Due,
    ) -> bool {
        let clock = &self.shared.clock;
        // What users do at the very end still counts.
        let counted_at = due.planned.min(clock.end().saturating_sub(INSTANT));
        let mut due = due;
        for request in task.requests.clone() {
            if self.request(client, (request, row), due, counted_at).await {
                return true;
            }
            due = Due::at(clock.now());
        }
        false
    }

    /// Sends one request of the plan, waits for its answer and counts it.
    /// Returns whether there was no connection to send it on.
    async fn request(
        &self,
        client: &mut Client,
        (index, row): (usize, usize),
        Due { planned, sent }: Due,
        counted_at: Duration,
    ) -> bool {
        let Shared { plan, clock, .. } = &*self.shared;
        let request = &plan.requests[index];
        let measured = clock.measures(counted_at);
        if measured {
            self.recorder(|recorder| recorder.begun += 1);
        }
        plan.requests[index].rows_sent.insert(row);
        let in_flight = InFlight::new(self, (index, measured), (planned, counted_at));
        let limit = clock.at(sent.saturating_add(request.timeout));
        let outcome = client.send(plan, request, row, limit).await;
        in_flight.answered();
        let done = clock.since_start(outcome.done);
        // The figures may have begun anew in the meantime.
        let begun = measured && counted_at >= clock.from();
        // One from the warm-up that ends in a failure is one of the period that it ended in or outlived.
        let fails_late =
            outcome.failure.is_some() && !begun && self.outlives_warm_up(counted_at, done);
        self.recorder(|recorder| recorder.begun += u64::from(fails_late));
        self.record(Finished {
            request: index,
            planned,
            sent,
            done,
            measured: begun || fails_late,
            in_period: clock.measures(done),
            body_bytes: outcome.body_bytes,
            failure: outcome.failure,
            unanswered: false,
        });
        outcome.not_connected
    }

    /// `true` if a request that counted at `counted_at` was begun before the measured period and was over after its beginning.
    fn outlives_warm_up(&self, counted_at: Duration, done: Duration) -> bool {
        let Shared { clock, .. } = &*self.shared;
        clock.from() < clock.end() && counted_at < clock.from() && done >= clock.from()
    }

    /// Notes how late the thread woke up.
    fn woke_up(&self, planned: std::time::Instant) {
        let clock = &self.shared.clock;
        if clock.measures(clock.since_start(planned)) {
            self.recorder(|recorder| recorder.wake_up_delays.record(planned.elapsed()));
        }
    }

    fn in_flight(&self) -> u64 {
        self.state.borrow().in_flight
    }

    /// Adds the time from the planned start of a user's task to that of the next one, if it belongs to the measured period.
    ///
    /// Of a task from before the period that goes on beyond its end, all that lies after its beginning: without it, a user
    /// who waited for one answer during all of the period would seem not to have been there.
    pub(crate) fn user_spent(&self, planned: Duration, next: Duration) {
        let clock = &self.shared.clock;
        let begins = if clock.measures(planned) {
            planned
        } else if planned < clock.from() && next >= clock.end() {
            clock.from()
        } else {
            return;
        };
        self.add_user_time(next.saturating_sub(begins));
    }

    /// Adds the time that a user took for requests that count as those of the measured period.
    pub(crate) fn add_user_time(&self, time: Duration) {
        self.recorder(|recorder| recorder.user_time = recorder.user_time.saturating_add(time));
    }

    /// Notes an arrival of an open model.
    pub(crate) fn arrived(&self, planned: Duration) {
        let measured = self.shared.clock.measures(planned);
        self.recorder(|recorder| recorder.arrived += u64::from(measured));
    }

    /// Notes an arrival that is not sent because too many requests are in flight.
    pub(crate) fn turned_away(&self, planned: Duration) {
        let measured = self.shared.clock.measures(planned);
        self.recorder(|recorder| recorder.not_sent += u64::from(measured));
    }

    /// Counts a request that is over.
    fn record(&self, finished: Finished) {
        if finished.done.as_secs() > self.state.borrow().recorder.second {
            self.hand_over_before(finished.done);
        }
        self.recorder(|recorder| recorder.record(finished));
    }

    /// Lets `change` note something. What belongs to figures that have begun anew since is handed over first.
    fn recorder(&self, change: impl FnOnce(&mut Recorder)) {
        let epoch = self.shared.epoch.load(Ordering::Relaxed);
        if self.state.borrow().recorder.epoch != epoch {
            self.hand_over_now(Part::Beginning);
            self.state.borrow_mut().recorder.epoch = epoch;
        }
        change(&mut self.state.borrow_mut().recorder);
    }

    /// Hands the second over that was under way, if `now` is no longer in it.
    ///
    /// A thread does not wait for a collector that is seconds behind: it goes on with the same recorder,
    /// so that nothing is lost but how the requests were spread over those seconds.
    fn hand_over_before(&self, now: Duration) {
        if now.as_secs() > self.state.borrow().recorder.second {
            self.hand_over_now(Part::Rest);
            self.state.borrow_mut().recorder.second = now.as_secs();
        }
    }

    fn hand_over_now(&self, part: Part) {
        let State {
            recorder, users, ..
        } = &mut *self.state.borrow_mut();
        if self.handover.full.is_full() {
            return;
        }
        let mut next = self
            .handover
            .cleared
            .try_recv()
            .unwrap_or_else(|_| Recorder::new(self.shared.plan.requests.len()));
        (next.second, next.epoch) = (recorder.second, recorder.epoch);
        let mut full = std::mem::replace(recorder, next);
        (full.thread, full.users, full.part) = (self.thread, *users, part);
        if let Err(rejected) = self.handover.full.try_send(full) {
            *recorder = rejected.into_inner();
        }
    }

    /// Hands over what is left, waiting until there is room.
    fn hand_over_last(&self) {
        let State {
            recorder, users, ..
        } = &mut *self.state.borrow_mut();
        let mut last = std::mem::replace(recorder, Recorder::new(0));
        (last.thread, last.users, last.part) = (self.thread, *users, Part::Last);
        // Nobody receives only when the collector is gone, and with it whoever wanted the result.
        let _ = self.handover.full.send(last);
    }

    /// Ends when the load does: nothing is begun any more.
    async fn over(&self) {
        let Shared { clock, stop, .. } = &*self.shared;
        tokio::select! {
            () = sleep_until(Instant::from_std(clock.at(clock.until().unwrap_or(FAR)))) => (),
            () = stop.cancelled() => clock.end_now(),
        }
    }

    /// Ends when requests in flight are no longer waited for.
    async fn given_up(&self) {
        self.over().await;
        let Shared {
            clock,
            config,
            give_up,
            ..
        } = &*self.shared;
        let limit = clock.at(clock.end().saturating_add(config.stop_timeout));
        tokio::select! {
            () = sleep_until(Instant::from_std(limit)) => (),
            () = give_up.cancelled() => (),
        }
    }
}

/// Counts a user, or a request of an open model, as active for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Active(Rc<Worker>);

impl Active {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        let UserCount { active, most } = &worker.shared.users;
        let before = active.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(before + 1, Ordering::Relaxed);
        Self::counted(worker)
    }

    /// One more, unless there are `limit` already.
    pub(crate) fn within(worker: &Rc<Worker>, limit: u32) -> Option<Self> {
        let UserCount { active, most } = &worker.shared.users;
        let one_more = |active: u32| (active < limit).then(|| active + 1);
        let before = active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        most.fetch_max(before.ok()? + 1, Ordering::Relaxed);
        Some(Self::counted(worker))
    }

    fn counted(worker: &Rc<Worker>) -> Self {
        worker.state.borrow_mut().users += 1;
        Self(Rc::clone(worker))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.state.borrow_mut().users -= 1;
        self.0.shared.users.active.fetch_sub(1, Ordering::Relaxed);
    }
}
