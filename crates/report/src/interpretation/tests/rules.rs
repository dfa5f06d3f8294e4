//! Each rule in a case in which it speaks, and in one in which it is silent.

use std::fmt::Write;
use std::time::Duration;

use super::super::{About, Case, RULES};
use crate::analysis::Analysis;
use crate::experiment::{Agreement, Experiment, RunLoad, Slo};
use crate::fixture;
use crate::run::{Arrivals, GeneratorUse, Usage};

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

/// Two contenders with the same figures in six blocks.
fn pair() -> Experiment {
    fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old")
}

/// The same, changed.
fn but(change: impl FnOnce(&mut Experiment)) -> Experiment {
    let mut experiment = pair();
    change(&mut experiment);
    experiment
}

/// A contender twice as fast throughout.
fn faster() -> Experiment {
    fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old")
}

fn times_of(experiment: &mut Experiment, contender: &str, milliseconds: &[u64]) {
    let of_contender = |run: &&mut crate::Run| run.contender == contender;
    for run in experiment.runs.iter_mut().filter(of_contender) {
        let count = run.measurement.requests[0].response_times.count();
        let times = &mut run.measurement.requests[0].response_times;
        times.clear();
        for index in 0..count {
            let index = usize::try_from(index).unwrap() * milliseconds.len()
                / usize::try_from(count).unwrap();
            times.record(Duration::from_millis(milliseconds[index]));
        }
    }
}

/// A contender that answers a user in 10 ms and at most 400 requests per second, with up to 70 users.
fn swept() -> Experiment {
    let mut experiment = fixture::experiment(&[("it", &[400; 6])], "it");
    let template = experiment.runs[0].clone();
    for block in 1..=6 {
        for users in [1, 2, 3, 4, 6, 8] {
            let rate = (u64::from(users) * 100).min(400);
            let ms = u64::from(users) * 1000 / rate;
            let mut run = template.clone();
            (run.block, run.load) = (block, RunLoad::Sweep { users });
            let count = usize::try_from(rate).unwrap();
            run.measurement = fixture::measurement("/", &vec![ms; count], &[], 1);
            experiment.runs.push(run);
        }
    }
    experiment
}

/// Arrivals at a rate beside the users, of which so many were not sent to the contender.
fn with_arrivals(not_sent: u64) -> Experiment {
    but(|experiment| {
        for mut run in experiment.runs.clone() {
            run.load = RunLoad::Arrivals { per_second: 500.0 };
            run.measurement.arrivals = Some(Arrivals {
                planned: 500,
                not_sent: if run.contender == "new" { not_sent } else { 0 },
            });
            experiment.runs.push(run);
        }
    })
}

fn control(rates: &[u64; 6]) -> Experiment {
    let rates: [(&str, &[u64]); 3] = [
        ("new", &[1000; 6]),
        ("old", &[1000; 6]),
        ("old again", rates),
    ];
    let mut experiment = fixture::experiment(&rates, "old");
    experiment.plan.control = Some("old again".to_owned());
    experiment
}

fn nobody() -> Experiment {
    fixture::empty_experiment(&[], "old")
}

