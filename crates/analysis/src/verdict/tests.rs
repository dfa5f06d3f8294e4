use bakeoff_record::times::TimeKind;
use std::time::Duration;

use super::*;
use crate::analysis::Analysis;
use bakeoff_record::experiment::{Agreement, Disagreement, Experiment, Floor, RunLoad};
use bakeoff_record::fixture;
use bakeoff_record::run::{Arrivals, FailureCause, GeneratorUse, RequestStats, Side};

fn verdict(experiment: &Experiment) -> Verdict {
    Analysis::of(experiment).results[0].verdict.clone()
}

/// The verdict on a contender with these requests per second against a baseline with 1,000 in every block.
fn against_1000(rates: &[u64]) -> Verdict {
    verdict(&fixture::experiment(
        &[("new", rates), ("old", &vec![1000; rates.len()])],
        "old",
    ))
}

#[test]
fn the_whole_interval_decides() {
    for (rates, expected) in [
        ([2000, 2010, 1990, 2005, 1995, 2000], Verdict::Better),
        ([500, 505, 495, 500, 502, 498], Verdict::Worse),
        ([1000, 1001, 999, 1002, 998, 1000], Verdict::Same),
        // Shown to be different, and shown not to matter.
        ([1020, 1021, 1019, 1020, 1022, 1018], Verdict::Same),
        (
            [1030, 1080, 1040, 1070, 1035, 1075],
            Verdict::SlightlyBetter,
        ),
        ([970, 920, 960, 930, 965, 925], Verdict::SlightlyWorse),
    ] {
        assert_eq!(against_1000(&rates), expected, "{rates:?}");
    }
}

#[test]
fn an_undecided_comparison_says_how_many_blocks_would_decide() {
    let Verdict::NotShown { more_blocks } = against_1000(&[800, 1300, 900, 1250, 1000, 1100])
    else {
        panic!("expected no difference to be shown");
    };
    assert!((1..1000).contains(&more_blocks), "{more_blocks}");
}

#[test]
fn fewer_times_are_better_where_less_is_better() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
    for primary in [
        Metric::MEDIAN_RESPONSE_TIME,
        Metric::P95_RESPONSE_TIME,
        Metric::P99_RESPONSE_TIME,
    ] {
        experiment.plan.primary = primary;
        assert_eq!(verdict(&experiment), Verdict::Better, "{primary:?}");
    }
}

#[test]
fn swapping_contender_and_baseline_mirrors_the_verdict() {
    let rates: [&[u64]; 3] = [
        &[1030, 1080, 1040, 1070, 1035, 1075],
        &[2000; 6],
        &[1001; 6],
    ];
    let mirrored = [Verdict::SlightlyWorse, Verdict::Worse, Verdict::Same];
    for (rates, expected) in rates.into_iter().zip(mirrored) {
        let experiment = fixture::experiment(&[("old", &[1000; 6]), ("new", rates)], "new");
        assert_eq!(verdict(&experiment), expected);
    }
}

#[test]
fn five_blocks_allow_no_claim_however_large_the_difference() {
    assert_eq!(
        against_1000(&[9000; 5]),
        Verdict::TooFewBlocks {
            measured: 5,
            more_blocks: 1
        }
    );
}

#[test]
fn only_blocks_in_which_both_were_measured_count() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 7]), ("old", &[1000; 7])], "old");
    experiment
        .runs
        .retain(|run| (run.contender.as_str(), run.block) != ("old", 3));
    let result = &Analysis::of(&experiment).results[0];
    let blocks: Vec<u32> = result.compared.comparisons[0]
        .blocks
        .iter()
        .map(|block| block.block)
        .collect();
    assert_eq!(blocks, [1, 2, 4, 5, 6, 7]);
    assert_eq!(result.verdict, Verdict::Better);
}

#[test]
fn an_interrupted_run_counts_in_no_comparison() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
    experiment.runs.last_mut().unwrap().measurement.interrupted = true;
    assert_eq!(
        verdict(&experiment),
        Verdict::TooFewBlocks {
            measured: 5,
            more_blocks: 1
        }
    );
}

#[test]
fn without_the_baseline_there_is_no_verdict() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 6])], "old");
    assert_eq!(verdict(&experiment), Verdict::NoBaseline);
    experiment
        .contenders
        .extend(fixture::empty_experiment(&["old"], "old").contenders);
    assert_eq!(
        verdict(&experiment),
        Verdict::NoBaseline,
        "in the plan, but never measured"
    );
}

#[test]
fn a_contender_that_fails_is_not_faster() {
    let fail = |stats: &mut RequestStats, failures: u64| {
        (0..failures).for_each(|_| stats.times[TimeKind::Failure].record(Duration::from_millis(1)));
    };
    for (failures, measurable) in [(20, true), (21, false)] {
        let mut experiment =
            fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
        for run in experiment
            .runs
            .iter_mut()
            .filter(|run| run.contender == "new")
        {
            fail(&mut run.measurement.requests[0], failures);
        }
        assert_eq!(
            verdict(&experiment) == Verdict::Better,
            measurable,
            "{failures} failures of 2,000"
        );
    }
}

