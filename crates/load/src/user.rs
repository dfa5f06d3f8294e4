//! One user of a closed model: sends a request, waits for the answer, waits as the scenario says, and again.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::crowd::{Crowd, Wake};
use crate::pacer::Pacer;
use crate::sequence::{Purpose, Sequence, derived};
use crate::worker::{Active, Worker};

/// How long a user at least waits after it could not connect, so that a server that is down is not stormed
/// and its failures do not outnumber all else. The next request is planned that much later.
const PAUSE_WITHOUT_CONNECTION: Duration = Duration::from_millis(100);

/// One user.
#[derive(Debug)]
pub(crate) struct User {
    worker: Rc<Worker>,
    index: u32,
    crowd: Crowd,
    pacer: Pacer,
    sequence: Sequence,
    client: Client,
}

impl User {
    pub(crate) fn new(worker: Rc<Worker>, index: u32, crowd: Crowd) -> Self {
        let shared = &worker.shared;
        let seed = shared.config.seed;
        Self {
            index,
            crowd,
            pacer: Pacer::new(shared.wait_time, derived(seed, index, Purpose::Waits)),
            sequence: Sequence::new(&shared.plan.deck, seed, index),
            client: Client::new(
                Arc::clone(&shared.target),
                Arc::clone(&shared.connections_opened),
            ),
            worker,
        }
    }

    /// Lives until the load ends, active while it is wanted.
    /// A request that is under way when this future is dropped stays begun and unfinished.
    pub(crate) async fn live(mut self) {
        let worker = Rc::clone(&self.worker);
        while let Some(start) = self.crowd.wait_for_start(self.index, &worker.shared).await {
            let _active = Active::new(&worker);
            if self.work(start).await == Wake::End {
                return;
            }
            // Who comes back is somebody new.
            self.client.disconnect();
        }
    }

    /// Sends one request after another, the first planned at `planned`, and says what ended it.
    async fn work(&mut self, mut planned: Duration) -> Wake {
        let worker = Rc::clone(&self.worker);
        let shared = &worker.shared;
        loop {
            let wake = self.crowd.wait_until(planned, self.index, shared).await;
            let Wake::Due(sent) = wake else { return wake };
            if !shared.begin_iteration() {
                return Wake::End;
            }
            let choice = self.sequence.next(&shared.plan.deck);
            let not_connected = worker
                .request(&mut self.client, choice, planned, sent)
                .await;
            // Checking the answer is the user's time: it is in neither this response time nor the next.
            let free = shared.clock.now();
            planned = self.pacer.next(planned, free);
            if not_connected {
                planned = planned.max(free + PAUSE_WITHOUT_CONNECTION);
            }
        }
    }
}
