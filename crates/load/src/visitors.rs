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
use crate::worker::{Active, Due, Shared, Worker};

/// What one arrival does.
#[derive(Debug)]
struct Visit {
    /// The number of the arrival.
    number: u32,
    class: usize,
    choices: Vec<Choice>,
}

/// The arrivals of one thread.
#[derive(Debug)]
pub(crate) struct Visitors {
    worker: Rc<Worker>,
    schedule: Schedule,
    /// By class.
    sequences: Vec<Sequence>,
    /// The number of the next arrival, counted over all threads.
    next: u32,
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
            sequences: shared
                .plan
                .classes
                .iter()
                .map(|class| Sequence::new(&class.deck, seed, index))
                .collect(),
            next: index,
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
            if planned >= shared.clock.end() || !shared.iterations.begin() {
                break;
            }
            let visit = self.next_visit();
            worker.arrived(planned);
            if let Some(inside) = Active::within(&worker, self.limit) {
                under_way.spawn_local(self.make(visit, planned, inside));
                while under_way.try_join_next().is_some() {}
            } else {
                worker.turned_away(planned);
                shared.finish_iteration();
            }
            // Answers are read between arrivals, however dense these are.
            tokio::task::yield_now().await;
        }
        while under_way.join_next().await.is_some() {}
    }

    /// What the next arrival does: as a new user of its class, from the first request to the last.
    fn next_visit(&mut self) -> Visit {
        let Shared { plan, config, .. } = &*self.worker.shared;
        let number = self.next;
        let class = plan.roster.class_of(number).unwrap_or(0);
        let planned = &plan.classes[class];
        let sequence = &mut self.sequences[class];
        sequence.become_user(&planned.deck, number);
        let threads = u32::try_from(config.threads.get()).unwrap_or(u32::MAX);
        self.next = self.next.wrapping_add(threads);
        let mut choices = Vec::with_capacity(1);
        for task in planned.on_start.clone() {
            choices.push(sequence.of_task(&planned.deck, task));
        }
        choices.push(sequence.next(&planned.deck));
        for task in planned.on_stop.clone() {
            choices.push(sequence.of_task(&planned.deck, task));
        }
        Visit {
            number,
            class,
            choices,
        }
    }

    fn make(
        &self,
        visit: Visit,
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
                    0,
                )
            });
            client.become_user(derived(shared.config.seed, visit.number, Purpose::Values));
            let sent = shared.clock.now();
            let mut due = Due { planned, sent };
            for choice in visit.choices {
                let task = &shared.plan.classes[visit.class].tasks[choice.task];
                if worker.perform(&mut client, task, choice.row, due).await {
                    break;
                }
                due = Due::at(shared.clock.now());
            }
            shared.finish_iteration();
            idle.borrow_mut().push(client);
            drop(inside);
        }
    }
}
