//! Tests of whether figures depend on a turn's place: its position within the block, or the number of the block.
//! Pure: the same figures and the same seed give the same p.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

/// Fewest blocks with a test: over four blocks, the smallest two-sided p of a trend is 2/4! = 0.083.
const FEWEST_BLOCKS: usize = 5;

/// Random permutations where there are too many to try all.
const DRAWS: u32 = 10_000;

/// Most permutations that are all tried.
const MOST_EXACT: f64 = 50_000.0;

/// Figure of one turn, and its place in the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TurnFigure {
    /// Number of the block.
    pub(crate) block: u32,
    /// Position within the block, in the order of turns.
    pub(crate) position: u32,
    /// Logarithm of the figure, less the mean of the logarithms of all turns of the same contender.
    pub(crate) log_residual: f64,
}

/// Effects of a turn's place on its figure, each with the probability of a larger effect by chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drift {
    /// p of the effect of the position within blocks, from 0 to 1.
    pub(crate) position_p: f64,
    /// Figure at the last position divided by that at the first, the geometric mean over blocks.
    pub(crate) position_ratio: f64,
    /// p of the trend over blocks, from 0 to 1.
    pub(crate) trend_p: f64,
    /// Figure of a block divided by that of the block before, by a regression line through the blocks' geometric means.
    pub(crate) trend_ratio_per_block: f64,
}

impl Drift {
    /// Tests both effects; `None` with fewer than five blocks, without a block of two turns, or where a residual is not
    /// finite.
    ///
    /// Both are permutation tests (Good, "Permutation, Parametric, and Bootstrap Tests of Hypotheses", 3rd edition, 2005):
    /// p is the share of permutations with a statistic at least as large as that observed. All permutations are tried
    /// where there are up to 50,000; otherwise 10,000 are drawn with `seed`, and the observed one is counted among them
    /// (Phipson and Smyth, "Permutation P-values Should Never Be Zero", Statistical Applications in Genetics and Molecular
    /// Biology 9:1, 2010).
    pub(crate) fn of(turns: &[TurnFigure], seed: u64) -> Option<Self> {
        let blocks = blocks_of(turns);
        let is_finite = turns.iter().all(|turn| turn.log_residual.is_finite());
        let has_order = blocks.values().any(|block| block.len() > 1);
        if blocks.len() < FEWEST_BLOCKS || !has_order || !is_finite {
            return None;
        }
        let (position_p, position_ratio) = position_effect(&blocks, seed);
        let (trend_p, trend_ratio_per_block) = trend(&blocks, seed);
        Some(Self {
            position_p,
            position_ratio,
            trend_p,
            trend_ratio_per_block,
        })
    }
}

/// Turns of each block.
type Blocks = BTreeMap<u32, Vec<TurnFigure>>;

fn blocks_of(turns: &[TurnFigure]) -> Blocks {
    let mut blocks = Blocks::new();
    for turn in turns {
        blocks.entry(turn.block).or_default().push(*turn);
    }
    blocks
}

/// p of the effect of the position, and the ratio of the figures at the last position to those at the first.
///
/// Permutes the residuals within each block. The statistic is the sum over positions of the number of turns times the
/// squared mean of their residuals, as between the treatments of an analysis of variance in blocks: it finds a position
/// that differs from the others as well as a slope. The mean of each block is taken out first.
fn position_effect(blocks: &Blocks, seed: u64) -> (f64, f64) {
    let mut positions: Vec<u32> = blocks
        .values()
        .flatten()
        .map(|turn| turn.position)
        .collect();
    positions.sort_unstable();
    positions.dedup();
    let slot = |turn: &TurnFigure| positions.partition_point(|position| *position < turn.position);
    let slots: Vec<Vec<usize>> = blocks
        .values()
        .map(|block| block.iter().map(slot).collect())
        .collect();
    let groups: Vec<Vec<f64>> = blocks
        .values()
        .map(|block| {
            let centre = mean(block);
            block
                .iter()
                .map(|turn| turn.log_residual - centre)
                .collect()
        })
        .collect();
    let mut counts = vec![0.0; positions.len()];
    for slot in slots.iter().flatten() {
        counts[*slot] += 1.0;
    }
    let mut sums = vec![0.0; positions.len()];
    let sum_at_positions = |orders: &[Vec<usize>], sums: &mut [f64]| {
        sums.fill(0.0);
        for ((order, values), slots) in orders.iter().zip(&groups).zip(&slots) {
            for (from, slot) in order.iter().zip(slots) {
                sums[*slot] += values[*from];
            }
        }
    };
    sum_at_positions(&identity(&groups), &mut sums);
    let last = positions.len() - 1;
    let ratio = (sums[last] / counts[last] - sums[0] / counts[0]).exp();
    let p = permutation_p(&groups, seed, |orders| {
        sum_at_positions(orders, &mut sums);
        let terms = sums.iter().zip(&counts);
        terms.map(|(sum, count)| sum * sum / count).sum()
    });
    (p, ratio)
}

