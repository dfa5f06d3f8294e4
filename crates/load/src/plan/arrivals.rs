//! Planned arrivals of an open model, with their tasks. Pure, and the same for the same seed.

use std::time::Duration;

use super::Plan;
use super::task_set::{NextTask, TaskSequence};
use crate::seed::{Purpose, derived};
use crate::share::Share;
use crate::workload::arrival_times::ArrivalTimes;
use crate::workload::open_model::OpenModel;

/// One arrival, which is a user of its own from its first request to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Number of the arrival among those of all shares, from 0.
    pub(crate) number: u64,
    /// Planned start, since the start of the load.
    pub(crate) planned: Duration,
    /// Index of its user class.
    pub(crate) class: usize,
    pub(crate) tasks: Vec<NextTask>,
}

/// Plan of the arrivals of one share, in the order of time; without end.
///
/// Each share draws all arrivals and skips those of the other shares. So the random numbers are the same in every share,
/// and the shares together have exactly the arrivals of one share of one.
#[derive(Debug)]
pub(crate) struct ArrivalPlan {
    share: Share,
    times: ArrivalTimes,
    /// Sequence of each user class.
    sequences: Vec<TaskSequence>,
    /// Number of the next arrival of all shares.
    next: u64,
}

impl ArrivalPlan {
    pub(crate) fn new(plan: &Plan, arrivals: &OpenModel, share: Share, seed: u64) -> Self {
        let classes = plan.classes.iter();
        Self {
            share,
            times: ArrivalTimes::new(arrivals, derived(seed, 0, Purpose::Waits)),
            sequences: classes
                .map(|class| TaskSequence::new(&class.task_set, seed, 0))
                .collect(),
            next: 0,
        }
    }

    /// The next arrival of the share.
    pub(crate) fn next(&mut self, plan: &Plan) -> Arrival {
        while !self.share.has(self.next) {
            self.times.skip();
            self.draw_tasks(plan, |_| ());
        }
        let mut tasks = Vec::with_capacity(1);
        let planned = self.times.next();
        let (number, class) = self.draw_tasks(plan, |task| tasks.push(task));
        Arrival {
            number,
            planned,
            class,
            tasks,
        }
    }

    /// Gives each task of the next arrival to `take`. Returns the number and the class of the arrival.
    fn draw_tasks(&mut self, plan: &Plan, mut take: impl FnMut(NextTask)) -> (u64, usize) {
        let number = self.next;
        self.next += 1;
        let class = plan.class_distribution.class_of(number).expect(
            "no class of an open model has a fixed count, so that there is one for each arrival",
        );
        let planned = &plan.classes[class];
        let (set, sequence) = (&planned.task_set, &mut self.sequences[class]);
        sequence.become_user(set, number);
        for task in planned.on_start.clone() {
            take(sequence.task(set, task));
        }
        take(sequence.next(set));
        for task in planned.on_stop.clone() {
            take(sequence.task(set, task));
        }
        (number, class)
    }
}
