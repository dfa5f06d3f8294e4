//! Steps of a sweep, the search for the knee of a contender. Pure.

use std::num::NonZeroU32;

use bakeoff_analysis::sweep::{curve, is_saturated};
use bakeoff_record::Run;

/// Users of the first step.
pub(crate) const FIRST: NonZeroU32 = NonZeroU32::MIN;

/// Users of the step after `runs`. `None` if the rate stopped growing, or if the step has more than `most` users.
pub(crate) fn next_step(runs: &[Run], most: NonZeroU32) -> Option<NonZeroU32> {
    let curve = curve(runs);
    let Some(last) = curve.last() else {
        return Some(FIRST);
    };
    let next = NonZeroU32::new(after(last.users))?;
    (!is_saturated(&curve) && next <= most).then_some(next)
}

/// Users of the steps, without end.
pub(crate) fn steps() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(FIRST.get()), |users| Some(after(*users)))
}

/// Users of the next step of 1, 2, 3, 4, 6, 8, 12, 16, …: powers of two, and the middle between them.
fn after(users: u32) -> u32 {
    if users < 3 {
        users + 1
    } else if users.is_power_of_two() {
        users.saturating_add(users / 2)
    } else {
        users.saturating_add(users / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_powers_of_two_and_what_lies_between() {
        let steps: Vec<u32> = steps().take(12).collect();
        assert_eq!(steps, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]);
        assert_eq!(after(u32::MAX), u32::MAX);
    }

    #[test]
    fn a_search_begins_with_one_user() {
        assert_eq!(next_step(&[], FIRST), Some(FIRST));
    }
}
