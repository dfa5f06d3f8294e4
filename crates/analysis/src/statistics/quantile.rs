//! Precision of the quantiles of one run.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::CONFIDENCE;

/// Ranks, from 1, of the two order statistics between which the quantile of the distribution behind `count`
/// independent values lies with 95 % confidence at least; `None` where so few values have no upper or lower end.
///
/// Exact, by the binomial distribution of how many values lie below the quantile, and without any assumption about the
/// shape (Conover, "Practical Nonparametric Statistics", section 3.2; SciPy's `quantile_test`).
pub(crate) fn quantile_ranks(count: u64, quantile: f64) -> Option<(u64, u64)> {
    let below = Binomial::new(quantile, count).ok()?;
    let tail = (1.0 - CONFIDENCE) / 2.0;
    // The lowest rank that is at most as likely above the quantile as the tail says, and the highest likewise.
    let low = below.inverse_cdf(tail);
    let low = if below.cdf(low) <= tail { low + 1 } else { low };
    let high = below.inverse_cdf(1.0 - tail) + 1;
    (low >= 1 && high <= count).then_some((low, high))
}

/// Effective sample size of values that come in order and depend on each other:
/// at most as many as there are.
///
/// By batch means (Law, "Simulation Modeling and Analysis", section 9.5.3): a batch's mean varies as the mean of so many
/// independent values would. `means` are those of batches of about equal size, `variance` is that of all values.
pub(crate) fn effective_count(count: u64, means: &[f64], variance: f64) -> u64 {
    if means.len() < 2 || variance <= 0.0 {
        return count;
    }
    let n = means.len() as f64;
    let centre = means.iter().sum::<f64>() / n;
    let of_means = means
        .iter()
        .map(|mean| (mean - centre).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    let per_batch = count as f64 / n;
    let tau = (per_batch * of_means / variance).max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most the count"
    )]
    let effective = (count as f64 / tau) as u64;
    effective
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    include!("../../tests/fixtures/quantile_ranks.rs");

    #[test]
    fn ranks_are_scipys() {
        for (count, quantile, ranks) in QUANTILE_RANKS {
            assert_eq!(
                quantile_ranks(*count, *quantile),
                *ranks,
                "{count} {quantile}"
            );
        }
    }

    #[test]
    fn the_fewest_values_that_bound_a_quantile() {
        for (quantile, fewest) in [(0.95, 72), (0.99, 368), (0.999, 3688)] {
            assert_eq!(quantile_ranks(fewest - 1, quantile), None);
            assert!(quantile_ranks(fewest, quantile).is_some());
        }
    }

    #[test]
    fn values_that_repeat_count_once() {
        let mut random = StdRng::seed_from_u64(1);
        // Each of these is seen a hundred times in a row.
        let distinct: Vec<f64> = (0..2000).map(|_| random.random()).collect();
        let means: Vec<f64> = distinct
            .chunks(10)
            .map(|batch| batch.iter().sum::<f64>() / 10.0)
            .collect();
        let effective = effective_count(200_000, &means, 1.0 / 12.0);
        assert!((1500..2600).contains(&effective), "{effective}");
        // And independent ones as they are.
        let effective = effective_count(2000, &means, 1.0 / 12.0);
        assert!((1500..=2000).contains(&effective), "{effective}");
    }
}
