//! Distribution of the means of bootstrap resamples, each with a weight.

use super::mean;

/// Classes of equal width, so that a class holds some hundred of 100,000 means and takes no time to sort.
const CLASSES: usize = 1024;

/// Mean of a resample, and the number of ordered resamples with the same blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resample {
    pub(super) mean: f64,
    /// Whole number below 2^53, so that sums are exact.
    pub(super) ways: f64,
}

/// Means of resamples, not sorted as a whole: only the class is sorted in which a quantile lies.
#[derive(Debug)]
pub(super) struct Distribution {
    resamples: Vec<Resample>,
    lowest: f64,
    classes_per_unit: f64,
    /// Ways to draw a mean of each class.
    ways: Vec<f64>,
}

impl Distribution {
    /// Takes resamples, at least one, with finite means.
    pub(super) fn of(resamples: Vec<Resample>) -> Self {
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for resample in &resamples {
            lowest = lowest.min(resample.mean);
            highest = highest.max(resample.mean);
        }
        let mut distribution = Self {
            resamples,
            lowest,
            classes_per_unit: CLASSES as f64 / (highest - lowest).max(f64::MIN_POSITIVE),
            ways: vec![0.0; CLASSES],
        };
        for resample in &distribution.resamples {
            let class = distribution.class_of(resample.mean);
            distribution.ways[class] += resample.ways;
        }
        distribution
    }

    /// Share of resamples with a mean below that of `sample`, from which they were drawn, equal ones counted half.
    pub(super) fn share_below_mean_of(&self, sample: &[f64]) -> f64 {
        // A sum of n values is off by at most n·ε/2 times the sum of their sizes (Higham, "Accuracy and Stability of
        // Numerical Algorithms", section 4.2), so that two equal means lie at most n·ε times the largest apart.
        let largest = sample
            .iter()
            .fold(0.0, |most: f64, value| most.max(value.abs()));
        let rounding = sample.len() as f64 * f64::EPSILON * largest;
        let (low, high) = (mean(sample) - rounding, mean(sample) + rounding);
        let (mut below, mut not_above) = (0.0, 0.0);
        for resample in &self.resamples {
            below += f64::from(resample.mean < low) * resample.ways;
            not_above += f64::from(resample.mean <= high) * resample.ways;
        }
        (below + not_above) / (2.0 * self.total())
    }

    /// Quantile with linear interpolation between neighbours, type 7 of Hyndman and Fan ("Sample Quantiles in Statistical
    /// Packages", The American Statistician 50:4, 1996), of the list in which each mean stands as often as there are ways
    /// to draw it.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        let last = self.total() - 1.0;
        let position = quantile.clamp(0.0, 1.0) * last;
        let below = position.floor();
        let (value, next) = self.at_ranks(below, (below + 1.0).min(last));
        value + (next - value) * (position - below)
    }

    /// Means at two ranks, counted from 0, of that list in ascending order.
    fn at_ranks(&self, first: f64, second: f64) -> (f64, f64) {
        let (class, ways_before) = self.class_at_rank(first);
        let in_class = self.sorted(class);
        let value = at_rank(&in_class, first - ways_before);
        let (next_class, ways_before) = self.class_at_rank(second);
        if next_class == class {
            return (value, at_rank(&in_class, second - ways_before));
        }
        let in_class = self.sorted(next_class);
        (value, at_rank(&in_class, second - ways_before))
    }

    /// Class that holds a rank, and the ways to draw a mean of the classes before it.
    fn class_at_rank(&self, rank: f64) -> (usize, f64) {
        let (mut class, mut ways_before) = (0, 0.0);
        while class + 1 < CLASSES && rank >= ways_before + self.ways[class] {
            ways_before += self.ways[class];
            class += 1;
        }
        (class, ways_before)
    }

    /// Resamples of a class by their means.
    fn sorted(&self, class: usize) -> Vec<Resample> {
        let in_class = |resample: &&Resample| self.class_of(resample.mean) == class;
        let mut sorted: Vec<Resample> = self.resamples.iter().filter(in_class).copied().collect();
        sorted.sort_unstable_by(|a, b| a.mean.total_cmp(&b.mean));
        sorted
    }

    /// Class of a mean; never lower for a higher mean.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and a cast to an integer saturates"
    )]
    fn class_of(&self, mean: f64) -> usize {
        (((mean - self.lowest) * self.classes_per_unit) as usize).min(CLASSES - 1)
    }

    fn total(&self) -> f64 {
        self.ways.iter().sum()
    }
}

/// Mean at a rank of sorted resamples; not a number beyond the last one.
fn at_rank(sorted: &[Resample], rank: f64) -> f64 {
    let mut ways = 0.0;
    let is_reached = |resample: &&Resample| {
        ways += resample.ways;
        rank < ways
    };
    let found = sorted.iter().find(is_reached);
    found.map_or(f64::NAN, |resample| resample.mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(means: &[(f64, f64)]) -> Distribution {
        let resample = |&(mean, ways): &(f64, f64)| Resample { mean, ways };
        Distribution::of(means.iter().map(resample).collect())
    }

    #[test]
    fn quantiles_are_those_of_the_list_that_the_weights_stand_for() {
        // 1, 1, 2, 5, 5, 5, 9
        let distribution = distribution(&[(5.0, 3.0), (1.0, 2.0), (9.0, 1.0), (2.0, 1.0)]);
        let cases = [
            (0.0, 1.0),
            (0.25, 1.5),
            (0.5, 5.0),
            (0.75, 5.0),
            (0.9, 6.6),
            (1.0, 9.0),
        ];
        for (quantile, expected) in cases {
            let actual = distribution.quantile(quantile);
            assert!((actual - expected).abs() < 1e-12, "{quantile}: {actual}");
        }
    }

    #[test]
    fn means_equal_but_for_rounding_count_half() {
        let distribution =
            distribution(&[(0.1, 1.0), (0.2, 2.0), (0.1 + 0.2 - 0.1, 4.0), (0.3, 3.0)]);
        let share = distribution.share_below_mean_of(&[0.1, 0.2, 0.3]);
        assert!((share - 0.4).abs() < 1e-12, "{share}");
    }

    #[test]
    fn one_mean_is_every_quantile() {
        let distribution = distribution(&[(3.0, 2.0), (3.0, 1.0)]);
        for quantile in [0.0, 0.3, 1.0] {
            assert!((distribution.quantile(quantile) - 3.0).abs() < 1e-12);
        }
    }
}
