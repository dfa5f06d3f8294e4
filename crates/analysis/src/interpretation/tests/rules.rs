//! Each rule in a case in which it speaks, and in one in which it is silent.

use std::fmt::Write;
use std::time::Duration;

use super::super::consistency::{MUCH_BETWEEN_BLOCKS, MUCH_SPREAD};
use super::super::{About, Case, RULES, Rule, next, performance};
use super::cases::{but, cases, full, never_pausing, with_arrivals};
use crate::analysis::Analysis;
use crate::statistics::FEWEST_BLOCKS;
use crate::sweep::KNEE_RATIO;
use crate::turn::MOST_FAILURES_RATIO;
use crate::verdict::MOST_NOT_SENT_RATIO;
use bakeoff_record::experiment::{CoreSplit, Experiment};
use bakeoff_record::fixture;
use bakeoff_record::run::GeneratorUse;

/// What a rule says of an experiment.
fn said(rule: &str, experiment: &Experiment) -> String {
    let rule = RULES.iter().find(|other| other.name == rule).unwrap();
    let analysis = Analysis::of(experiment);
    let case = Case {
        experiment,
        analysis: &analysis,
    };
    (rule.sentences)(&case).join(" ")
}

#[test]
fn every_rule_speaks_where_it_should_and_is_silent_where_it_should_be() {
    let cases = cases();
    let mut wrong = Vec::new();
    for (rule, speaks, expected, silent) in &cases {
        let text = said(rule, speaks);
        if !text.contains(expected) {
            wrong.push(format!("{rule} says “{text}”, not “{expected}”"));
        }
        // The verdicts always say something, if only that there is nothing to conclude.
        if *rule != "verdicts" && !said(rule, silent).is_empty() {
            wrong.push(format!("{rule} is not silent: {}", said(rule, silent)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tested: Vec<&str> = cases.iter().map(|case| case.0).collect();
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(tested, rules);
}

/// The table of rules as the documentation has it.
fn table() -> String {
    let mut text = String::new();
    for about in About::ALL {
        let _ = write!(
            text,
            "\n### {}\n\n| rule | speaks when |\n| --- | --- |\n",
            about.heading()
        );
        for rule in RULES.iter().filter(|rule| rule.about == about) {
            let _ = writeln!(text, "| {} | {} |", rule.name, rule.when);
        }
    }
    text
}

/// Held against the code, and written from it where snapshots are.
#[test]
fn the_documentation_has_every_rule() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/interpretation.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once("## The rules\n").unwrap();
    let (rules, after) = rest.split_once("\n## ").unwrap();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let text = format!("{before}## The rules\n{}\n## {after}", table());
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(
        rules,
        table(),
        "docs/interpretation.md is not what the rules are; `make snap` writes it"
    );
}

#[test]
fn a_rule_names_its_thresholds() {
    let percent = |ratio: f64| format!("{:.0} %", ratio * 100.0);
    for (rule, threshold) in [
        ("spread", format!("above {MUCH_SPREAD}")),
        ("blocks", format!("above {}", percent(MUCH_BETWEEN_BLOCKS))),
        (
            "overwhelmed",
            format!("than {}", percent(MOST_NOT_SENT_RATIO)),
        ),
        ("knees", percent(KNEE_RATIO)),
        (
            "throughout",
            format!("more than the {} %", performance::RESOLUTION_RATIO * 100.0),
        ),
        ("knee not reached", percent(1.0 - KNEE_RATIO)),
        (
            "failures first",
            format!("than {}", percent(MOST_FAILURES_RATIO)),
        ),
        (
            "waiting",
            format!("over {}", percent(next::MUCH_WAITING_RATIO)),
        ),
        (
            "idle cores",
            format!("than {}", percent(next::FULL_USE_RATIO)),
        ),
        ("idle cores", format!("{} per core", next::ENOUGH_PER_CORE)),
        (
            "idle cores",
            format!("than {}", percent(next::MOST_PRESSURE_RATIO)),
        ),
        (
            "long start",
            format!("than {} s", next::LONG_START.as_secs()),
        ),
        (
            "growing memory",
            format!("than {}", percent(next::GROWTH_RATIO)),
        ),
        ("growing memory", format!("{FEWEST_BLOCKS} blocks at least")),
    ] {
        let rule = RULES.iter().find(|other| other.name == rule).unwrap();
        assert!(rule.when.contains(&threshold), "{threshold}: {rule:?}");
    }
}

#[test]
fn a_baseline_that_cannot_keep_up_is_named_like_any_other() {
    let mut experiment = with_arrivals(0);
    let arrivals = experiment
        .runs
        .iter_mut()
        .filter(|run| run.contender == "old");
    for arrivals in arrivals.filter_map(|run| run.measurement.arrivals.as_mut()) {
        arrivals.not_sent = 50;
    }
    let text = said("overwhelmed", &experiment);
    assert!(text.starts_with("old could not keep up"), "{text}");
}

/// What is said of idle cores where a contender uses half of them.
fn idle(change: impl Fn(&mut Experiment)) -> String {
    let mut experiment = never_pausing(900);
    change(&mut experiment);
    said("idle cores", &experiment)
}

#[test]
fn a_server_with_one_user_may_leave_cores_idle() {
    let with = |users, cores: Option<&str>| {
        idle(|experiment| {
            experiment.plan.users = users;
            experiment.plan.cores = cores.map(|cores| CoreSplit {
                generator: "0".to_owned(),
                contenders: cores.to_owned(),
            });
        })
    };
    assert_eq!(with(1, None), "");
    assert!(with(70, Some("1-2,5")).contains("of the 3.00 available"));
    assert_eq!(with(70, Some("1")), "", "0.9 of one core is not idle");
}

#[test]
fn idle_cores_are_not_explained_where_another_cause_is_not_excluded() {
    let pressure = |ratio| {
        idle(|experiment| {
            for run in &mut experiment.runs {
                let generator = run.generator.as_mut().unwrap();
                generator.pressure_ratio = ratio;
            }
        })
    };
    let text = pressure(Some(0.2));
    assert!(text.contains("The cause was not measured."), "{text}");
    // A neighbour or a quota took the processor.
    assert_eq!(pressure(Some(0.3)), "");
    assert_eq!(pressure(None), "");
    // Without a sweep, a delay in each answer, such as that of delayed acknowledgements, looks the same.
    let without_sweep = |experiment: &mut Experiment| {
        let is_swept = |load| matches!(load, bakeoff_record::RunLoad::Sweep { .. });
        experiment.runs.retain(|run| !is_swept(run.load));
    };
    assert_eq!(idle(without_sweep), "");
}

#[test]
fn no_advice_names_a_cause_that_was_not_measured() {
    let guesses = [
        "a lock",
        "more workers",
        "such as a",
        "probably",
        "may be due",
    ];
    for (name, speaks, _, _) in cases() {
        let is_advice = |rule: &&Rule| rule.name == name && rule.about == About::Next;
        if RULES.iter().any(|rule| is_advice(&rule)) {
            let text = said(name, &speaks);
            assert!(
                !guesses.iter().any(|guess| text.contains(guess)),
                "{name}: {text}"
            );
        }
    }
}

#[test]
fn warm_up_is_no_advice_for_a_machine_that_was_disturbed_throughout() {
    let unsettled = |neighbours: f64| {
        let experiment = but(|experiment| {
            for run in &mut experiment.runs {
                run.settled = false;
                run.generator = Some(GeneratorUse {
                    neighbour_ratio: Some(neighbours),
                    ..GeneratorUse::default()
                });
            }
        });
        said("longer warm-up", &experiment)
    };
    assert!(unsettled(0.0).contains("to warm up"));
    assert_eq!(unsettled(0.4), "");
}

#[test]
fn a_generator_that_was_held_up_is_not_the_contenders_fault() {
    let held_up = |late| {
        let mut experiment = with_arrivals(50);
        for run in &mut experiment.runs {
            run.measurement.lag.clear();
            run.measurement.lag.record(Duration::from_millis(late));
        }
        said("overwhelmed", &experiment)
    };
    assert!(held_up(0).contains("new could not keep up"));
    assert_eq!(held_up(50), "");
}

#[test]
fn an_interrupted_run_needs_as_many_more_blocks_everywhere() {
    let rates: [(&str, &[u64]); 2] = [("new", &[1000; 6]), ("old", &[1000; 6])];
    let mut experiment = fixture::experiment(&rates, "old");
    experiment.interrupted = true;
    // The sixth block was begun, and ended by the interruption.
    let is_last = |run: &&mut bakeoff_record::Run| run.block == 6 && run.contender == "old";
    for run in experiment.runs.iter_mut().filter(is_last) {
        run.measurement.interrupted = true;
    }
    let verdict = said("verdicts", &experiment);
    assert!(
        verdict.contains("a verdict needs 1 more block"),
        "{verdict}"
    );
    let next = said("more blocks", &experiment);
    assert!(
        next.contains("Measure at least 6 blocks (--blocks 6): with 5 blocks"),
        "{next}"
    );
}

#[test]
fn blocks_that_are_too_few_for_a_claim_are_not_said_to_decide() {
    let rates: [(&str, &[u64]); 2] = [
        ("new", &[800, 1300, 900, 1250, 1000, 1100]),
        ("old", &[1000; 6]),
    ];
    let open = said("more blocks", &fixture::experiment(&rates, "old"));
    assert!(
        open.contains("would decide the open comparisons, if they are like those measured"),
        "{open}"
    );
    let mut ended = fixture::experiment(&[("new", &[1000; 2]), ("old", &[1000; 2])], "old");
    ended.plan.blocks = 6;
    assert!(said("more blocks", &ended).contains("--blocks 6"));
}

#[test]
fn an_experiment_with_every_kind_of_load() {
    insta::assert_snapshot!(super::text(&full()));
}
