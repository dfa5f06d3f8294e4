//! Cases in which rules speak, and in which they are silent.

use std::time::Duration;

use super::experiments::{
    but, but_swept, control, faster, growing, never_pausing, nobody, of_new, pair, same_answers,
    swept, times_of, with_arrivals,
};
use bakeoff_record::experiment::{Experiment, Restart, RunLoad, Slo};
use bakeoff_record::fixture;
use bakeoff_record::run::GeneratorUse;

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
            "old vary less than those of new: p99 is 1.00 times p50, against 9.99 times, and the confidence intervals do not overlap",
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
            // A contender that fails loses its connections, whichever side closes them.
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
            // Equal answers, written more briefly.
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
            "that turn had 1.00 times the",
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
            "Requests arrived at 500 per second",
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
            "At 0.040 per core-hour, the processor time of a million requests costs 0.010 for new and 0.010 for old",
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
            "measure 31.0 s instead of 5.00 s in every block. The requests to it count as only 600 independent requests, and 3,688 are needed",
            pair(),
        ),
    ]
}
