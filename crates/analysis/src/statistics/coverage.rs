//! Coverage of intervals: over undisturbed blocks, over disturbed ones, and after these were measured again.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

use super::estimate_ratio;

const TRIALS: u64 = 500;
const BLOCKS: usize = 10;

/// Standard deviation of a turn's logarithm.
const TURN_NOISE: f64 = 0.02;

/// Ratio of a disturbed turn's rate to an undisturbed one's.
const SLOWED_TO: f64 = 0.7;

/// Disturbance of turns, and the reaction to it.
struct Disturbance {
    /// Probability that a turn is disturbed.
    of_turns: f64,
    /// Probability that a disturbed turn is found, so that its block is void and is measured again.
    found: f64,
}

/// Share of experiments with an interval that covers the truth.
fn coverage(disturbance: &Disturbance, seed: u64) -> f64 {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let covered = (0..TRIALS).filter(|seed| {
        let truth = 1.1;
        let ratios: Vec<f64> = (0..BLOCKS)
            .map(|_| truth * kept_ratio(disturbance, &mut random))
            .collect();
        let estimate = estimate_ratio(&ratios, *seed).unwrap();
        let interval = estimate.confidence_interval.unwrap();
        (interval.low..=interval.high).contains(&truth)
    });
    covered.count() as f64 / TRIALS as f64
}

/// Ratio of two turns of the same speed in a block without a disturbance that was found.
fn kept_ratio(disturbance: &Disturbance, random: &mut Xoshiro256PlusPlus) -> f64 {
    loop {
        let (contender, contender_void) = turn(disturbance, random);
        let (baseline, baseline_void) = turn(disturbance, random);
        if !contender_void && !baseline_void {
            return (contender - baseline).exp();
        }
    }
}

/// Logarithm of a turn's rate, and `true` if a disturbance was found.
fn turn(disturbance: &Disturbance, random: &mut Xoshiro256PlusPlus) -> (f64, bool) {
    let noise = TURN_NOISE * Normal::standard().inverse_cdf(random.random_range(1e-12..1.0));
    if random.random_bool(disturbance.of_turns) {
        return (
            noise + SLOWED_TO.ln(),
            random.random_bool(disturbance.found),
        );
    }
    (noise, false)
}

// Bounds are two and a half standard errors of 500 trials from the shares of 2,500 trials of an implementation with NumPy:
// 93.8 % undisturbed, 86.0 % disturbed, 91.8 % with nine in ten disturbances found, and 93.1 % with 95 in 100.

#[test]
fn intervals_over_undisturbed_blocks_cover_the_truth() {
    let share = coverage(
        &Disturbance {
            of_turns: 0.0,
            found: 0.0,
        },
        1,
    );
    assert!((0.91..=0.965).contains(&share), "{share}");
}

#[test]
fn disturbed_turns_cost_coverage() {
    let share = coverage(
        &Disturbance {
            of_turns: 0.1,
            found: 0.0,
        },
        2,
    );
    assert!((0.82..0.9).contains(&share), "{share}");
}

#[test]
fn measuring_disturbed_blocks_again_restores_most_of_the_coverage() {
    for (found, least) in [(0.9, 0.888), (0.95, 0.903)] {
        let share = coverage(
            &Disturbance {
                of_turns: 0.1,
                found,
            },
            3,
        );
        assert!(share >= least, "{share} with {found} found");
    }
}
