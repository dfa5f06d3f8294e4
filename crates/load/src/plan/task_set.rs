//! The next task of a user and the row of its data. Pure, and the same for the same seed.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::scenario::row_order::RowOrder;
use crate::scenario::task::Task;
use crate::seed::{Purpose, derived};

/// Choice of the next task of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NextTask {
    /// Index of the task in its class.
    pub(crate) task: usize,
    /// Index of the row of its data.
    pub(crate) row: usize,
}

/// Order in which users run the tasks of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskOrder {
    /// At random, in proportion to the weights of the tasks.
    ByWeight,
    /// One after another, from the first on.
    AsWritten,
}

/// Tasks of a class with their weights and the orders of their rows; shared by all users of the class.
#[derive(Debug)]
pub(crate) struct TaskSet {
    /// Tasks to choose from; the others are those of `on_start` and `on_stop`.
    chosen: Range<usize>,
    /// For each task to choose from, the sum of its weight and of those before it.
    weights: Vec<u64>,
    task_order: TaskOrder,
    /// Order of the rows of each task.
    rows: Vec<RowPositions>,
}

#[derive(Debug)]
enum RowPositions {
    Sequential {
        rows: usize,
    },
    PerUser {
        rows: usize,
    },
    Shuffled(Box<[u32]>),
    /// Each of `takers` users has other rows: user `i` those at the positions `i`, `i + takers`, `i + 2 * takers` and so on.
    Distinct {
        order: Box<[u32]>,
        takers: usize,
    },
}

impl TaskSet {
    /// The task set of `tasks`, of which those in `chosen` are chosen from. So many `takers` share the rows with the order
    /// `distinct`.
    pub(crate) fn new(
        tasks: &[&Task],
        chosen: Range<usize>,
        task_order: TaskOrder,
        (seed, takers): (u64, usize),
    ) -> Self {
        let mut total = 0;
        let weights = tasks[chosen.clone()].iter().map(|task| {
            total += u64::from(task.weight().get());
            total
        });
        let mut random = StdRng::seed_from_u64(derived(seed, 0, Purpose::Rows));
        let mut shuffled = |rows: usize| {
            let mut order: Box<[u32]> = (0..).take(rows).collect();
            order.shuffle(&mut random);
            order
        };
        let rows = tasks.iter().map(|task| match task.order {
            RowOrder::Sequential => RowPositions::Sequential { rows: task.rows },
            RowOrder::PerUser => RowPositions::PerUser { rows: task.rows },
            RowOrder::Shuffled => RowPositions::Shuffled(shuffled(task.rows)),
            RowOrder::Distinct => RowPositions::Distinct {
                order: shuffled(task.rows),
                takers: takers.max(1),
            },
        });
        Self {
            weights: weights.collect(),
            rows: rows.collect(),
            chosen,
            task_order,
        }
    }
}

impl RowPositions {
    fn rows(&self) -> usize {
        match self {
            Self::Sequential { rows } | Self::PerUser { rows } => *rows,
            Self::Shuffled(order) | Self::Distinct { order, .. } => order.len(),
        }
    }

    fn row(&self, position: usize) -> usize {
        match self {
            Self::Sequential { .. } | Self::PerUser { .. } => position,
            Self::Shuffled(order) | Self::Distinct { order, .. } => order[position] as usize,
        }
    }

    /// The position after `position`.
    fn after(&self, position: usize) -> usize {
        let step = match self {
            Self::PerUser { .. } => 0,
            Self::Sequential { .. } | Self::Shuffled(_) => 1,
            Self::Distinct { takers, .. } => *takers,
        };
        (position + step) % self.rows()
    }
}

/// Tasks of one user, one after another.
#[derive(Debug)]
pub(crate) struct TaskSequence {
    random: StdRng,
    /// Index of the next task among those to choose from, with [`TaskOrder::AsWritten`].
    next_in_order: usize,
    /// For each task, the position of the user in the order of its rows.
    positions: Vec<usize>,
}

impl TaskSequence {
    /// The sequence of one user. It depends on `seed` and the number of the user alone.
    pub(crate) fn new(task_set: &TaskSet, seed: u64, user: u64) -> Self {
        let mut random = StdRng::seed_from_u64(derived(seed, user, Purpose::Tasks));
        let positions = task_set.rows.iter().map(|order| match order {
            RowPositions::Sequential { .. } => 0,
            RowPositions::PerUser { rows } => position(user, *rows),
            RowPositions::Shuffled(order) => random.random_range(0..order.len()),
            RowPositions::Distinct { order, .. } => position(user, order.len()),
        });
        Self {
            positions: positions.collect(),
            next_in_order: 0,
            random,
        }
    }

