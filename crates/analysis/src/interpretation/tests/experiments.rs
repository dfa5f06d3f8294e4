//! Experiments that rules are tested with.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use bakeoff_record::experiment::{Agreement, Experiment, Restart, RunLoad, Slo};
use bakeoff_record::fixture;
use bakeoff_record::run::{Arrivals, GeneratorUse, Usage};

/// Two contenders with the same figures in six blocks.
pub(super) fn pair() -> Experiment {
    fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old")
}

/// [`pair`] with a change.
pub(super) fn but(change: impl FnOnce(&mut Experiment)) -> Experiment {
    let mut experiment = pair();
    change(&mut experiment);
    experiment
}

/// Contender twice as fast throughout.
pub(super) fn faster() -> Experiment {
    fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old")
}

/// Changes every run of the contender.
pub(super) fn of_new(experiment: &mut Experiment, change: impl Fn(&mut bakeoff_record::Run)) {
    let runs = experiment.runs.iter_mut();
    runs.filter(|run| run.contender == "new").for_each(change);
}

pub(super) fn times_of(experiment: &mut Experiment, contender: &str, milliseconds: &[u64]) {
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

/// Contender that answers a user in 10 ms and at most 400 requests per second, with up to 70 users.
pub(super) fn swept() -> Experiment {
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

/// [`pair`] with a change.
pub(super) fn but_swept(change: impl FnOnce(&mut Experiment)) -> Experiment {
    let mut experiment = swept();
    change(&mut experiment);
    experiment
}

/// Contenders that take so many bytes more in every block.
pub(super) fn growing(bytes: u64, restart: Restart) -> Experiment {
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

pub(super) fn same_answers() -> Agreement {
    Agreement {
        contender: "new".to_owned(),
        compared: 10,
        differing: 0,
        examples: Vec::new(),
    }
}

pub(super) fn control(rates: &[u64; 6]) -> Experiment {
    let rates: [(&str, &[u64]); 3] = [
        ("new", &[1000; 6]),
        ("old", &[1000; 6]),
        ("old again", rates),
    ];
    let mut experiment = fixture::experiment(&rates, "old");
    experiment.plan.control = Some("old again".to_owned());
    experiment
}

/// Fast and a slow contender and the slow one again, under users who never pause, swept, and at equal rates.
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