/// Rule, a case in which it speaks, what it says there among other things, a case in which it is silent.
#[expect(clippy::too_many_lines, reason = "one entry for every rule")]
fn cases() -> Vec<(&'static str, Experiment, &'static str, Experiment)> {
    let slo = |ms| {
        let mut experiment = swept();
        experiment.plan.slo = Some(Slo {
            quantile: 0.95,
            below: Duration::from_millis(ms),
        });
        experiment
    };
    let varied = but(|experiment| times_of(experiment, "new", &[10, 10, 10, 100]));
    let failing = but(|experiment| {
        experiment.runs[0].measurement = fixture::measurement("/answer", &[10; 90], &[1; 60], 1);
    });
    vec![
        (
            "spread",
            varied.clone(),
            "9.99 times the median, which is much",
            nobody(),
        ),
        (
            "steadiest",
            varied,
            "old varied least (1.00) and new most (9.99)",
            pair(),
        ),
        (
            "blocks",
            fixture::experiment(&[("it", &[100, 100, 100, 100, 130, 100])], "it"),
            "went from 100 to 130, up to 30 % from the median block (100)",
            fixture::experiment(&[("it", &[100, 100, 100, 100, 109, 100])], "it"),
        ),
        (
            "unsettled",
            but(|experiment| experiment.runs[0].settled = false),
            "new had not settled in 1 of 6 turns",
            pair(),
        ),
        (
            "answers",
            but(|experiment| {
                experiment.agreements.push(Agreement {
                    contender: "new".to_owned(),
                    compared: 10,
                    differing: 0,
                    examples: Vec::new(),
                });
            }),
            "new answered all of 10 sampled requests as the baseline did",
            pair(),
        ),
        (
            "errors",
            failing.clone(),
            "60 of the 5,150 requests to new failed",
            nobody(),
        ),
        ("noise", control(&[1000; 6]), "1.00 times its own", pair()),
        ("times", pair(), "new took 70.0 ms on average", nobody()),
        (
            "against the baseline",
            faster(),
            "0.50 at the median (95 % interval 0.50 to 0.50)",
            nobody(),
        ),
        (
            "opposite ends",
            but(|experiment| {
                times_of(experiment, "new", &[20; 20]);
                let mut times = [20; 20];
                times[19] = 900;
                times_of(experiment, "new", &times);
            }),
            "shorter at the median but longer at the 99th percentile than those of old",
            faster(),
        ),
        (
            "throughout",
            faster(),
            "shorter than those of old throughout: at each of 12 percentiles between 10.0 and 99.9 %",
            pair(),
        ),
        (
            "users wait",
            pair(),
            "at the same number of users (70)",
            swept(),
        ),
        (
            "at equal rates",
            with_arrivals(0),
            "When 500 requests per second arrived",
            pair(),
        ),
        (
            "overwhelmed",
            with_arrivals(50),
            "new could not keep up with 500 requests per second: 10 % of them were not sent",
            with_arrivals(4),
        ),
        (
            "rates",
            faster(),
            "new answered 2,000 requests per second successfully, over 6 s of measuring in 6 blocks; that is 2.00 times",
            nobody(),
        ),
        (
            "knees",
            swept(),
            "it reached 95 % of its highest rate with 4 users (400 requests per second, 95 % interval 400 to 400)",
            pair(),
        ),
        (
            "objective",
            slo(15),
            "it gave 95.0 % of the answers within 15.0 ms at up to 400 requests per second",
            swept(),
        ),
        (
            "machine",
            pair(),
            "shared one machine (2 cores) with new and old",
            nobody(),
        ),
        (
            "processor",
            pair(),
            "new used 0.90 s of processor time per 1,000 requests, 1,111 requests per second and core; that is 1.00 times",
            nobody(),
        ),
        (
            "memory and start",
            pair(),
            "new held at most 200 MB of memory and gave its first answer 0.40 s after",
            nobody(),
        ),
        (
            "money",
            // 0.9 s for 1,000 requests are a quarter of an hour for a million.
            but(|experiment| experiment.plan.price_per_core_hour = Some(0.04)),
            "At 0.040 per core and hour, the processor time of a million requests costs 0.010 for new and 0.010 for old",
            pair(),
        ),
        (
            "verdicts",
            faster(),
            "new is better than old: 2.00 times",
            {
                let mut nothing = nobody();
                nothing.plan.baseline.clear();
                nothing
            },
        ),
        (
            "missing",
            but(|experiment| experiment.interrupted = true),
            "ended before its time",
            pair(),
        ),
        (
            "failures first",
            failing,
            "Find out first why requests to new fail: 60 of 5,150 with “status 503”",
            pair(),
        ),
        (
            "waiting",
            swept(),
            // 70 users at 400 per second wait 175 ms, and one of them alone 10 ms.
            "With 70 users it spends 94 % of a median response time waiting (175 ms, and 10.0 ms with one user): put at most 4 users on it",
            pair(),
        ),
        (
            "idle cores",
            but(|experiment| {
                experiment.plan.users_pause = false;
                for run in &mut experiment.runs {
                    run.generator = Some(GeneratorUse {
                        cpu_ratio: 0.1,
                        steal_ratio: 0.0,
                    });
                }
            }),
            "new used 0.90 of the 1.80 cores that the load generator left",
            but(|experiment| {
                experiment.plan.users_pause = false;
                for run in &mut experiment.runs {
                    run.generator = Some(GeneratorUse {
                        cpu_ratio: 0.1,
                        steal_ratio: 0.0,
                    });
                    run.usage = Some(Usage {
                        cpu: Duration::from_millis(1700),
                        peak_memory_bytes: 1,
                    });
                }
            }),
        ),
        (
            "longer warm-up",
            but(|experiment| {
                for run in &mut experiment.runs {
                    run.settled = run.contender != "new";
                }
            }),
            "Give new more than 10 s to warm up",
            but(|experiment| experiment.runs[0].settled = false),
        ),
        (
            "more blocks",
            fixture::experiment(&[("new", &[1000; 4]), ("old", &[1000; 4])], "old"),
            "About 2 more blocks would decide what is open, if they are like those measured: --blocks 8",
            faster(),
        ),
        (
            "quieter machine",
            control(&[900, 1100, 850, 950, 800, 900]),
            "here old differs from itself by 9",
            control(&[1000; 6]),
        ),
        (
            "rare percentile",
            fixture::experiment(&[("it", &[100; 6])], "it"),
            "There are too few requests for an interval of the 99.9 % percentile; that of it takes about 36.9 s",
            pair(),
        ),
    ]
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

#[test]
fn the_documentation_has_every_rule() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/interpretation.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(
        text.contains(&table()),
        "docs/interpretation.md must have this table:\n{}",
        table()
    );
}
