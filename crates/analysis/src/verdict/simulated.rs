//! Experiments whose truth is known, many of each, judged as real ones are.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

use super::*;
use crate::analysis::Analysis;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::fixture;

/// As many as the default experiment has: all resamples of ten blocks are fourteen times as many.
const BLOCKS: usize = 8;
/// By how much a turn differs from another of the same contender, on a log scale, and all turns of a block from others.
const TURN_NOISE: f64 = 0.02;
const BLOCK_NOISE: f64 = 0.05;

fn gauss(random: &mut StdRng) -> f64 {
    Normal::standard().inverse_cdf(random.random_range(1e-12..1.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are some thousands"
)]
fn rate(log_rate: f64) -> u64 {
    (5000.0 * log_rate.exp()).round() as u64
}

/// A contender that is `ratio` times as fast as the baseline, which takes second turns.
fn experiment(ratio: f64, random: &mut StdRng) -> Experiment {
    let mut rates: [Vec<u64>; 3] = Default::default();
    for _ in 0..BLOCKS {
        let block = BLOCK_NOISE * gauss(random);
        for (arm, speed) in [ratio.ln(), 0.0, 0.0].into_iter().enumerate() {
            rates[arm].push(rate(speed + block + TURN_NOISE * gauss(random)));
        }
    }
    let arms: [(&str, &[u64]); 3] = [
        ("new", &rates[0]),
        ("old", &rates[1]),
        ("old again", &rates[2]),
    ];
    let mut experiment = fixture::counted_experiment(&arms, "old");
    experiment.plan.control = Some("old again".to_owned());
    experiment.plan.seed = random.random();
    experiment
}

fn claims_difference(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Better | Verdict::SlightlyBetter | Verdict::SlightlyWorse | Verdict::Worse
    )
}

#[test]
fn identical_contenders_are_rarely_called_different() {
    let mut random = StdRng::seed_from_u64(1);
    let wrong = (0..200).filter(|_| {
        let analysis = Analysis::of(&experiment(1.0, &mut random));
        claims_difference(&analysis.results[0].verdict)
    });
    // Of 200 with a chance of 5 % each, more than 16 come about in less than 3 % of all cases.
    let wrong = wrong.count();
    assert!(wrong <= 16, "{wrong} of 200");
}

#[test]
fn intervals_cover_the_truth_and_verdicts_are_right() {
    let mut random = StdRng::seed_from_u64(2);
    let mut covered = 0;
    for ratio in [1.03, 1.05, 1.1, 1.5] {
        for _ in 0..125 {
            let analysis = Analysis::of(&experiment(ratio, &mut random));
            let new = &analysis.results[0];
            let estimate = new.comparison(Metric::SuccessesPerSecond).unwrap().estimate;
            let interval = estimate.unwrap().confidence_interval.unwrap();
            covered += u32::from((interval.low..=interval.high).contains(&ratio));
            match ratio {
                1.5 => assert_eq!(new.verdict, Verdict::Better),
                1.1 => assert!(
                    matches!(new.verdict, Verdict::Better | Verdict::SlightlyBetter),
                    "{:?}",
                    new.verdict
                ),
                _ => assert!(!matches!(
                    new.verdict,
                    Verdict::Worse | Verdict::SlightlyWorse
                )),
            }
        }
    }
    assert!(covered >= 465, "{covered} of 500");
}

#[test]
fn equal_medians_with_different_tails_are_told_apart_by_the_tail_alone() {
    let mut experiment = fixture::experiment(&[("new", &[100; 10]), ("old", &[100; 10])], "old");
    for run in &mut experiment.runs {
        let is_new = run.contender == "new";
        let times = &mut run.measurement.requests[0].times[TimeKind::Response];
        times.clear();
        (0..980).for_each(|index| times.record(Duration::from_micros(20_000 + index)));
        let tail = Duration::from_millis(if is_new { 600 } else { 60 });
        (0..20).for_each(|_| times.record(tail));
    }
    for (primary, expected) in [
        (Metric::MEDIAN_RESPONSE_TIME, Verdict::Same),
        (Metric::P99_RESPONSE_TIME, Verdict::Worse),
    ] {
        experiment.plan.primary = primary;
        assert_eq!(Analysis::of(&experiment).results[0].verdict, expected);
    }
}

/// What each of two arms did, if turns are taken in this order and each is 1 % slower than the one before.
fn drifting(order: &[usize]) -> Verdict {
    let mut rates: [Vec<u64>; 2] = Default::default();
    for (turn, arm) in order.iter().enumerate() {
        rates[*arm].push(rate(-0.01 * turn as f64));
    }
    let arms: [(&str, &[u64]); 2] = [("new", &rates[0]), ("old", &rates[1])];
    let experiment = fixture::counted_experiment(&arms, "old");
    Analysis::of(&experiment).results[0].verdict.clone()
}

#[test]
fn a_server_that_slows_down_looks_different_from_itself_unless_turns_are_interleaved() {
    let one_after_the_other = [[1; BLOCKS], [0; BLOCKS]].concat();
    assert_eq!(drifting(&one_after_the_other), Verdict::Worse);
    let mut random = StdRng::seed_from_u64(3);
    let in_blocks = (0..BLOCKS).flat_map(|_| {
        let mut block = [0, 1];
        block.shuffle(&mut random);
        block
    });
    assert_eq!(drifting(&in_blocks.collect::<Vec<_>>()), Verdict::Same);
}
