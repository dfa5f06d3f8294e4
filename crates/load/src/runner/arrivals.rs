//! Arrivals of an open model: each sends its request at its planned start, however long the answers before take.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::precise_timer::PreciseTimer;
use super::send::StartTimes;
use super::shared::Shared;
use super::worker::{ActiveGuard, Worker};
use crate::client::Client;
use crate::plan::arrivals::{Arrival, ArrivalPlan};
use crate::seed::{Purpose, derived};
use crate::workload::open_model::OpenModel;

/// Runner of the arrivals of one thread.
#[derive(Debug)]
pub(super) struct ArrivalRunner {
    worker: Rc<Worker>,
    plan: ArrivalPlan,
    /// Requests in flight, in all threads, at which further arrivals are not sent.
    max_in_flight: u32,
    /// Connections that no request is on, the one that was used last at the end.
    idle: Rc<RefCell<Vec<Client>>>,
}

impl ArrivalRunner {
    pub(super) fn new(worker: Rc<Worker>, arrivals: &OpenModel) -> Self {
        let Shared { plan, config, .. } = &*worker.shared;
        Self {
            plan: ArrivalPlan::new(plan, arrivals, worker.share(), config.seed),
            max_in_flight: config.share_of_in_flight(arrivals),
            idle: Rc::default(),
            worker,
        }
    }

    /// Starts one arrival after another until the load ends, and waits for all answers.
    pub(super) async fn run(mut self, timer: PreciseTimer) {
        let worker = Rc::clone(&self.worker);
        let shared = &worker.shared;
        let mut running = JoinSet::new();
        loop {
            let arrival = self.plan.next(&shared.plan);
            let planned = arrival.planned;
            // An arrival whose start has come is sent at once, without a timer.
            while shared.clock.now() < planned.min(shared.clock.end()) {
                let until = shared.clock.at(planned.min(shared.clock.end()));
                tokio::select! {
                    () = timer.wait_until(until) => (),
                    () = shared.stop.cancelled() => shared.clock.end_now(),
                    _ = running.join_next(), if !running.is_empty() => (),
                }
            }
            let is_over = planned >= shared.clock.end();
            if is_over || !shared.config.has_iteration(arrival.number) || !shared.iterations.begin()
            {
                break;
            }
            worker.record_arrival(planned);
            if let Some(guard) = ActiveGuard::within(&worker, self.max_in_flight) {
                running.spawn_local(self.iteration(arrival, guard));
                while running.try_join_next().is_some() {}
            } else {
                worker.record_not_sent(planned);
                shared.finish_iteration();
            }
            // Answers are read between arrivals, however dense arrivals are.
            tokio::task::yield_now().await;
        }
        while running.join_next().await.is_some() {}
    }

    /// Runs the tasks of one arrival.
    fn iteration(
        &self,
        arrival: Arrival,
        guard: ActiveGuard,
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
            client.become_user(derived(shared.config.seed, arrival.number, Purpose::Values));
            let mut start = StartTimes {
                planned: arrival.planned,
                sent: shared.clock.now(),
            };
            for next in arrival.tasks {
                let task = &shared.plan.classes[arrival.class].tasks[next.task];
                if worker.run_task(&mut client, task, next.row, start).await {
                    break;
                }
                start = StartTimes::at(shared.clock.now());
            }
            shared.finish_iteration();
            idle.borrow_mut().push(client);
            drop(guard);
        }
    }
}
