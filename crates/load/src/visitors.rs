//! The arrivals of an open model: each sends its request when it is planned, whatever became of those before.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::alarm::Alarm;
use crate::arrivals::{Arrivals, Schedule};
use crate::client::Client;
use crate::sequence::{Choice, Purpose, Sequence, derived};
use crate::worker::{Active, Worker};

/// The arrivals of one thread.
#[derive(Debug)]
pub(crate) struct Visitors {
    worker: Rc<Worker>,
    schedule: Schedule,
    sequence: Sequence,
    limit: u32,
    /// Connections that no request is on, the one that was used last at the end.
    idle: Rc<RefCell<Vec<Client>>>,
}

impl Visitors {
    pub(crate) fn new(worker: Rc<Worker>, arrivals: &Arrivals) -> Self {
        let shared = &worker.shared;
        let (seed, thread) = (shared.config.seed, worker.thread);
        let index = u32::try_from(thread).unwrap_or(u32::MAX);
        Self {
            schedule: Schedule::new(
                arrivals,
                thread,
                shared.config.threads.get(),
                derived(seed, index, Purpose::Waits),
            ),
            sequence: Sequence::new(&shared.plan.deck, seed, index),
            limit: arrivals.max_in_flight.get(),
            idle: Rc::default(),
            worker,
        }
    }

    /// Lets one after another come until the load ends, and waits for all of their answers.
    pub(crate) async fn come(mut self, alarm: Alarm) {
        let worker = Rc::clone(&self.worker);
        let shared = &worker.shared;
        let mut under_way = JoinSet::new();
        loop {
            let planned = self.schedule.next();
            // Those that are due at once are sent at once, and none waits for a timer.
            while shared.clock.now() < planned.min(shared.clock.end()) {
                let until = shared.clock.at(planned.min(shared.clock.end()));
                tokio::select! {
                    () = alarm.wait_until(until) => (),
                    () = shared.stop.cancelled() => shared.clock.end_now(),
                    _ = under_way.join_next(), if !under_way.is_empty() => (),
                }
            }
            if planned >= shared.clock.end() || !shared.begin_iteration() {
                break;
            }
            let choice = self.sequence.next(&shared.plan.deck);
            worker.arrived(planned);
            if let Some(inside) = Active::within(&worker, self.limit) {
                under_way.spawn_local(self.visit(choice, planned, inside));
                while under_way.try_join_next().is_some() {}
            } else {
                worker.turned_away(planned);
            }
            // Answers are read between arrivals, however dense these are.
            tokio::task::yield_now().await;
        }
        while under_way.join_next().await.is_some() {}
    }

    fn visit(
        &self,
        choice: Choice,
        planned: Duration,
        inside: Active,
    ) -> impl Future<Output = ()> + 'static {
        let (worker, idle) = (Rc::clone(&self.worker), Rc::clone(&self.idle));
        async move {
            let shared = &worker.shared;
            let waiting = idle.borrow_mut().pop();
            let mut client = waiting.unwrap_or_else(|| {
                Client::new(
                    Arc::clone(&shared.target),
                    Arc::clone(&shared.connections_opened),
                )
            });
            let sent = shared.clock.now();
            worker.request(&mut client, choice, planned, sent).await;
            idle.borrow_mut().push(client);
            drop(inside);
        }
    }
}
