//! p-values of paired differences, and their adjustment for several comparisons.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Blocks up to which every way to flip signs is tried.
const MOST_EXACT: usize = 20;

/// Ways to flip signs that are drawn beyond that.
const DRAWS: u64 = 100_000;

/// Two-sided p of a paired sign-flip test: if contender and baseline were the same, each block's difference could as
/// well have the other sign, and p is the share of all ways to choose signs whose mean is as far from zero.
///
/// Exact up to 20 differences (Fisher, "The Design of Experiments", 1935, section 21); beyond that, drawn at random from
/// `seed`, the observed signs counted among the draws. 1 without differences.
pub(crate) fn sign_flip_p(differences: &[f64], seed: u64) -> f64 {
    let observed: f64 = differences.iter().sum();
    // Sums in another order differ by rounding, which must not make an equal one smaller.
    let limit = observed.abs() * (1.0 - 1e-12) - f64::MIN_POSITIVE;
    if differences.len() <= MOST_EXACT {
        let ways = 1_u64 << differences.len();
        let as_far = (0..ways).filter(|signs| flipped(differences, *signs).abs() >= limit);
        return as_far.count() as f64 / ways as f64;
    }
    let mut random = StdRng::seed_from_u64(seed);
    let as_far = (0..DRAWS).filter(|_| {
        let sum: f64 = differences
            .iter()
            .map(|difference| {
                if random.random() {
                    *difference
                } else {
                    -difference
                }
            })
            .sum();
        sum.abs() >= limit
    });
    (as_far.count() + 1) as f64 / (DRAWS + 1) as f64
}

/// Sum of the differences, with the sign of those turned whose bit is set.
fn flipped(differences: &[f64], signs: u64) -> f64 {
    let each = differences.iter().enumerate();
    each.map(|(index, difference)| {
        if signs >> index & 1 == 1 {
            -difference
        } else {
            *difference
        }
    })
    .sum()
}

/// p-values adjusted for several comparisons by Holm's step-down procedure
/// (Scandinavian Journal of Statistics 6:2, 1979): whoever calls those below α significant is wrong about any of them
/// with a probability of at most α.
pub(crate) fn holm_adjusted(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut most: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        most = most.max(p[index] * (p.len() - rank) as f64).min(1.0);
        adjusted[index] = most;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../tests/fixtures/significance.rs");

    fn close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() < 1e-9,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn exact_p_values_are_scipys() {
        for (differences, p) in SIGN_FLIP {
            close(sign_flip_p(differences, 0), *p);
        }
    }

    #[test]
    fn adjusted_p_values_are_those_of_statsmodels() {
        for (p, adjusted) in HOLM {
            for (actual, expected) in holm_adjusted(p).into_iter().zip(*adjusted) {
                close(actual, *expected);
            }
        }
    }

    #[test]
    fn six_blocks_are_the_fewest_that_can_be_significant() {
        close(sign_flip_p(&[1.0, 1.1, 0.9, 1.2, 0.8], 0), 2.0 / 32.0);
        close(sign_flip_p(&[1.0, 1.1, 0.9, 1.2, 0.8, 1.3], 0), 2.0 / 64.0);
    }

    #[test]
    fn no_difference_is_no_evidence() {
        for differences in [&[][..], &[0.0; 8], &[0.0; 30]] {
            close(sign_flip_p(differences, 0), 1.0);
        }
    }

    #[test]
    fn draws_come_near_the_exact_value() {
        let twenty: Vec<f64> = (0..20).map(|index| f64::from(index % 7) - 2.4).collect();
        let exact = sign_flip_p(&twenty, 0);
        let mut more = twenty;
        // A difference of nothing changes no sum.
        more.push(0.0);
        let drawn = sign_flip_p(&more, 3);
        assert!((drawn - exact).abs() < 0.01, "{drawn} for {exact}");
    }
}
