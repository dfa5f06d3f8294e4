//! Distribution of users over user classes. Pure.

use crate::scenario::user::UserClass;

/// Longest cycle. A longer one is cut short, and the number of users of a class is then off by at most one in so many.
const LONGEST_CYCLE: u64 = 10_000;

/// User class of each user, by the number of the user.
///
/// As in Locust, classes with a fixed count get their users first. The others share the rest by weight, as evenly as
/// possible for any number of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassDistribution {
    /// Classes of the first users, those with a fixed count.
    fixed: Vec<usize>,
    /// Cycle of the classes of all other users; empty if all classes have a fixed count.
    cycle: Vec<usize>,
}

impl ClassDistribution {
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

    /// Index of the class of `user`; `None` if all classes have a fixed count and all of their users come before.
    pub(crate) fn class_of(&self, user: u64) -> Option<usize> {
        let (fixed, cycle) = (self.fixed.len() as u64, self.cycle.len() as u64);
        let (list, index) = match user.checked_sub(fixed) {
            None => (&self.fixed, user),
            Some(_) if cycle == 0 => return None,
            Some(after) => (&self.cycle, after % cycle),
        };
        let index = usize::try_from(index).expect("the index is less than the length of the list");
        Some(list[index])
    }
}

/// The first `length` items of an endless sequence of indexes in proportion to `weights`, spread as evenly as possible:
/// the index that lags most behind its share is next.
fn interleaved(weights: &[u64], length: u64) -> Vec<usize> {
    let total: u64 = weights.iter().sum();
    let mut had = vec![0_u64; weights.len()];
    let next = |position: u64| {
        let lag = |index: usize| {
            let due = i128::from(weights[index]) * i128::from(position);
            due - i128::from(had[index]) * i128::from(total)
        };
        // Of equals, the first.
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
    use crate::scenario::Scenario;

    /// Classes with these lines each.
    fn distribution_of(classes: &[&str]) -> ClassDistribution {
        let tables = classes.iter().enumerate().map(|(index, lines)| {
            format!("[[user]]\nname = \"{index}\"\n{lines}\n[[user.task]]\npath = \"/\"\n")
        });
        let text: String = tables.collect();
        let scenario = Scenario::parse(&text, Path::new("s.toml")).unwrap();
        ClassDistribution::new(scenario.users())
    }

    fn classes(distribution: &ClassDistribution, users: u64) -> Vec<usize> {
        (0..users)
            .map_while(|user| distribution.class_of(user))
            .collect()
    }

    #[test]
    fn users_are_spread_by_weight() {
        let distribution = distribution_of(&["weight = 30", "weight = 10"]);
        assert_eq!(classes(&distribution, 8), [0, 0, 1, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn fixed_numbers_come_first() {
        let distribution = distribution_of(&["", "fixed_count = 2", "fixed_count = 1"]);
        assert_eq!(classes(&distribution, 6), [1, 2, 1, 0, 0, 0]);
    }

    #[test]
    fn without_other_classes_nobody_is_beyond_the_fixed_numbers() {
        let distribution = distribution_of(&["fixed_count = 2"]);
        assert_eq!(classes(&distribution, 9), [0, 0]);
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
