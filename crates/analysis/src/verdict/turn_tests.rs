//! Turns that failed, blocks that were disturbed, and turns that were too short.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use super::*;
use crate::analysis::Analysis;
use crate::turn::{Disturbance, TurnFailure};
use bakeoff_record::experiment::{Experiment, Problem, Run, RunLoad};
use bakeoff_record::fixture;
use bakeoff_record::run::GeneratorUse;

fn verdict(experiment: &Experiment) -> Verdict {
    Analysis::of(experiment).results[0].verdict.clone()
}

/// An experiment of eight blocks in which the contender is as fast as the baseline.
fn equals() -> Experiment {
    fixture::experiment(&[("new", &[1000; 8]), ("old", &[1000; 8])], "old")
}

/// The run of a contender in a block.
fn run_of<'a>(experiment: &'a mut Experiment, name: &str, block: u32) -> &'a mut Run {
    let mut runs = experiment.runs.iter_mut();
    let found = runs.find(|run| run.contender == name && run.block == block);
    found.unwrap()
}

#[test]
fn disturbed_blocks_are_void_and_the_rest_is_judged() {
    for (disturb, expected) in [
        (
            (|run| {
                run.generator = Some(GeneratorUse {
                    steal_ratio: 0.11,
                    ..GeneratorUse::default()
                });
            }) as fn(&mut Run),
            Disturbance::Steal { steal_ratio: 0.11 },
        ),
        (
            |run| {
                run.generator = Some(GeneratorUse {
                    neighbour_ratio: Some(0.5),
                    ..GeneratorUse::default()
                });
            },
            Disturbance::Neighbours {
                neighbour_ratio: 0.5,
            },
        ),
        (
            |run| {
                let delays = &mut run.measurement.wake_up_delays;
                (0..97).for_each(|_| delays.record(Duration::from_millis(1)));
                (0..3).for_each(|_| delays.record(Duration::from_millis(200)));
            },
            Disturbance::Stall {
                stalled_ratio: 0.03,
            },
        ),
    ] {
        let mut experiment = equals();
        // Half as fast in the disturbed turn: a mean over all blocks would claim a difference.
        *run_of(&mut experiment, "new", 3) = {
            let half = fixture::experiment(&[("new", &[500; 8]), ("old", &[1000; 8])], "old");
            let mut run = half.runs[2].clone();
            disturb(&mut run);
            run
        };
        let analysis = Analysis::of(&experiment);
        assert_eq!(analysis.voided[0].by, expected);
        assert_eq!((analysis.voided[0].block, analysis.voided.len()), (3, 1));
        assert_eq!(analysis.results[0].measured().blocks, [1, 2, 4, 5, 6, 7, 8]);
        assert_eq!(analysis.results[0].verdict, Verdict::Same);
    }
}

#[test]
fn too_few_undisturbed_blocks_are_not_judged() {
    let mut experiment = equals();
    for block in 1..=3 {
        run_of(&mut experiment, "old", block).generator = Some(GeneratorUse {
            neighbour_ratio: Some(0.3),
            ..GeneratorUse::default()
        });
    }
    let Verdict::NotMeasurable(obstacle) = verdict(&experiment) else {
        panic!("{:?}", verdict(&experiment));
    };
    assert_eq!(
        obstacle.to_string(),
        "3 of 8 blocks were disturbed, and too few are left: in the first of them, other processes took 30 % of the machine's \
         processor time; measure when the machine is quiet"
    );
}

#[test]
fn an_experiment_with_nothing_but_disturbed_blocks_is_not_judged() {
    let mut experiment = twice_as_fast(8);
    for run in &mut experiment.runs {
        run.generator = Some(GeneratorUse {
            neighbour_ratio: Some(0.3),
            ..GeneratorUse::default()
        });
    }
    let analysis = Analysis::of(&experiment);
    let Verdict::NotMeasurable(obstacle) = &analysis.results[0].verdict else {
        panic!("{:?}", analysis.results[0].verdict);
    };
    assert!(
        matches!(
            obstacle.reason,
            Reason::Disturbed {
                voided: 8,
                blocks: 8,
                ..
            }
        ),
        "{obstacle}"
    );
    // The figures are shown all the same.
    assert_eq!(analysis.results[0].measured().blocks.len(), 8);
}

/// An experiment of so many blocks in which the contender is twice as fast as the baseline.
fn twice_as_fast(blocks: usize) -> Experiment {
    let (fast, slow) = (vec![2000; blocks], vec![1000; blocks]);
    fixture::experiment(&[("new", &fast), ("old", &slow)], "old")
}

