//! Synthetic measurements with known figures, for tests and for the sample report.

use crate::times::{RequestTimes, TimeKind};
use std::time::{Duration, SystemTime};

use crate::{
    Contender, ContenderKind, Experiment, FailureCause, Machine, Mark, Measurement, Metric, Plan,
    RequestStats, Restart, Run, RunLoad, Second, Side, ThresholdOutcome, Times, Usage,
};
use rand::RngExt;
use rand::rngs::StdRng;

mod load_test;
mod plausible;

pub use load_test::load_test;
pub use plausible::plausible_experiment;

const USERS: u32 = 70;

/// Successes and failures with these times, in milliseconds, all completed inside a period of so many seconds.
pub fn measurement(
    name: &str,
    ok_ms: &[u64],
    failed_ms: &[u64],
    period_seconds: u64,
) -> Measurement {
    let failures = failed_ms.len() as u64;
    let causes = (failures > 0).then(|| FailureCause {
        method: "POST".to_owned(),
        name: name.to_owned(),
        cause: "status 503".to_owned(),
        side: Side::Server,
        occurrences: failures,
        first_seen: Duration::from_millis(1500),
        last_seen: Duration::from_secs(2),
    });
    Measurement {
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000),
        warm_up: Duration::from_secs(1),
        period: Duration::from_secs(period_seconds),
        users: USERS,
        requests: vec![RequestStats {
            method: "POST".to_owned(),
            name: name.to_owned(),
            times: request_times(ok_ms, failed_ms),
            completed_in_period: ok_ms.len() as u64 + failures,
            failed_in_period: failures,
            body_bytes: 64 * (ok_ms.len() as u64 + failures),
        }],
        failures: causes.into_iter().collect(),
        timeline: vec![Second {
            since_start: Duration::ZERO,
            users: USERS,
            requests: ok_ms.len() as u64 + failures,
            failures,
            response_times: times(ok_ms).encode(),
            by_name: Vec::new(),
        }],
        marks: vec![Mark {
            at: Duration::from_millis(900),
            what: "all users started".to_owned(),
        }],
        lag: times(&vec![0; ok_ms.len() + failed_ms.len()]),
        connections_opened: 70,
        ..Measurement::nothing(SystemTime::UNIX_EPOCH)
    }
}

fn request_times(ok_ms: &[u64], failed_ms: &[u64]) -> RequestTimes {
    let mut by_kind = RequestTimes::default();
    by_kind[TimeKind::Response] = times(ok_ms);
    by_kind[TimeKind::Service] = times(ok_ms);
    by_kind[TimeKind::Failure] = times(failed_ms);
    by_kind
}

fn times(milliseconds: &[u64]) -> Times {
    let mut times = Times::new();
    for ms in milliseconds {
        times.record(Duration::from_millis(*ms));
    }
    times
}

/// Experiment without runs.
pub fn empty_experiment(names: &[&str], baseline: &str) -> Experiment {
    let contenders = names.iter().map(|name| Contender {
        name: (*name).to_owned(),
        kind: if name.contains("docker") {
            ContenderKind::Docker
        } else {
            ContenderKind::Process
        },
        detail: format!("{name} serve --port {{port}}"),
        facts: Vec::new(),
    });
    Experiment {
        name: "synthetic data".to_owned(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000),
        bakeoff_version: "0.1.0".to_owned(),
        plan: Plan {
            primary: Metric::SuccessesPerSecond,
            same_ratio: 0.05,
            baseline: baseline.to_owned(),
            control: None,
            other_answers_ratio: 0.0,
            blocks: 6,
            restart: Restart::Block,
            users: USERS,
            users_pause: true,
            warm_up: Duration::from_secs(2),
            warm_up_limit: Duration::from_secs(10),
            measure: Duration::from_secs(5),
            measure_limit: Duration::from_mins(1),
            seed: 7,
            slo: None,
            price_per_core_hour: None,
            cores: None,
            scenario: None,
        },
        machine: machine(),
        contenders: contenders.collect(),
        left_out: Vec::new(),
        agreements: Vec::new(),
        floor: None,
        floor_missing: None,
        runs: Vec::new(),
        problems: Vec::new(),
        interrupted: false,
    }
}

