//! Each rule in a case in which it speaks, and in one in which it is silent.

use std::fmt::Write;

use super::super::consistency::{MUCH_BETWEEN_BLOCKS, MUCH_SPREAD};
use super::super::{About, Case, RULES, next, performance};
use super::cases::{but, cases, full, with_arrivals};
use crate::analysis::Analysis;
use crate::experiment::{CoreSplit, Experiment};
use crate::fixture;
use crate::run::GeneratorUse;
use crate::statistics::FEWEST_BLOCKS;
use crate::sweep::KNEE_RATIO;
use crate::turn::MOST_FAILURES_RATIO;
use crate::verdict::MOST_NOT_SENT_RATIO;

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

#[test]
fn a_server_with_one_user_may_leave_cores_idle() {
    let idle = |users, cores: Option<&str>| {
        let experiment = but(|experiment| {
            (experiment.plan.users_pause, experiment.plan.users) = (false, users);
            experiment.plan.cores = cores.map(|cores| CoreSplit {
                generator: "0".to_owned(),
                contenders: cores.to_owned(),
            });
            for run in &mut experiment.runs {
                run.generator = Some(GeneratorUse {
                    cpu_ratio: 0.1,
                    steal_ratio: 0.0,
                    neighbour_ratio: Some(0.0),
                    pressure_ratio: None,
                });
            }
        });
        said("idle cores", &experiment)
    };
    assert_eq!(idle(1, None), "");
    assert!(idle(70, Some("1-2,5")).contains("of the 3.00 that there were for it"));
    assert_eq!(idle(70, Some("1")), "", "0.9 of one core is not idle");
}

#[test]
fn blocks_that_are_too_few_for_a_claim_are_not_said_to_decide() {
    let rates: [(&str, &[u64]); 2] = [
        ("new", &[800, 1300, 900, 1250, 1000, 1100]),
        ("old", &[1000; 6]),
    ];
    let open = said("more blocks", &fixture::experiment(&rates, "old"));
    assert!(
        open.contains("would decide what is open, if they are like those measured"),
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