#[test]
fn one_dead_turn_in_ten_forbids_a_claim_and_two_are_a_failure() {
    for (dead, blocks, expected_failed) in [(1, 10, false), (2, 10, true), (1, 9, true)] {
        let mut experiment = twice_as_fast(blocks);
        for block in 1..=dead {
            let run = run_of(&mut experiment, "new", block);
            run.measurement = fixture::measurement("/answer", &[], &[], 1);
        }
        match verdict(&experiment) {
            Verdict::Failed { failed, begun } => {
                assert!(expected_failed);
                assert_eq!((failed, begun as usize), (dead, blocks));
            }
            Verdict::NotMeasurable(obstacle) => {
                assert!(!expected_failed);
                let words = "1 of 10 turns of new failed: no request was answered correctly";
                assert!(obstacle.to_string().starts_with(words), "{obstacle}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_crash_is_a_failed_turn_with_and_without_a_run() {
    let mut experiment = twice_as_fast(9);
    experiment
        .runs
        .retain(|run| (run.contender.as_str(), run.block) != ("new", 2));
    run_of(&mut experiment, "new", 5).measurement.interrupted = true;
    for block in [2, 5, 7] {
        experiment.problems.push(Problem {
            contender: "new".to_owned(),
            block,
            load: RunLoad::Users,
            what: "it ended with exit status: 9 under load; its last log lines:\nbye".to_owned(),
        });
    }
    // What happens under another load is another matter.
    experiment.problems.push(Problem {
        load: RunLoad::Arrivals { per_second: 1.0 },
        ..experiment.problems[0].clone()
    });
    let analysis = Analysis::of(&experiment);
    let turns = &analysis.results[0].measured().turns;
    assert_eq!(turns.begun, 9);
    let blocks: Vec<u32> = turns.failed.iter().map(|failed| failed.block).collect();
    assert_eq!(blocks, [2, 5, 7]);
    let what = "it ended with exit status: 9 under load".to_owned();
    assert_eq!(turns.failed[0].how, TurnFailure::Problem(what));
    let failed = Verdict::Failed {
        failed: 3,
        begun: 9,
    };
    assert_eq!(analysis.results[0].verdict, failed);
}

#[test]
fn users_left_without_an_answer_are_not_diluted_by_fast_answers() {
    // Ten users of 70 hang at the end of each turn: 10 of 20,010 requests, and a seventh of the users' time.
    let mut experiment = twice_as_fast(8);
    for run in experiment
        .runs
        .iter_mut()
        .filter(|run| run.contender == "new")
    {
        run.measurement = fixture::measurement("/answer", &vec![3; 20_000], &[], 1);
        run.measurement.user_time = Some(Duration::from_secs(70));
        let ages = &mut run.measurement.requests[0].times[TimeKind::Unanswered];
        (0..10).for_each(|_| ages.record(Duration::from_secs(1)));
    }
    let analysis = Analysis::of(&experiment);
    let how = &analysis.results[0].measured().turns.failed[0].how;
    assert!(
        matches!(how, TurnFailure::Time { lost_ratio } if (lost_ratio - 1.0 / 7.0).abs() < 1e-9),
        "{how:?}"
    );
    assert!(matches!(
        analysis.results[0].verdict,
        Verdict::Failed { .. }
    ));
}

#[test]
fn a_control_that_fails_leaves_nothing_to_compare_with() {
    let rates: [(&str, &[u64]); 3] = [
        ("new", &[2000; 8]),
        ("old", &[1000; 8]),
        ("old again", &[1000; 8]),
    ];
    let mut experiment = fixture::experiment(&rates, "old");
    experiment.plan.control = Some("old again".to_owned());
    assert_eq!(verdict(&experiment), Verdict::Better);
    let run = run_of(&mut experiment, "old again", 4);
    run.measurement = fixture::measurement("/answer", &[70; 880], &[1; 120], 1);
    let Verdict::NotMeasurable(obstacle) = verdict(&experiment) else {
        panic!("{:?}", verdict(&experiment));
    };
    let words = "1 of 8 turns of old again failed: 12 % of the requests failed (1 turn)";
    assert!(obstacle.to_string().starts_with(words), "{obstacle}");
}

#[test]
fn a_rate_of_too_few_rounds_is_refused_with_how_long_it_takes() {
    let mut experiment = twice_as_fast(6);
    let run = run_of(&mut experiment, "old", 2);
    run.measurement.fewest_rounds = Some(FEWEST_ROUNDS.get() - 1);
    run.measurement.period = Duration::from_mins(1);
    let Verdict::NotMeasurable(obstacle) = verdict(&experiment) else {
        panic!("{:?}", verdict(&experiment));
    };
    let turn = Some(Duration::from_secs(75));
    let expected = Reason::TooFewRounds { rounds: 4, turn };
    assert_eq!(obstacle.reason, expected);
    // Response times do not depend on how many of them fit into a turn.
    experiment.plan.primary = Metric::P95_RESPONSE_TIME;
    assert_eq!(verdict(&experiment), Verdict::Better);
}
