//! Shares of a load, by the numbers of its users and arrivals. Pure.

/// Share of a load that one generator of several runs.
///
/// All generators have the same plan and the same seed. Share `index` of `of` has the users and the arrivals whose number
/// leaves the remainder `index` when divided by `of`. The shares together are the load that one generator would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

impl Share {
    /// The whole load.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Share `index`, from 0, of `of` shares; `None` if there is no such share.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        (index < of).then(|| Self {
            index: index.into(),
            of: of.into(),
        })
    }

    /// Part `index`, from 0, of `of` parts of this share, such as that of one thread.
    pub(crate) fn part(self, index: usize, of: usize) -> Self {
        debug_assert!(index < of, "there is no such part");
        Self {
            index: self.index + self.of * index as u64,
            of: self.of * of as u64,
        }
    }

    /// Number of shares.
    pub(crate) fn of(self) -> u64 {
        self.of
    }

    /// The smallest number in the share.
    pub(crate) fn first(self) -> u64 {
        self.index
    }

    /// The number after `number`, which is in the share.
    pub(crate) fn after(self, number: u64) -> u64 {
        number.saturating_add(self.of)
    }

    /// `true` if `number` is in the share.
    pub(crate) fn has(self, number: u64) -> bool {
        number % self.of == self.index
    }

    /// Number of members of the share below `total`.
    pub(crate) fn count(self, total: u64) -> u64 {
        total.saturating_sub(self.index).div_ceil(self.of)
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::WHOLE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_beyond_the_last_is_none() {
        assert_eq!(Share::new(0, 1), Some(Share::WHOLE));
        assert_eq!((Share::new(1, 1), Share::new(0, 0)), (None, None));
    }

    proptest! {
        #[test]
        fn parts_of_shares_have_every_number_once(shares in 1_u32..6, threads in 1_usize..6, number in 0_u64..1000) {
            let parts = (0..shares).flat_map(|index| {
                let share = Share::new(index, shares).unwrap();
                (0..threads).map(move |thread| (share, share.part(thread, threads)))
            });
            let having: Vec<_> = parts.filter(|(_, part)| part.has(number)).collect();
            prop_assert_eq!(having.len(), 1);
            prop_assert!(having[0].0.has(number));
        }

        #[test]
        fn a_share_has_as_many_numbers_as_it_counts(of in 1_u32..9, index in 0_u32..9, total in 0_u64..100) {
            if let Some(share) = Share::new(index, of) {
                let numbers = (0..total).filter(|number| share.has(*number)).count();
                prop_assert_eq!(share.count(total), numbers as u64);
            }
        }
    }
}
