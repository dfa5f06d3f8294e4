//! One user of a closed model: runs a task, waits as the scenario says, and runs the next one.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::active_users_watch::{ActiveUsersWatch, Wake};
use super::send::StartTimes;
use super::shared::Shared;
use super::worker::{ActiveGuard, Worker};
use crate::client::Client;
use crate::plan::PlannedClass;
use crate::plan::task_set::{NextTask, TaskSequence};
use crate::seed::{Purpose, derived};
use crate::workload::pacer::Pacer;

/// Shortest wait of a user that could not connect. Without it, a server that is down gets a storm of connections,
/// and their failures outnumber all other requests. The next request is planned that much later.
const PAUSE_WITHOUT_CONNECTION: Duration = Duration::from_millis(100);

/// One user.
#[derive(Debug)]
pub(super) struct User {
    worker: Rc<Worker>,
    index: u32,
    class: usize,
    active_users: ActiveUsersWatch,
    pacer: Pacer,
    sequence: TaskSequence,
    client: Client,
    /// Tasks of the measured period that the user has finished; `None` before its first start.
    tasks_done: Option<u32>,
}

impl User {
    /// The user with this index; `None` if the scenario has no class for it.
    pub(super) fn new(
        worker: Rc<Worker>,
        index: u32,
        active_users: ActiveUsersWatch,
    ) -> Option<Self> {
        let shared = &worker.shared;
        let seed = shared.config.seed;
        let number = u64::from(index);
        let class = shared.plan.class_distribution.class_of(number)?;
        let PlannedClass {
            wait_time,
            task_set,
            ..
        } = &shared.plan.classes[class];
        Some(Self {
            index,
            class,
            active_users,
            pacer: Pacer::new(*wait_time, derived(seed, number, Purpose::Waits)),
            sequence: TaskSequence::new(task_set, seed, number),
            client: Client::new(
                Arc::clone(&shared.target),
                Arc::clone(&shared.connections_opened),
                derived(seed, number, Purpose::Values),
            ),
            worker,
            tasks_done: None,
        })
    }

    /// Runs until the load ends, from each start of the user to its stop.
    /// A request in flight when this future is dropped is recorded as one without an answer.
    pub(super) async fn run(mut self) {
        let worker = Rc::clone(&self.worker);
        let Shared { clock, plan, .. } = &*worker.shared;
        let class = &plan.classes[self.class];
        // From the start of the load on, so that a thread that begins late makes no user start late.
        let mut from = Duration::ZERO;
        while let Some(start) = self
            .active_users
            .wait_for_start(self.index, from, &worker.shared)
            .await
        {
            let _active = ActiveGuard::new(&worker);
            self.tasks_done.get_or_insert(0);
            let times = StartTimes {
                planned: start,
                sent: clock.now(),
            };
            self.run_all(class.on_start.clone(), times).await;
            let first = if class.on_start.is_empty() {
                start
            } else {
                clock.now()
            };
            let wake = self.run_tasks(first).await;
            let times = StartTimes::at(clock.now());
            self.run_all(class.on_stop.clone(), times).await;
            worker.add_user_time(clock.now().saturating_sub(times.planned));
            if wake == Wake::LoadOver {
                return;
            }
            // A user that starts again is a new one.
            self.client.disconnect();
            self.client.clear_session();
            self.sequence
                .become_user(&class.task_set, self.index.into());
            from = clock.now();
        }
    }

    /// Runs one task after another, the first planned at `planned`. Returns the reason of the end.
    async fn run_tasks(&mut self, mut planned: Duration) -> Wake {
        let worker = Rc::clone(&self.worker);
        let shared = &worker.shared;
        loop {
            let wake = self
                .active_users
                .wait_until(planned, self.index, shared)
                .await;
            let Wake::Start(sent) = wake else {
                return wake;
            };
            if !shared.iterations.begin() {
                return Wake::LoadOver;
            }
            let class = &shared.plan.classes[self.class];
            let task = self.sequence.next(&class.task_set);
            let user_time = UserTime::new(&worker, planned);
            let not_connected = self.run_task(task, StartTimes { planned, sent }).await;
            // Checks of the answer are the user's time. They are in neither this response time nor the next.
            let free = shared.clock.now();
            let mut next = self.pacer.next(planned, free);
            if not_connected {
                next = next.max(free + PAUSE_WITHOUT_CONNECTION);
            }
            user_time.ends_at(next);
            if shared.clock.measures(planned) {
                self.count_task();
            }
            shared.finish_iteration();
            planned = next;
        }
    }

    fn count_task(&mut self) {
        let done = self.tasks_done.get_or_insert(0);
        *done = done.saturating_add(1);
        let of_all = &self.worker.shared.tasks_per_user;
        if of_all.wanted.is_some_and(|wanted| wanted.get() == *done) {
            of_all.users_done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs each of these tasks of the class, one after another.
    async fn run_all(&mut self, tasks: Range<usize>, mut start: StartTimes) {
        let worker = Rc::clone(&self.worker);
        let Shared { clock, plan, .. } = &*worker.shared;
        for task in tasks {
            let task = self.sequence.task(&plan.classes[self.class].task_set, task);
            self.run_task(task, start).await;
            start = StartTimes::at(clock.now());
        }
    }

    async fn run_task(&mut self, next: NextTask, start: StartTimes) -> bool {
        let task = &self.worker.shared.plan.classes[self.class].tasks[next.task];
        self.worker
            .run_task(&mut self.client, task, next.row, start)
            .await
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(done) = self.tasks_done {
            self.worker.shared.tasks_per_user.user_ended(done);
        }
    }
}

/// Time from the planned start of a user's task to that of its next one. If it is dropped before, because the wait for
/// the answer was given up, it ends then.
struct UserTime {
    worker: Rc<Worker>,
    planned: Duration,
    is_over: bool,
}

impl UserTime {
    fn new(worker: &Rc<Worker>, planned: Duration) -> Self {
        Self {
            worker: Rc::clone(worker),
            planned,
            is_over: false,
        }
    }

    /// Ends the time with the planned start of the next task.
    fn ends_at(mut self, next: Duration) {
        self.is_over = true;
        self.worker.record_user_time(self.planned, next);
    }
}

impl Drop for UserTime {
    fn drop(&mut self) {
        if !self.is_over && !std::thread::panicking() {
            let now = self.worker.shared.clock.now();
            self.worker.record_user_time(self.planned, now);
        }
    }
}
