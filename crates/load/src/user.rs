//! One user of a closed model: does a task, waits as the scenario says, and again.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::client::Client;
use crate::crowd::{Crowd, Wake};
use crate::pacer::Pacer;
use crate::plan::PlannedClass;
use crate::sequence::{Choice, Purpose, Sequence, derived};
use crate::worker::{Active, Due, Shared, Worker};

/// How long a user at least waits after it could not connect, so that a server that is down is not stormed
/// and its failures do not outnumber all else. The next request is planned that much later.
const PAUSE_WITHOUT_CONNECTION: Duration = Duration::from_millis(100);

/// One user.
#[derive(Debug)]
pub(crate) struct User {
    worker: Rc<Worker>,
    index: u32,
    class: usize,
    crowd: Crowd,
    pacer: Pacer,
    sequence: Sequence,
    client: Client,
    /// Tasks of the measured period that it finished; `None` before it was active.
    rounds: Option<u32>,
}

impl User {
    /// `None` where the scenario has no class for another user.
    pub(crate) fn new(worker: Rc<Worker>, index: u32, crowd: Crowd) -> Option<Self> {
        let shared = &worker.shared;
        let seed = shared.config.seed;
        let class = shared.plan.roster.class_of(index)?;
        let PlannedClass {
            wait_time, deck, ..
        } = &shared.plan.classes[class];
        Some(Self {
            index,
            class,
            crowd,
            pacer: Pacer::new(*wait_time, derived(seed, index, Purpose::Waits)),
            sequence: Sequence::new(deck, seed, index),
            client: Client::new(
                Arc::clone(&shared.target),
                Arc::clone(&shared.connections_opened),
                derived(seed, index, Purpose::Values),
            ),
            worker,
            rounds: None,
        })
    }

    /// Lives until the load ends, active while it is wanted.
    /// A request that is under way when this future is dropped is counted as one without an answer.
    pub(crate) async fn live(mut self) {
        let worker = Rc::clone(&self.worker);
        let Shared { clock, plan, .. } = &*worker.shared;
        let class = &plan.classes[self.class];
        // From the start of the load on, so that a thread that begins late starts nobody late.
        let mut from = Duration::ZERO;
        while let Some(start) = self
            .crowd
            .wait_for_start(self.index, from, &worker.shared)
            .await
        {
            let _active = Active::new(&worker);
            self.rounds.get_or_insert(0);
            let due = Due {
                planned: start,
                sent: clock.now(),
            };
            self.perform_all(class.on_start.clone(), due).await;
            let first = if class.on_start.is_empty() {
                start
            } else {
                clock.now()
            };
            let wake = self.work(first).await;
            let due = Due::at(clock.now());
            self.perform_all(class.on_stop.clone(), due).await;
            worker.add_user_time(clock.now().saturating_sub(due.planned));
            if wake == Wake::End {
                return;
            }
            // Who comes back is somebody new.
            self.client.disconnect();
            self.client.forget();
            self.sequence.become_user(&class.deck, self.index);
            from = clock.now();
        }
    }

    /// Does one task after another, the first planned at `planned`, and says what ended it.
    async fn work(&mut self, mut planned: Duration) -> Wake {
        let worker = Rc::clone(&self.worker);
        let shared = &worker.shared;
        loop {
            let wake = self.crowd.wait_until(planned, self.index, shared).await;
            let Wake::Due(sent) = wake else { return wake };
            if !shared.iterations.begin() {
                return Wake::End;
            }
            let class = &shared.plan.classes[self.class];
            let choice = self.sequence.next(&class.deck);
            let round = Round::new(&worker, planned);
            let not_connected = self.perform(choice, Due { planned, sent }).await;
            // Checking the answer is the user's time: it is in neither this response time nor the next.
            let free = shared.clock.now();
            let mut next = self.pacer.next(planned, free);
            if not_connected {
                next = next.max(free + PAUSE_WITHOUT_CONNECTION);
            }
            round.over(next);
            if shared.clock.measures(planned) {
                self.finished_round();
            }
            shared.finish_iteration();
            planned = next;
        }
    }

    fn finished_round(&mut self) {
        let rounds = self.rounds.get_or_insert(0);
        *rounds = rounds.saturating_add(1);
        let of_all = &self.worker.shared.rounds;
        if of_all.wanted.is_some_and(|wanted| wanted.get() == *rounds) {
            of_all.reached.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Does each of these tasks of its class, one after another.
    async fn perform_all(&mut self, tasks: Range<usize>, mut due: Due) {
        let worker = Rc::clone(&self.worker);
        let Shared { clock, plan, .. } = &*worker.shared;
        for task in tasks {
            let choice = self.sequence.of_task(&plan.classes[self.class].deck, task);
            self.perform(choice, due).await;
            due = Due::at(clock.now());
        }
    }

    async fn perform(&mut self, choice: Choice, due: Due) -> bool {
        let task = &self.worker.shared.plan.classes[self.class].tasks[choice.task];
        self.worker
            .perform(&mut self.client, task, choice.row, due)
            .await
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(rounds) = self.rounds {
            let fewest = &self.worker.shared.rounds.fewest;
            fewest.fetch_min(rounds, Ordering::Relaxed);
        }
    }
}

/// The time from the planned start of a user's task to that of the next one. Where it is dropped before, since waiting for
/// the answer was given up, it ends then.
struct Round {
    worker: Rc<Worker>,
    planned: Duration,
    is_over: bool,
}

impl Round {
    fn new(worker: &Rc<Worker>, planned: Duration) -> Self {
        Self {
            worker: Rc::clone(worker),
            planned,
            is_over: false,
        }
    }

    /// Ends with the planned start of the next task.
    fn over(mut self, next: Duration) {
        self.is_over = true;
        self.worker.user_spent(self.planned, next);
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if !self.is_over && !std::thread::panicking() {
            let now = self.worker.shared.clock.now();
            self.worker.user_spent(self.planned, now);
        }
    }
}