/// p of the trend over blocks, and the ratio from one block to the next.
///
/// Permutes the means of the blocks over the numbers of the blocks. The statistic is the size of their covariance, which
/// orders permutations as the linear correlation does (Pitman, "Significance Tests Which May Be Applied to Samples from
/// Any Populations. II. The Correlation Coefficient Test", Supplement to the Journal of the Royal Statistical Society 4,
/// 1937).
fn trend(blocks: &Blocks, seed: u64) -> (f64, f64) {
    let count = blocks.len() as f64;
    let centre = blocks.keys().map(|block| f64::from(*block)).sum::<f64>() / count;
    let numbers: Vec<f64> = blocks
        .keys()
        .map(|block| f64::from(*block) - centre)
        .collect();
    let groups = [blocks.values().map(|block| mean(block)).collect::<Vec<_>>()];
    let covariance = |orders: &[Vec<usize>]| -> f64 {
        let terms = numbers.iter().zip(&orders[0]);
        terms.map(|(number, from)| number * groups[0][*from]).sum()
    };
    let squares: f64 = numbers.iter().map(|number| number * number).sum();
    let slope = covariance(&identity(&groups)) / squares;
    let p = permutation_p(&groups, seed, |orders| covariance(orders).abs());
    (p, slope.exp())
}

fn mean(turns: &[TurnFigure]) -> f64 {
    let sum: f64 = turns.iter().map(|turn| turn.log_residual).sum();
    sum / turns.len() as f64
}