fn machine() -> Machine {
    Machine {
        cpu: "Example CPU 3000".to_owned(),
        cores: 2,
        memory_bytes: 8_000_000_000,
        os: "Linux 6.1".to_owned(),
        ..Machine::default()
    }
}

/// Machine of [`machine`] with every optional fact.
pub fn described_machine() -> Machine {
    let words = |text: &str| Some(text.to_owned());
    let vector_instructions = ["AVX", "AVX2", "FMA", "F16C"].map(str::to_owned);
    Machine {
        governor: words("performance"),
        cpu_family: words("25"),
        cpu_model: words("1"),
        cpu_stepping: words("1"),
        physical_cores: Some(2),
        smt: Some(false),
        numa_nodes: Some(1),
        vector_instructions: Some(vector_instructions.to_vec()),
        boost: Some(true),
        hypervisor: words("QEMU Standard PC"),
        ..machine()
    }
}

/// Experiment whose contenders complete exactly these numbers of requests per second in block 1, 2, …,
/// each request taking the time that so many users in turn leave for it.
pub fn experiment(rates: &[(&str, &[u64])], baseline: &str) -> Experiment {
    let names: Vec<&str> = rates.iter().map(|(name, _)| *name).collect();
    let mut experiment = empty_experiment(&names, baseline);
    for (name, rates) in rates {
        for (block, rate) in (1..).zip(*rates) {
            let ms = u64::from(USERS) * 1000 / rate;
            experiment.runs.push(Run {
                contender: (*name).to_owned(),
                block,
                load: RunLoad::Users,
                cold_start: Some(Duration::from_millis(400)),
                usage: Some(Usage {
                    cpu: Duration::from_millis(900),
                    peak_memory_bytes: 200_000_000,
                }),
                generator: None,
                settled: true,
                measurement: measurement(
                    "/answer",
                    &vec![ms; usize::try_from(*rate).unwrap_or(0)],
                    &[],
                    1,
                ),
            });
        }
    }
    experiment
}

/// As [`experiment`], but for response times: of a handful of requests, all alike, so that many are made fast.
pub fn counted_experiment(rates: &[(&str, &[u64])], baseline: &str) -> Experiment {
    let few: Vec<(&str, Vec<u64>)> = rates
        .iter()
        .map(|(name, rates)| (*name, vec![1; rates.len()]))
        .collect();
    let few: Vec<(&str, &[u64])> = few
        .iter()
        .map(|(name, ones)| (*name, ones.as_slice()))
        .collect();
    let mut experiment = self::experiment(&few, baseline);
    for run in &mut experiment.runs {
        let of_contender = rates.iter().find(|(name, _)| *name == run.contender);
        let rate = of_contender.map_or(0, |(_, rates)| rates[run.block as usize - 1]);
        run.measurement.requests[0].completed_in_period = rate;
    }
    experiment
}

/// Threshold that was kept and one that was not.
pub fn thresholds() -> [ThresholdOutcome; 2] {
    [
        ThresholdOutcome {
            threshold: "response_time.p95 below 500ms".to_owned(),
            failure: None,
        },
        ThresholdOutcome {
            threshold: "fail_ratio below 0.01".to_owned(),
            failure: Some("was 0.012 & rising".to_owned()),
        },
    ]
}

/// Standard normal number, by the method of Box and Muller.
fn gauss(random: &mut StdRng) -> f64 {
    let (radius, angle): (f64, f64) = (
        random.random_range(1e-12..1.0),
        random.random_range(0.0..std::f64::consts::TAU),
    );
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}
