//! Says which class each user belongs to. Pure.

use crate::UserClass;

/// Cycles longer than this are cut short; no share is off by more than one in so many.
const LONGEST_CYCLE: u64 = 10_000;

/// Which class each user belongs to, by the user's number.
///
/// As in Locust, classes with a fixed number of users get theirs first, and the others share the rest by weight, so that
/// any number of users is spread as evenly as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roster {
    /// The classes of the first users.
    fixed: Vec<usize>,
    /// The classes of all others, over and over; empty where all classes have a fixed number.
    cycle: Vec<usize>,
}

impl Roster {
    pub(crate) fn new(classes: &[UserClass]) -> Self {
        let fixed: Vec<u64> = classes
            .iter()
            .map(|class| class.fixed_count.map_or(0, |count| count.get().into()))
            .collect();
        let weights: Vec<u64> = classes
            .iter()
            .map(|class| match class.fixed_count {
                Some(_) => 0,
                None => class.weight.get().into(),
            })
            .collect();
        let common = weights.iter().copied().fold(0, greatest_common_divisor);
        let cycle = weights.iter().sum::<u64>() / common.max(1);
        Self {
            fixed: interleaved(&fixed, fixed.iter().sum()),
            cycle: interleaved(&weights, cycle.min(LONGEST_CYCLE)),
        }
    }

    /// The class of a user; `None` for one beyond those of fixed numbers where there are no other classes.
    pub(crate) fn class_of(&self, user: u32) -> Option<usize> {
        let user = user as usize;
        match user.checked_sub(self.fixed.len()) {
            None => Some(self.fixed[user]),
            Some(_) if self.cycle.is_empty() => None,
            Some(after) => Some(self.cycle[after % self.cycle.len()]),
        }
    }
}

/// The first `length` of an endless sequence in which each index comes as often as its weight says, as evenly spread as
/// can be: the one that lags most behind its share is next.
fn interleaved(weights: &[u64], length: u64) -> Vec<usize> {
    let total: u64 = weights.iter().sum();
    let mut had = vec![0_u64; weights.len()];
    let next = |position: u64| {
        let lag = |index: usize| {
            let due = i128::from(weights[index]) * i128::from(position);
            due - i128::from(had[index]) * i128::from(total)
        };
        // The first of equals.
        let index = (0..weights.len())
            .rev()
            .filter(|&index| weights[index] > 0)
            .max_by_key(|&index| lag(index))?;
        had[index] += 1;
        Some(index)
    };
    (1..=length).map_while(next).collect()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::Scenario;

    /// Classes with these lines each.
    fn roster(classes: &[&str]) -> Roster {
        let tables = classes.iter().enumerate().map(|(index, lines)| {
            format!("[[user]]\nname = \"{index}\"\n{lines}\n[[user.task]]\npath = \"/\"\n")
        });
        let text: String = tables.collect();
        let scenario = Scenario::parse(&text, Path::new("s.toml")).unwrap();
        Roster::new(scenario.users())
    }

    fn classes(roster: &Roster, users: u32) -> Vec<usize> {
        (0..users).map_while(|user| roster.class_of(user)).collect()
    }

    #[test]
    fn users_are_spread_by_weight() {
        let roster = roster(&["weight = 30", "weight = 10"]);
        assert_eq!(classes(&roster, 8), [0, 0, 1, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn fixed_numbers_come_first() {
        let roster = roster(&["", "fixed_count = 2", "fixed_count = 1"]);
        assert_eq!(classes(&roster, 6), [1, 2, 1, 0, 0, 0]);
    }

    #[test]
    fn without_other_classes_nobody_is_beyond_the_fixed_numbers() {
        let roster = roster(&["fixed_count = 2"]);
        assert_eq!(classes(&roster, 9), [0, 0]);
    }

    proptest! {
        #[test]
        fn every_class_has_its_share_of_any_number_of_users(weights in prop::collection::vec(1_u64..50, 1..5), users in 1_usize..300) {
            let total: u64 = weights.iter().sum();
            let sequence = interleaved(&weights, users as u64);
            prop_assert_eq!(sequence.len(), users);
            for (index, weight) in weights.iter().enumerate() {
                let count = sequence.iter().filter(|&&class| class == index).count();
                let due = users as f64 * *weight as f64 / total as f64;
                prop_assert!((count as f64 - due).abs() < weights.len() as f64, "{} for {}", count, due);
            }
        }
    }
}
