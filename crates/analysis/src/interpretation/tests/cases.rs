//! Experiments in which rules speak, and in which they are silent.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use bakeoff_record::experiment::{Agreement, Experiment, Restart, RunLoad, Slo};
use bakeoff_record::fixture;
use bakeoff_record::run::{Arrivals, GeneratorUse, Usage};

/// Two contenders with the same figures in six blocks.
pub(super) fn pair() -> Experiment {
    fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old")
}

/// The same, changed.
pub(super) fn but(change: impl FnOnce(&mut Experiment)) -> Experiment {
    let mut experiment = pair();
    change(&mut experiment);
    experiment
}

/// A contender twice as fast throughout.
pub(super) fn faster() -> Experiment {
    fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old")
}

/// Changes every run of the contender.
fn of_new(experiment: &mut Experiment, change: impl Fn(&mut bakeoff_record::Run)) {
    let runs = experiment.runs.iter_mut();
    runs.filter(|run| run.contender == "new").for_each(change);
}

fn times_of(experiment: &mut Experiment, contender: &str, milliseconds: &[u64]) {
    let of_contender = |run: &&mut bakeoff_record::Run| run.contender == contender;
    for run in experiment.runs.iter_mut().filter(of_contender) {
        let count = run.measurement.requests[0].times[TimeKind::Response].count();
        let times = &mut run.measurement.requests[0].times[TimeKind::Response];
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

/// The same, changed.
fn but_swept(change: impl FnOnce(&mut Experiment)) -> Experiment {
    let mut experiment = swept();
    change(&mut experiment);
    experiment
}

/// Contenders that take so many bytes more in every block.
fn growing(bytes: u64, restart: Restart) -> Experiment {
    but(|experiment| {
        experiment.plan.restart = restart;
        for run in &mut experiment.runs {
            run.usage = Some(Usage {
                cpu: Duration::from_millis(900),
                peak_memory_bytes: 200_000_000 + bytes * u64::from(run.block),
            });
        }
    })
}

/// Arrivals at a rate beside the users, of which so many were not sent to the contender.
pub(super) fn with_arrivals(not_sent: u64) -> Experiment {
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

fn same_answers() -> Agreement {
    Agreement {
        contender: "new".to_owned(),
        compared: 10,
        differing: 0,
        examples: Vec::new(),
    }
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

/// A fast and a slow contender and the slow one again, under users who never pause, swept, and at equal rates.
pub(super) fn full() -> Experiment {
    let fast: &[u64] = &[398, 404, 401, 396, 407, 402, 399];
    let slow: &[u64] = &[201, 198, 204, 199, 200, 197, 203];
    let again: &[u64] = &[200, 199, 202, 201, 198, 200, 204];
    let rates: [(&str, &[u64]); 3] = [("fast", fast), ("slow", slow), ("slow again", again)];
    let mut experiment = fixture::experiment(&rates, "slow");
    let plan = &mut experiment.plan;
    plan.control = Some("slow again".to_owned());
    (plan.blocks, plan.users_pause, plan.price_per_core_hour) = (7, false, Some(0.04));
    plan.slo = Some(Slo {
        quantile: 0.95,
        below: Duration::from_millis(30),
    });
    for run in &mut experiment.runs {
        run.generator = Some(GeneratorUse {
            cpu_ratio: 0.05,
            steal_ratio: 0.01,
            neighbour_ratio: Some(0.0),
            pressure_ratio: None,
        });
    }
    let under_users = experiment.runs.clone();
    for turn in under_users
        .iter()
        .filter(|run| run.contender != "slow again")
    {
        let most = if turn.contender == "fast" { 400 } else { 200 };
        for users in [1, 2, 3, 4, 6, 8, 12, 16] {
            let rate = (users * 55).min(most + u64::from(turn.block) % 3);
            let mut run = turn.clone();
            run.load = RunLoad::Sweep {
                users: u32::try_from(users).unwrap(),
            };
            let times = vec![users * 1000 / rate; usize::try_from(rate).unwrap()];
            run.measurement = fixture::measurement("/answer", &times, &[], 1);
            experiment.runs.push(run);
        }
        for (per_second, ms) in [(100, 6000 / most), (300, 9000 / most)] {
            let mut run = turn.clone();
            run.load = RunLoad::Arrivals {
                per_second: per_second as f64,
            };
            let times = vec![ms; usize::try_from(per_second).unwrap()];
            run.measurement = fixture::measurement("/answer", &times, &[], 1);
            run.measurement.arrivals = Some(Arrivals {
                planned: per_second,
                not_sent: if per_second > most { 90 } else { 0 },
            });
            experiment.runs.push(run);
        }
    }
    experiment
}

/// Users who never pause, on a contender that takes so much processor time in the second of each turn; a fifth of a core is the
/// load generator's, and beyond four users more of them bring no more requests.
pub(super) fn never_pausing(cpu_ms: u64) -> Experiment {
    but_swept(|experiment| {
        experiment.plan.users_pause = false;
        for run in &mut experiment.runs {
            run.generator = Some(GeneratorUse {
                cpu_ratio: 0.1,
                steal_ratio: 0.0,
                neighbour_ratio: Some(0.0),
                pressure_ratio: Some(0.02),
            });
            run.usage = Some(Usage {
                cpu: Duration::from_millis(cpu_ms),
                peak_memory_bytes: 1,
            });
        }
    })
}

pub(super) fn nobody() -> Experiment {
    fixture::empty_experiment(&[], "old")
}

/// Rule, a case in which it speaks, what it says there among other things, a case in which it is silent.
#[expect(clippy::too_many_lines, reason = "one entry for every rule")]
pub(super) fn cases() -> Vec<(&'static str, Experiment, &'static str, Experiment)> {
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
            "p99 is 9.99 times p50 (95 % confidence interval 9.99 to 9.99 over 6 blocks), a large spread",
            nobody(),
        ),
        (
            "steadiest",
            varied,
            "old vary less than those of new: p99 is 1.00 times p50 in place of 9.99 times, and the confidence intervals do not overlap",
            pair(),
        ),
        (
            "blocks",
            fixture::experiment(&[("it", &[100, 100, 100, 100, 130, 100])], "it"),
            "ranged from 100 to 130, at most 30 % from the median block (100). The blocks differ by more than 10 %; the cause is not known.",
            fixture::experiment(&[("it", &[100])], "it"),
        ),
        (
            "unsettled",
            but(|experiment| experiment.runs[0].settled = false),
            "new had not settled in 1 of 6 turns",
            pair(),
        ),
        (
            "failed turns",
            but(|experiment| {
                experiment.runs[3].measurement = fixture::measurement("/", &[], &[], 1);
            }),
            "1 of 6 turns of new failed (block 4): no request was answered correctly (1 turn).",
            pair(),
        ),
        (
            "voided blocks",
            but(|experiment| {
                experiment.runs[3].generator = Some(GeneratorUse {
                    neighbour_ratio: Some(0.4),
                    ..GeneratorUse::default()
                });
            }),
            "Block 4 was disturbed and left out of the verdict: in block 4, while new was measured, other processes took 40 % of the machine's",
            pair(),
        ),
        (
            "drift",
            // All become slower together, by 2 % in each block.
            fixture::experiment(
                &[
                    ("new", &[1000, 980, 960, 941, 922, 903, 885, 867]),
                    ("old", &[1000, 980, 960, 941, 922, 903, 885, 867]),
                ],
                "old",
            ),
            "The successful requests per second of all contenders changes from block to block by -2",
            pair(),
        ),
        (
            "cold start",
            but(|experiment| experiment.runs[0].cold_start = Some(Duration::from_millis(900))),
            "new gave its first correct answer 0.40 s after it was started (median of 6 starts, 0.40 s to 0.90 s)",
            but(|experiment| {
                for run in &mut experiment.runs {
                    run.cold_start = None;
                }
            }),
        ),
        (
            "answers",
            but(|experiment| {
                experiment.agreements.push(same_answers());
            }),
            "new gave the same answers as the baseline to all of 10 sampled requests",
            pair(),
        ),
        (
            "connections",
            but(|experiment| {
                of_new(experiment, |run| run.measurement.connections_opened = 1000);
            }),
            "new opened 1.00 connections for each request, and old kept its connections open (0.070)",
            // One that fails loses its connections whoever closes them.
            but(|experiment| {
                of_new(experiment, |run| {
                    run.measurement = fixture::measurement("/answer", &[10; 90], &[1; 10], 1);
                    run.measurement.connections_opened = 100;
                });
            }),
        ),
        (
            "body sizes",
            but(|experiment| {
                of_new(experiment, |run| {
                    run.measurement.requests[0].body_bytes = 1000;
                });
            }),
            "The answers of new have 1.00 bytes on average, and those of old have 64.0",
            // The same answers, written more briefly.
            but(|experiment| {
                experiment.agreements.push(same_answers());
                of_new(experiment, |run| {
                    run.measurement.requests[0].body_bytes = 1000;
                });
            }),
        ),
        (
            "repeats",
            but(|experiment| {
                of_new(experiment, |run| {
                    run.measurement.distinct_requests = Some(400);
                });
            }),
            "each of 400 different requests was sent up to 2.50 times on average (new)",
            but(|experiment| {
                of_new(experiment, |run| {
                    run.measurement.distinct_requests = Some(999);
                });
            }),
        ),
        (
            "errors",
            failing.clone(),
            "60 of the 5,150 requests to new failed",
            nobody(),
        ),
        (
            "noise",
            control(&[1000; 6]),
            "the second turn had 1.00 times the",
            pair(),
        ),
        (
            "times",
            pair(),
            "95 % of its answers took at most 70.0 ms (95 % confidence interval 70.0 to 70.0), the longest",
            nobody(),
        ),
        (
            "against the baseline",
            faster(),
            "0.50 times as long at p50 (95 % confidence interval 0.50 to 0.50)",
            nobody(),
        ),
        (
            "throughout",
            faster(),
            "shorter than those of old throughout: at 12 of 12 percentiles (p10 to p99.9: 0.50 to 0.50 times), and no confidence interval includes 1",
            pair(),
        ),
        (
            "opposite ends",
            but(|experiment| {
                let mut times = [20; 20];
                times[18..].fill(900);
                times_of(experiment, "new", &times);
            }),
            "shorter than those of old at 9 of 12 percentiles (p10 to p90: 0.29 to 0.29 times) and longer at 3 of 12 percentiles (p95 to p99.9:",
            faster(),
        ),
        (
            "partly",
            but(|experiment| times_of(experiment, "new", &[70, 70, 70, 70, 90, 90])),
            "longer than those of old at 6 of 12 percentiles (p70 to p99.9: 1.29 to 1.29 times); these confidence intervals do not include 1. At 6 percentiles, no difference is shown",
            faster(),
        ),
        (
            "users wait",
            pair(),
            "with the same number of users (70)",
            swept(),
        ),
        (
            "at equal rates",
            with_arrivals(0),
            "At an arrival rate of 500 requests per second",
            pair(),
        ),
        (
            "overwhelmed",
            with_arrivals(50),
            "new could not keep up with 500 requests per second: 300 of the 3,000 planned requests were not sent (10 %)",
            with_arrivals(4),
        ),
        (
            "rates",
            faster(),
            "new answered 2,000 requests per second successfully, measured for 6 s (95 % confidence interval 2,000 to 2,000 over 6 blocks); that is 2.00 times",
            nobody(),
        ),
        (
            "knees",
            swept(),
            "it reached 95 % of its highest throughput with 4 users (400 requests per second, 95 % confidence interval 400 to 400)",
            pair(),
        ),
        (
            "knee not reached",
            but_swept(|experiment| {
                let rising = |run: &bakeoff_record::Run| match run.load {
                    RunLoad::Sweep { users } => run.block > 2 || users < 6,
                    _ => true,
                };
                experiment.runs.retain(rising);
            }),
            "In 2 of 6 blocks, the sweep of it ended at 8 users before two more steps added less than 5 %",
            swept(),
        ),
        (
            "queue",
            but_swept(|experiment| experiment.plan.users_pause = false),
            "the 66 users beyond the knee only wait in a queue.",
            swept(),
        ),
        (
            "objective",
            slo(15),
            "it kept p95 below 15.0 ms up to 400 requests per second",
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
            "new used 0.90 s of processor time per 1,000 requests (95 % confidence interval 0.90 to 0.90 over 6 blocks), or 1,111 requests per second per core; that is 1.00 times",
            nobody(),
        ),
        (
            "memory",
            pair(),
            "new used at most 200 MB of memory in any turn",
            nobody(),
        ),
        (
            "not seen",
            but(|experiment| {
                for run in experiment
                    .runs
                    .iter_mut()
                    .filter(|run| run.contender == "old")
                {
                    run.usage = None;
                }
            }),
            "Processor time and memory of old were not recorded",
            pair(),
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
            "stopped early",
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
            "With 70 users, waiting for other users makes up 94.3 % of the median response time of it (95 % confidence interval 94.3 % to 94.3 % \
             over 6 blocks): it is 175 ms, and 10.0 ms with one user. Beyond the knee at 4 users,",
            pair(),
        ),
        (
            "idle cores",
            never_pausing(900),
            "it used 0.90 cores (95 % confidence interval 0.90 to 0.90 over 6 blocks) of the 1.80 available, with 70 requests in flight",
            never_pausing(1700),
        ),
        (
            "long start",
            but(|experiment| {
                for run in &mut experiment.runs {
                    run.cold_start = Some(Duration::from_secs(11));
                }
            }),
            "Start new before it is needed and keep it running: its first correct answer takes 11 s",
            but(|experiment| experiment.runs[0].cold_start = Some(Duration::from_secs(11))),
        ),
        (
            "growing memory",
            growing(20_000_000, Restart::Once),
            "The memory of new grew from 220 MB in the first to 320 MB in the last of 6 blocks, and never fell",
            growing(20_000_000, Restart::Block),
        ),
        (
            "longer warm-up",
            but(|experiment| {
                for run in &mut experiment.runs {
                    run.settled = run.contender != "new";
                }
            }),
            "Give new (6 of 6 turns) more than 10 s to warm up",
            but(|experiment| experiment.runs[0].settled = false),
        ),
        (
            "more blocks",
            fixture::experiment(&[("new", &[1000; 4]), ("old", &[1000; 4])], "old"),
            "Measure at least 6 blocks (--blocks 6): with 4 blocks, no verdict",
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
            // 3,688 of 600 in 6 blocks of 5 s.
            "measure 31.0 s in every block in place of 5.00 s: the requests to it count as 600 independent ones, and 3,688 are needed",
            pair(),
        ),
    ]
}
