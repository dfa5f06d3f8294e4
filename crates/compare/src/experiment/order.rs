//! Order of the contenders in each block: balanced, so that no contender gains from its place. Pure: a seed gives one order.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Endless iterator over blocks; each item holds the indexes of all contenders in the order of their turns.
///
/// The orders are the rows of Williams designs (E. J. Williams, "Experimental Designs Balanced for the Estimation of
/// Residual Effects of Treatments", Australian Journal of Scientific Research A 2, 1949): a square of n rows for an
/// even number n of contenders, a square and its mirror image for an odd number. The seed assigns contenders to the
/// symbols of a design and its rows to blocks, anew for every design. What holds:
///
/// - After each full design, every contender has had every position equally often, and every contender has come
///   directly before every other one in a block equally often.
/// - After every even number of blocks, the mean position of every contender is the same, because the second block of
///   a pair is the first one reversed. A linear trend within blocks cancels out.
/// - After any number of blocks, the numbers of turns that contenders had at a position differ by at most 1 for an even
///   number of contenders, and by at most 2 for an odd number.
///
/// Experiments may end within a design, and may ask for more blocks than planned.
#[derive(Debug)]
pub(super) struct Orders {
    contenders: usize,
    random: StdRng,
    /// Rows of the current design that no block has had yet, the next one last.
    rows: Vec<Vec<usize>>,
}

impl Orders {
    pub(super) fn new(contenders: usize, seed: u64) -> Self {
        Self {
            contenders,
            random: StdRng::seed_from_u64(seed),
            rows: Vec::new(),
        }
    }

    /// The rows of a Williams design in random order, with contenders in place of its symbols.
    fn design(&mut self) -> Vec<Vec<usize>> {
        let n = self.contenders;
        let mut symbols: Vec<usize> = (0..n).collect();
        symbols.shuffle(&mut self.random);
        // For an even number, the rows of the second half are those of the first half reversed.
        let mut shifts: Vec<usize> = (0..if n.is_multiple_of(2) { n / 2 } else { n }).collect();
        shifts.shuffle(&mut self.random);
        let row = |shift: usize| -> Vec<usize> {
            zigzag(n)
                .map(|symbol| symbols[(symbol + shift) % n])
                .collect()
        };
        let mut rows = Vec::new();
        for shift in shifts {
            let mut pair = [row(shift), row(shift).into_iter().rev().collect()];
            pair.shuffle(&mut self.random);
            rows.extend(pair);
        }
        rows
    }
}

impl Iterator for Orders {
    type Item = Vec<usize>;

    /// The order of the next block; `None` only without contenders.
    fn next(&mut self) -> Option<Vec<usize>> {
        if self.rows.is_empty() {
            self.rows = self.design();
        }
        self.rows.pop()
    }
}

/// First row of a Williams square: 0, n−1, 1, n−2, … Its neighbours differ by every number but 0, modulo n.
fn zigzag(n: usize) -> impl Iterator<Item = usize> {
    (0..n).map(move |place| {
        if place.is_multiple_of(2) {
            place / 2
        } else {
            n - 1 - place / 2
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u64 = 20;

    /// Blocks of a full design.
    fn full(contenders: usize) -> usize {
        if contenders.is_multiple_of(2) {
            contenders
        } else {
            2 * contenders
        }
    }

    /// Calls `check` with the number of contenders and the blocks of three designs, for many seeds.
    fn for_many(check: impl Fn(usize, &[Vec<usize>])) {
        for contenders in 1..=12 {
            for seed in 0..SEEDS {
                let orders = Orders::new(contenders, seed);
                let blocks: Vec<_> = orders.take(3 * full(contenders)).collect();
                check(contenders, &blocks);
            }
        }
    }

    /// Number of times that each contender has had each position.
    fn position_counts(contenders: usize, blocks: &[Vec<usize>]) -> Vec<usize> {
        let mut counts = vec![0; contenders * contenders];
        for block in blocks {
            for (position, contender) in block.iter().enumerate() {
                counts[contender * contenders + position] += 1;
            }
        }
        counts
    }

    fn spread(counts: &[usize]) -> usize {
        let most = counts.iter().max().unwrap();
        most - counts.iter().min().unwrap()
    }

    #[test]
    fn every_contender_takes_one_turn_in_every_block() {
        for_many(|contenders, blocks| {
            for block in blocks {
                let mut sorted = block.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..contenders).collect::<Vec<_>>());
            }
        });
    }

    #[test]
    fn full_designs_give_every_position_equally_often() {
        for_many(|contenders, blocks| {
            for design in blocks.chunks_exact(full(contenders)) {
                let counts = position_counts(contenders, design);
                assert!(
                    counts
                        .iter()
                        .all(|count| *count == design.len() / contenders),
                    "{design:?}"
                );
            }
        });
    }

    #[test]
    fn full_designs_give_every_pair_of_neighbours_equally_often() {
        for_many(|contenders, blocks| {
            for design in blocks.chunks_exact(full(contenders)) {
                let mut counts = vec![0; contenders * contenders];
                for pair in design.iter().flat_map(|block| block.windows(2)) {
                    counts[pair[0] * contenders + pair[1]] += 1;
                }
                for (index, count) in counts.into_iter().enumerate() {
                    let with_itself = index / contenders == index % contenders;
                    let expected = if with_itself {
                        0
                    } else {
                        design.len() / contenders
                    };
                    assert_eq!(count, expected, "{design:?}");
                }
            }
        });
    }

    #[test]
    fn positions_are_nearly_balanced_after_any_number_of_blocks() {
        for_many(|contenders, blocks| {
            let most = if contenders.is_multiple_of(2) { 1 } else { 2 };
            for length in 1..=blocks.len() {
                let counts = position_counts(contenders, &blocks[..length]);
                assert!(spread(&counts) <= most, "{:?}", &blocks[..length]);
            }
        });
    }

    #[test]
    fn mean_positions_are_equal_after_an_even_number_of_blocks() {
        for_many(|contenders, blocks| {
            for length in (2..=blocks.len()).step_by(2) {
                let mut sums = vec![0; contenders];
                for (position, contender) in blocks[..length]
                    .iter()
                    .flat_map(|block| block.iter().enumerate())
                {
                    sums[*contender] += position;
                }
                assert_eq!(spread(&sums), 0, "{:?}", &blocks[..length]);
            }
        });
    }

    #[test]
    fn orders_depend_on_the_seed_and_differ_between_designs() {
        let orders = |seed| Orders::new(5, seed).take(20).collect::<Vec<_>>();
        assert_eq!(orders(1), orders(1));
        assert_ne!(orders(1), orders(2));
        assert_ne!(orders(1)[..10], orders(1)[10..]);
    }

    #[test]
    fn every_contender_may_be_first() {
        let firsts = |seed| Orders::new(4, seed).next().unwrap()[0];
        for contender in 0..4 {
            let often = (0..400).filter(|seed| firsts(*seed) == contender).count();
            assert!((70..=130).contains(&often), "{contender}: {often} of 400");
        }
    }

    #[test]
    fn without_contenders_there_is_no_order() {
        assert_eq!(Orders::new(0, 1).next(), None);
    }
}