/// Share of the permutations within groups with a statistic at least as large as that of the observed order.
///
/// The statistic gets an order of the indexes of each group.
fn permutation_p(
    groups: &[Vec<f64>],
    seed: u64,
    mut statistic: impl FnMut(&[Vec<usize>]) -> f64,
) -> f64 {
    let mut orders = identity(groups);
    // Sums in another order differ by rounding, which must not make an equal one smaller.
    let limit = statistic(&orders) * (1.0 - 1e-9) - f64::MIN_POSITIVE;
    if permutations(groups) <= MOST_EXACT {
        let (mut as_large, mut all) = (0_u32, 0_u32);
        loop {
            all += 1;
            as_large += u32::from(statistic(&orders) >= limit);
            if !orders.iter_mut().any(|order| next_permutation(order)) {
                return f64::from(as_large) / f64::from(all);
            }
        }
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut as_large = 1_u32;
    for _ in 0..DRAWS {
        for order in &mut orders {
            order.shuffle(&mut random);
        }
        as_large += u32::from(statistic(&orders) >= limit);
    }
    f64::from(as_large) / f64::from(DRAWS + 1)
}

/// Order in which each group was observed.
fn identity(groups: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let order = |group: &Vec<f64>| (0..group.len()).collect();
    groups.iter().map(order).collect()
}

/// Number of permutations within groups: the product of the factorials of their lengths.
fn permutations(groups: &[Vec<f64>]) -> f64 {
    let factors = groups.iter().flat_map(|group| 1..=group.len());
    factors.map(|factor| factor as f64).product()
}

/// Turns `order` into the next one by the alphabet; from the last one to the first, with `false` as the answer
/// (Knuth, "The Art of Computer Programming", volume 4A, section 7.2.1.2, algorithm L).
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else {
        order.reverse();
        return false;
    };
    let larger = order.iter().rposition(|value| *value > order[pivot]);
    order.swap(pivot, larger.unwrap_or(pivot));
    order[pivot + 1..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    /// Effects on the logarithm of a figure, by block and position.
    type Effect = fn(u32, u32) -> f64;

    /// Figures of contenders of different speeds in shuffled blocks, with noise of 2 % per turn and 3 % per block.
    fn simulated(
        contenders: u32,
        blocks: u32,
        effect: Effect,
        random: &mut Xoshiro256PlusPlus,
    ) -> Vec<TurnFigure> {
        let normal = Normal::standard();
        let gauss =
            |random: &mut Xoshiro256PlusPlus| normal.inverse_cdf(random.random_range(1e-12..1.0));
        let mut figures = Vec::new();
        for block in 0..blocks {
            let of_block = 0.03 * gauss(random);
            let mut order: Vec<u32> = (0..contenders).collect();
            order.shuffle(random);
            for (position, contender) in (0..).zip(order) {
                let noise = of_block + 0.02 * gauss(random);
                let log_figure = f64::from(contender) + noise + effect(block, position);
                figures.push((contender, block, position, log_figure));
            }
        }
        let mean_of = |contender: u32| {
            let own = figures.iter().filter(|figure| figure.0 == contender);
            own.map(|figure| figure.3).sum::<f64>() / f64::from(blocks)
        };
        let turn = |&(contender, block, position, log_figure): &(u32, u32, u32, f64)| TurnFigure {
            block,
            position,
            log_residual: log_figure - mean_of(contender),
        };
        figures.iter().map(turn).collect()
    }

    fn random(seed: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(seed)
    }

    #[test]
    fn an_effect_of_the_position_is_found() {
        let slope: Effect = |_, position| -0.02 * f64::from(position);
        let cold_start: Effect = |_, position| if position == 0 { -0.06 } else { 0.0 };
        for (effect, ratio) in [(slope, 0.92), (cold_start, 1.06)] {
            let drift = Drift::of(&simulated(5, 10, effect, &mut random(1)), 1).unwrap();
            assert!(drift.position_p < 0.01, "{drift:?}");
            assert!((drift.position_ratio - ratio).abs() < 0.03, "{drift:?}");
        }
    }

    #[test]
    fn a_trend_over_blocks_is_found() {
        let trend: Effect = |block, _| 0.02 * f64::from(block);
        let drift = Drift::of(&simulated(5, 10, trend, &mut random(2)), 1).unwrap();
        assert!(drift.trend_p < 0.01, "{drift:?}");
        assert!(
            (drift.trend_ratio_per_block - 1.02).abs() < 0.01,
            "{drift:?}"
        );
    }

    /// Checks that p values are about uniform: each share within four standard errors.
    fn is_uniform(p: &[f64]) -> bool {
        [0.05, 0.1, 0.25, 0.5, 0.75, 0.9]
            .into_iter()
            .all(|limit: f64| {
                let share = p.iter().filter(|p| **p <= limit).count() as f64 / p.len() as f64;
                let standard_error = (limit * (1.0 - limit) / p.len() as f64).sqrt();
                (share - limit).abs() <= 4.0 * standard_error
            })
    }

    /// Tests of 300 experiments with this effect.
    fn drifts(contenders: u32, blocks: u32, effect: Effect) -> Vec<Drift> {
        let mut random = random(3);
        (0..300)
            .map(|seed| {
                Drift::of(&simulated(contenders, blocks, effect, &mut random), seed).unwrap()
            })
            .collect()
    }

    #[test]
    fn without_an_effect_of_the_position_its_p_is_uniform_even_with_a_trend() {
        let trend: Effect = |block, _| 0.02 * f64::from(block);
        // Three contenders in six blocks are few enough to try every permutation.
        for (contenders, blocks) in [(4, 10), (3, 6)] {
            let drifts = drifts(contenders, blocks, trend);
            let p: Vec<f64> = drifts.iter().map(|drift| drift.position_p).collect();
            assert!(is_uniform(&p), "{p:?}");
        }
    }

    #[test]
    fn without_a_trend_its_p_is_uniform_even_with_an_effect_of_the_position() {
        let slope: Effect = |_, position| -0.02 * f64::from(position);
        for (contenders, blocks) in [(4, 10), (3, 6)] {
            let drifts = drifts(contenders, blocks, slope);
            let p: Vec<f64> = drifts.iter().map(|drift| drift.trend_p).collect();
            assert!(is_uniform(&p), "{p:?}");
        }
    }

    #[test]
    fn exact_p_values_are_shares_of_all_permutations() {
        // Of 5! orders, the one observed and its reverse have the largest covariance.
        let rising: Vec<TurnFigure> = (0..5)
            .flat_map(|block| {
                [0, 1].map(|position| TurnFigure {
                    block,
                    position,
                    log_residual: f64::from(block * block) + f64::from(position),
                })
            })
            .collect();
        let drift = Drift::of(&rising, 0).unwrap();
        assert!((drift.trend_p - 2.0 / 120.0).abs() < 1e-12, "{drift:?}");
        // Of 2^5 orders within blocks, the one observed and the one with every block turned round.
        assert!((drift.position_p - 2.0 / 32.0).abs() < 1e-12, "{drift:?}");
        assert!((drift.position_ratio - 1.0_f64.exp()).abs() < 1e-12);
        assert!((drift.trend_ratio_per_block - 4.0_f64.exp()).abs() < 1e-9);
    }

    #[test]
    fn every_permutation_comes_once() {
        let mut order = vec![0, 1, 2, 3];
        let mut seen = vec![order.clone()];
        while next_permutation(&mut order) {
            seen.push(order.clone());
        }
        assert_eq!(order, [0, 1, 2, 3]);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 24);
    }

    #[test]
    fn too_few_turns_have_no_test() {
        let turn = |block, position, log_residual| TurnFigure {
            block,
            position,
            log_residual,
        };
        let four: Vec<_> = (0..4)
            .flat_map(|block| [0, 1].map(|at| turn(block, at, 0.1)))
            .collect();
        let alone: Vec<_> = (0..8).map(|block| turn(block, 0, 0.1)).collect();
        let mut infinite: Vec<_> = (0..8)
            .flat_map(|block| [0, 1].map(|at| turn(block, at, 0.1)))
            .collect();
        infinite[3].log_residual = f64::NEG_INFINITY;
        for turns in [&[][..], &four, &alone, &infinite] {
            assert_eq!(Drift::of(turns, 0), None);
        }
    }

    #[test]
    fn equal_figures_show_no_drift() {
        let turn = |block, position| TurnFigure {
            block,
            position,
            log_residual: 0.0,
        };
        let turns: Vec<_> = (0..8)
            .flat_map(|block| [0, 1, 2].map(|at| turn(block, at)))
            .collect();
        let drift = Drift::of(&turns, 0).unwrap();
        assert!((drift.position_p - 1.0).abs() < 1e-12 && (drift.trend_p - 1.0).abs() < 1e-12);
    }
}