#[test]
fn a_baseline_that_fails_is_named() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
    for run in experiment
        .runs
        .iter_mut()
        .filter(|run| run.contender == "old")
    {
        run.measurement.requests[0].times[TimeKind::Response].clear();
        run.measurement.failures.push(FailureCause {
            method: "POST".to_owned(),
            name: "/answer".to_owned(),
            cause: "connection refused".to_owned(),
            side: Side::Server,
            occurrences: 1,
            first_seen: Duration::ZERO,
            last_seen: Duration::ZERO,
        });
    }
    let Verdict::NotMeasurable(obstacle) = verdict(&experiment) else {
        panic!("{:?}", verdict(&experiment));
    };
    assert_eq!(
        obstacle.to_string(),
        "6 of 6 turns of old failed: no request was answered correctly (6 turns); the speed of a contender with failed turns \
         is not compared"
    );
}

#[test]
fn a_late_generator_leaves_nothing_to_compare() {
    // The median of the contender at 2,000 requests/s is 35 ms, 5 % of which is 1.75 ms.
    for (lag_us, measurable) in [(1700, true), (1800, false)] {
        let mut experiment =
            fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
        for run in experiment
            .runs
            .iter_mut()
            .filter(|run| run.contender == "new")
        {
            (0..200).for_each(|_| run.measurement.lag.record(Duration::from_micros(lag_us)));
        }
        let verdict = verdict(&experiment);
        assert_eq!(
            verdict == Verdict::Better,
            measurable,
            "{lag_us} µs: {verdict:?}"
        );
        if let Verdict::NotMeasurable(obstacle) = verdict {
            assert!(
                obstacle
                    .to_string()
                    .starts_with("the load generator was the limit: while loading new")
            );
        }
    }
}

#[test]
fn hostile_plans_do_not_panic() {
    for same_ratio in [f64::NAN, -1.0, f64::INFINITY, 0.0] {
        let mut experiment =
            fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
        experiment.plan.same_ratio = same_ratio;
        verdict(&experiment);
    }
}

/// A contender and the baseline's second turns, against a baseline with 1,000 in every block.
fn with_control(rates: &[u64], again: &[u64]) -> Experiment {
    let arms: [(&str, &[u64]); 3] = [
        ("new", rates),
        ("old", &vec![1000; rates.len()]),
        ("old again", again),
    ];
    let mut experiment = fixture::experiment(&arms, "old");
    experiment.plan.control = Some("old again".to_owned());
    experiment
}

#[test]
fn what_the_baseline_differs_from_itself_by_does_not_count() {
    let slower = [930, 931, 929, 930, 932, 928];
    let quiet = with_control(&slower, &[1001, 999, 1002, 998, 1000, 1000]);
    assert_eq!(verdict(&quiet), Verdict::Worse);
    let analysis = Analysis::of(&quiet);
    assert_eq!(analysis.results[2].verdict, Verdict::Control);
    assert_eq!(analysis.results[2].compared.adjusted_p, None);
    assert!(analysis.noise.unwrap().floor_ratio < 0.001);
    // Off by 8 % on average, and by more and less in turn: that is no bias, but noise.
    let noisy = with_control(&slower, &[1010, 1200, 1020, 1210, 990, 1060]);
    assert!(matches!(verdict(&noisy), Verdict::NotShown { .. }));
}

#[test]
fn a_baseline_that_differs_from_itself_by_the_whole_interval_allows_no_verdict() {
    let experiment = with_control(&[2000; 6], &[1100, 1101, 1099, 1102, 1098, 1100]);
    let Verdict::NotMeasurable(obstacle) = verdict(&experiment) else {
        panic!("nothing is measurable on such a machine");
    };
    assert!(matches!(obstacle.reason, Reason::Noise { .. }));
    assert!(
        obstacle
            .to_string()
            .contains("old ran twice in every block and differed from itself"),
        "{obstacle}"
    );
}

#[test]
fn three_contenders_need_a_seventh_block() {
    let rates = |blocks: usize| {
        let (new, old) = (vec![2000; blocks], vec![1000; blocks]);
        let arms: [(&str, &[u64]); 4] = [("a", &new), ("b", &new), ("c", &new), ("old", &old)];
        verdict(&fixture::experiment(&arms, "old"))
    };
    let too_few = Verdict::TooFewBlocks {
        measured: 6,
        more_blocks: 1,
    };
    assert_eq!(rates(6), too_few);
    assert_eq!(rates(7), Verdict::Better);
}

#[test]
fn a_difference_that_chance_makes_often_is_not_claimed() {
    // Six of seven blocks on one side: p is 2 in 64 for one contender, and more than 0.05 for two.
    let rates: &[u64] = &[1300, 1310, 1290, 1300, 1305, 1295, 995];
    let one = fixture::experiment(&[("new", rates), ("old", &[1000; 7])], "old");
    assert!(matches!(
        verdict(&one),
        Verdict::Better | Verdict::SlightlyBetter
    ));
    let two = fixture::experiment(
        &[("new", rates), ("other", rates), ("old", &[1000; 7])],
        "old",
    );
    assert_eq!(verdict(&two), Verdict::NotShown { more_blocks: 1 });
}