    /// Continues as another user, who begins with the first task.
    pub(crate) fn become_user(&mut self, task_set: &TaskSet, user: u64) {
        self.next_in_order = 0;
        for (current, order) in self.positions.iter_mut().zip(&task_set.rows) {
            if let RowPositions::PerUser { rows } = order {
                *current = position(user, *rows);
            }
        }
    }

    /// The next task.
    pub(crate) fn next(&mut self, task_set: &TaskSet) -> NextTask {
        let chosen = match (task_set.task_order, task_set.weights.as_slice()) {
            (TaskOrder::AsWritten, weights) => {
                let next = self.next_in_order;
                self.next_in_order = (next + 1) % weights.len();
                next
            }
            (TaskOrder::ByWeight, [_, .., total]) => {
                let drawn = self.random.random_range(0..*total);
                task_set.weights.partition_point(|up_to| *up_to <= drawn)
            }
            (TaskOrder::ByWeight, _) => 0,
        };
        self.task(task_set, task_set.chosen.start + chosen)
    }

    /// The task with the index `task` in its class, and the next row of its data.
    pub(crate) fn task(&mut self, task_set: &TaskSet, task: usize) -> NextTask {
        let order = &task_set.rows[task];
        let position = self.positions[task];
        self.positions[task] = order.after(position);
        NextTask {
            task,
            row: order.row(position),
        }
    }
}

/// Position of the first row of a user; the first row again after the last.
fn position(user: u64, rows: usize) -> usize {
    usize::try_from(user % rows as u64).expect("a remainder is less than the number of rows")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::Scenario;

    fn scenario(order: &str) -> Scenario {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("rows.jsonl"),
            "{\"n\": 0}\n{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n",
        )
        .unwrap();
        let text = format!(
            "[[task]]\npath = \"/often\"\nweight = 3\n\
             [[task]]\npath = \"/${{n}}\"\ndata = {{ file = \"rows.jsonl\", order = \"{order}\" }}"
        );
        Scenario::parse(&text, &folder.path().join("scenario.toml")).unwrap()
    }

    fn choices(scenario: &Scenario, seed: u64, user: u64, count: usize) -> Vec<NextTask> {
        let tasks: Vec<&Task> = scenario.users()[0].tasks().iter().collect();
        let task_set = TaskSet::new(&tasks, 0..tasks.len(), TaskOrder::ByWeight, (seed, 2));
        let mut sequence = TaskSequence::new(&task_set, seed, user);
        (0..count).map(|_| sequence.next(&task_set)).collect()
    }

    #[test]
    fn the_same_seed_gives_every_user_the_same_requests() {
        let scenario = scenario("shuffled");
        for user in 0..20 {
            assert_eq!(
                choices(&scenario, 7, user, 200),
                choices(&scenario, 7, user, 200)
            );
            assert_ne!(
                choices(&scenario, 7, user, 200),
                choices(&scenario, 8, user, 200)
            );
            assert_ne!(
                choices(&scenario, 7, user, 200),
                choices(&scenario, 7, user + 1, 200)
            );
        }
    }

    #[test]
    fn tasks_are_chosen_by_weight() {
        let often = choices(&scenario("shuffled"), 1, 0, 40_000)
            .iter()
            .filter(|choice| choice.task == 0)
            .count();
        // Four standard deviations around three in four.
        assert!(often.abs_diff(30_000) < 350, "{often}");
    }

    #[test]
    fn rows_are_taken_evenly_and_in_order() {
        let rows = |order: &str| {
            let choices = choices(&scenario(order), 3, 5, 4_000);
            choices
                .iter()
                .filter(|choice| choice.task == 1)
                .map(|choice| choice.row)
                .collect::<Vec<_>>()
        };
        assert_eq!(rows("sequential")[..6], [0, 1, 2, 3, 0, 1]);
        assert_eq!(rows("per_user")[..3], [1, 1, 1]);
        let shuffled = rows("shuffled");
        for turn in shuffled.chunks_exact(4) {
            assert_eq!(turn, &shuffled[..4]);
            let mut turn = turn.to_vec();
            turn.sort_unstable();
            assert_eq!(turn, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn distinct_rows_are_taken_once_by_all_users_together() {
        let scenario = scenario("distinct");
        let rows_of = |user| {
            let choices = choices(&scenario, 3, user, 100);
            let rows = choices.into_iter().filter(|choice| choice.task == 1);
            rows.map(|choice| choice.row).take(2).collect::<Vec<_>>()
        };
        let mut rows = [rows_of(0), rows_of(1)].concat();
        rows.sort_unstable();
        assert_eq!(rows, [0, 1, 2, 3]);
    }

    #[test]
    fn one_task_without_data_has_one_request() {
        let scenario = Scenario::parse("[[task]]\npath = \"/\"", Path::new("s.toml")).unwrap();
        assert_eq!(
            choices(&scenario, 1, 1, 3),
            [NextTask { task: 0, row: 0 }; 3]
        );
    }
}
