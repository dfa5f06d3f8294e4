//! One user: sends a request, waits for the answer, waits as the scenario says, and again.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::pacer::{Pacer, spawn_time};
use crate::recorder::Finished;
use crate::sequence::{Purpose, Sequence, derived};
use crate::worker::Worker;

/// How long a user at least waits after it could not connect, so that a server that is down is not stormed
/// and its failures do not outnumber all else. The next request is planned that much later.
const PAUSE_WITHOUT_CONNECTION: Duration = Duration::from_millis(100);

/// One user.
#[derive(Debug)]
pub(crate) struct User {
    worker: Rc<Worker>,
    starts: Duration,
    pacer: Pacer,
    sequence: Sequence,
    client: Client,
}

impl User {
    pub(crate) fn new(worker: Rc<Worker>, index: u32) -> Self {
        let shared = &worker.shared;
        let config = &shared.config;
        Self {
            starts: spawn_time(index, config.spawn_rate),
            pacer: Pacer::new(
                shared.wait_time,
                derived(config.seed, index, Purpose::Waits),
            ),
            sequence: Sequence::new(&shared.plan.deck, config.seed, index),
            client: Client::new(
                Arc::clone(&shared.addresses),
                Arc::clone(&shared.connections_opened),
            ),
            worker,
        }
    }

    /// Lives until the load ends. A request that is under way when this future is dropped stays begun and unfinished.
    pub(crate) async fn live(mut self) {
        let worker = Rc::clone(&self.worker);
        let (plan, clock) = (&worker.shared.plan, &worker.shared.clock);
        let mut planned = self.starts;
        let mut active = None;
        while let Some(sent) = worker.wait_until(planned).await {
            active.get_or_insert_with(|| Active::new(&worker));
            let choice = self.sequence.next(&plan.deck);
            let measured = clock.measures(planned);
            if measured {
                worker.begin();
            }
            let limit = clock.at(sent.saturating_add(plan.tasks[choice.task].timeout));
            let outcome = self.client.send(plan, choice, limit).await;
            let done = clock.since_start(outcome.done);
            worker.record(Finished {
                task: choice.task,
                planned,
                sent,
                done,
                measured,
                in_period: clock.measures(done),
                body_bytes: outcome.body_bytes,
                failure: outcome.failure,
            });
            // Checking the answer is the user's time: it is in neither this response time nor the next.
            let free = clock.now();
            planned = self.pacer.next(planned, free);
            if outcome.not_connected {
                planned = planned.max(free + PAUSE_WITHOUT_CONNECTION);
            }
        }
    }
}

/// Counts a user as active for as long as it is kept.
struct Active(Rc<Worker>);

impl Active {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.user_started();
        Self(Rc::clone(worker))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.user_ended();
    }
}