#[test]
fn a_busy_generator_allows_no_verdict() {
    let with = |cpu_ratio: f64| {
        let mut experiment =
            fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
        experiment.runs[3].generator = Some(GeneratorUse {
            cpu_ratio,
            ..GeneratorUse::default()
        });
        verdict(&experiment)
    };
    assert_eq!(with(0.79), Verdict::Better);
    let Verdict::NotMeasurable(obstacle) = with(0.81) else {
        panic!("{:?}", with(0.81));
    };
    let words = "while loading new, it used 81 % of the processor time of its cores";
    assert!(obstacle.to_string().contains(words), "{obstacle}");
}

#[test]
fn whoever_answers_something_else_cannot_win_unless_that_is_allowed() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
    experiment.agreements.push(Agreement {
        contender: "new".to_owned(),
        compared: 100,
        differing: 3,
        examples: vec![Disagreement {
            request: "/ask (row 2)".to_owned(),
            rule: "/answer has to be equal".to_owned(),
            expected: "\"Ada\"".to_owned(),
            actual: "\"Byron\"".to_owned(),
        }],
    });
    let Verdict::NotMeasurable(obstacle) = verdict(&experiment) else {
        panic!("other answers are other work");
    };
    assert!(
        obstacle
            .to_string()
            .contains("answered 3 % of the sampled requests differently"),
        "{obstacle}"
    );
    experiment.plan.other_answers_ratio = 0.03;
    assert_eq!(verdict(&experiment), Verdict::Better);
}

/// A contender against another with the same figures, changed.
fn obstacle(change: impl FnOnce(&mut Experiment)) -> Option<Reason> {
    let mut experiment = fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old");
    experiment.plan.users_pause = false;
    change(&mut experiment);
    match verdict(&experiment) {
        Verdict::NotMeasurable(obstacle) => Some(obstacle.reason),
        _ => None,
    }
}

#[test]
fn a_contender_nearly_as_fast_as_nothing_is_not_measurable() {
    let floor = |requests_per_second| {
        obstacle(|experiment| {
            experiment.floor = Some(Floor {
                requests_per_second,
                median: Duration::from_micros(50),
            });
        })
    };
    assert_eq!(floor(1300.0), None);
    let near = Reason::NearFloor {
        floor_per_second: 1200.0,
    };
    assert_eq!(floor(1200.0), Some(near));
}

#[test]
fn users_rate_and_response_time_have_to_fit_each_other() {
    // 1,000 requests per second of 70 ms are 70 users.
    assert_eq!(obstacle(|_| {}), None);
    let reason = obstacle(|experiment| experiment.plan.users = 100);
    let Some(Reason::LittlesLaw {
        users: 100,
        implied_users,
    }) = reason
    else {
        panic!("{reason:?}");
    };
    assert!((implied_users - 70.0).abs() < 0.5, "{implied_users}");
    for excuse in [
        |experiment: &mut Experiment| experiment.plan.users_pause = true,
        // In older records, failures take users whose time is in no response time.
        |experiment: &mut Experiment| {
            for run in &mut experiment.runs {
                let failures = &mut run.measurement.requests[0].times[TimeKind::Failure];
                failures.record(Duration::from_millis(1));
            }
        },
    ] {
        let reason = obstacle(|experiment| {
            experiment.plan.users = 100;
            excuse(experiment);
        });
        assert_eq!(reason, None);
    }
}

#[test]
fn a_generator_without_descriptors_or_ports_is_named() {
    let failing_on = |side| {
        obstacle(|experiment| {
            let run = &mut experiment.runs[0].measurement;
            *run = fixture::measurement("/answer", &[70; 1000], &[1], 1);
            run.failures[0].side = side;
        })
    };
    let no_connections = Some(Reason::NoConnections { failures: 1 });
    assert_eq!(failing_on(Side::Generator), no_connections);
    assert_ne!(failing_on(Side::Server), no_connections);
}

#[test]
fn arrivals_that_are_not_sent_forbid_a_comparison_at_their_rate() {
    let at_rate = |not_sent| {
        let mut experiment =
            fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old");
        for run in &mut experiment.runs {
            run.load = RunLoad::Arrivals { per_second: 1000.0 };
            run.measurement.arrivals = Some(Arrivals {
                planned: 1000,
                not_sent,
            });
        }
        Analysis::of(&experiment).at_rates[0].results[0]
            .verdict
            .clone()
    };
    assert_eq!(at_rate(10), Verdict::Same);
    let Verdict::NotMeasurable(obstacle) = at_rate(11) else {
        panic!("{:?}", at_rate(11));
    };
    assert_eq!(
        obstacle.reason,
        Reason::NotSent {
            not_sent_ratio: 0.011
        }
    );
}
