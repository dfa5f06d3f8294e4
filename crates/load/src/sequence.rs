//! Says what a user does next: which task, with which row of its data. Pure, and the same for the same seed.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::scenario::{Order, Task};

/// One task to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The index of the task in its class.
    pub(crate) task: usize,
    /// The index of the row of its data.
    pub(crate) row: usize,
}

/// How users come to their next task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskOrder {
    ByWeight,
    /// One after another, from the first on.
    AsWritten,
}

/// In which order rows are taken and how often tasks are chosen; shared by all users of a class.
#[derive(Debug)]
pub(crate) struct Deck {
    /// The tasks to choose from.
    chosen: Range<usize>,
    /// Per task to choose from: its weight and that of all before it.
    weights: Vec<u64>,
    task_order: TaskOrder,
    /// Per task.
    orders: Vec<RowOrder>,
}

#[derive(Debug)]
enum RowOrder {
    Sequential {
        rows: usize,
    },
    PerUser {
        rows: usize,
    },
    Shuffled(Box<[u32]>),
    /// Everybody takes another part of the order: the first of `takers` every so-manyth row from the first on, the second
    /// from the second on.
    Distinct {
        order: Box<[u32]>,
        takers: usize,
    },
}

impl Deck {
    /// Of `tasks`, those in `chosen` are chosen from; the others are done when it is their time. So many `takers` share the
    /// rows that are taken once each.
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
        let orders = tasks.iter().map(|task| match task.order {
            Order::Sequential => RowOrder::Sequential { rows: task.rows },
            Order::PerUser => RowOrder::PerUser { rows: task.rows },
            Order::Shuffled => RowOrder::Shuffled(shuffled(task.rows)),
            Order::Distinct => RowOrder::Distinct {
                order: shuffled(task.rows),
                takers: takers.max(1),
            },
        });
        Self {
            weights: weights.collect(),
            orders: orders.collect(),
            chosen,
            task_order,
        }
    }
}

impl RowOrder {
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

    /// The position after this one.
    fn after(&self, position: usize) -> usize {
        let step = match self {
            Self::PerUser { .. } => 0,
            Self::Sequential { .. } | Self::Shuffled(_) => 1,
            Self::Distinct { takers, .. } => *takers,
        };
        (position + step) % self.rows()
    }
}

/// What one user does, request after request.
#[derive(Debug)]
pub(crate) struct Sequence {
    random: StdRng,
    /// Of those to choose from: the task that is next in order.
    next_in_order: usize,
    /// Per task: where in the order of its rows this user is.
    positions: Vec<usize>,
}

impl Sequence {
    /// The sequence of one user, which depends on `seed` and the user's index alone.
    pub(crate) fn new(deck: &Deck, seed: u64, user: u32) -> Self {
        let mut random = StdRng::seed_from_u64(derived(seed, user, Purpose::Choices));
        let positions = deck.orders.iter().map(|order| match order {
            RowOrder::Sequential { .. } => 0,
            RowOrder::PerUser { rows } => user as usize % rows,
            RowOrder::Shuffled(order) => random.random_range(0..order.len()),
            RowOrder::Distinct { order, .. } => user as usize % order.len(),
        });
        Self {
            positions: positions.collect(),
            next_in_order: 0,
            random,
        }
    }

    /// Goes on as another user, who begins with the first task in order.
    pub(crate) fn become_user(&mut self, deck: &Deck, user: u32) {
        self.next_in_order = 0;
        for (position, order) in self.positions.iter_mut().zip(&deck.orders) {
            if let RowOrder::PerUser { rows } = order {
                *position = user as usize % rows;
            }
        }
    }

    /// The next task.
    pub(crate) fn next(&mut self, deck: &Deck) -> Choice {
        let chosen = match (deck.task_order, deck.weights.as_slice()) {
            (TaskOrder::AsWritten, weights) => {
                let next = self.next_in_order;
                self.next_in_order = (next + 1) % weights.len();
                next
            }
            (TaskOrder::ByWeight, [_, .., total]) => {
                let drawn = self.random.random_range(0..*total);
                deck.weights.partition_point(|up_to| *up_to <= drawn)
            }
            (TaskOrder::ByWeight, _) => 0,
        };
        self.of_task(deck, deck.chosen.start + chosen)
    }

    /// The task of this index, with the next row of its data.
    pub(crate) fn of_task(&mut self, deck: &Deck, task: usize) -> Choice {
        let order = &deck.orders[task];
        let position = self.positions[task];
        self.positions[task] = order.after(position);
        Choice {
            task,
            row: order.row(position),
        }
    }
}

/// What random numbers are for; each use has its own, so that one does not disturb another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Rows,
    Choices,
    Waits,
    Values,
}

/// A seed of its own for each user and purpose (the multipliers are `SplitMix64`'s).
pub(crate) fn derived(seed: u64, user: u32, purpose: Purpose) -> u64 {
    seed ^ (u64::from(user) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (purpose as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Scenario;

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

    fn choices(scenario: &Scenario, seed: u64, user: u32, count: usize) -> Vec<Choice> {
        let tasks: Vec<&Task> = scenario.users()[0].tasks().iter().collect();
        let deck = Deck::new(&tasks, 0..tasks.len(), TaskOrder::ByWeight, (seed, 2));
        let mut sequence = Sequence::new(&deck, seed, user);
        (0..count).map(|_| sequence.next(&deck)).collect()
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
        assert_eq!(choices(&scenario, 1, 1, 3), [Choice { task: 0, row: 0 }; 3]);
    }
}
