//! Synthetic measurements with known figures, for tests and for the sample report.

use crate::times::{RequestTimes, TimeKind};
use std::time::{Duration, SystemTime};

use crate::{
    Agreement, Arrivals, Contender, ContenderKind, CoreSplit, DataFileFacts, EncodedTimes,
    Experiment, Fact, FailureCause, Floor, GeneratorUse, LeftOut, LoadTest, Machine, Mark,
    Measurement, Metric, Plan, Problem, RequestStats, Restart, Run, RunLoad, ScenarioFacts, Second,
    SecondOfName, Side, Slo, ThresholdOutcome, Times, Usage,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

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

/// An experiment without runs.
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

/// The same machine with everything known that a system can tell of itself.
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

fn scenario_facts() -> ScenarioFacts {
    let data = DataFileFacts {
        name: "questions.jsonl".to_owned(),
        sha256: "b5bb9d8014a0f9b1".to_owned(),
        rows: Some(100),
    };
    let body = DataFileFacts {
        name: "body.json".to_owned(),
        sha256: "7d865e959b2466f1".to_owned(),
        rows: None,
    };
    ScenarioFacts {
        file: "questions.toml".to_owned(),
        sha256: "2c26b46b68ffc68f".to_owned(),
        data_files: vec![data, body],
        wait_times: vec!["1s after every answer".to_owned()],
        request_timeouts: vec![Duration::from_millis(1500), Duration::from_secs(30)],
        stop_timeout: Duration::from_secs(10),
        spawn_rate: Some(10.0),
    }
}

/// An experiment whose contenders complete exactly these numbers of requests per second in block 1, 2, …,
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

/// The contenders of [`plausible_experiment`] and the requests per second that each of them makes at most.
const SPEEDS: [(&str, f64); 5] = [
    ("bakeoff", 402.0),
    ("bakeoff-docker", 395.0),
    ("fastapi", 188.0),
    ("fastapi-docker", 181.0),
    ("fastapi again", 188.0),
];

/// Four contenders and a control in ten blocks with random response times, one contender left out and one turn lost;
/// then arrivals at two rates, and steps of more and more users.
pub fn plausible_experiment() -> Experiment {
    let mut random = StdRng::seed_from_u64(11);
    let names: Vec<&str> = SPEEDS.iter().map(|(name, _)| *name).collect();
    let mut experiment = empty_experiment(&names, "fastapi");
    let plan = &mut experiment.plan;
    plan.control = Some("fastapi again".to_owned());
    plan.blocks = 10;
    plan.slo = Some(Slo {
        quantile: 0.95,
        below: Duration::from_millis(250),
    });
    plan.price_per_core_hour = Some(0.04);
    plan.cores = Some(CoreSplit {
        generator: "0".to_owned(),
        contenders: "1".to_owned(),
    });
    plan.scenario = Some(scenario_facts());
    experiment.machine = described_machine();
    experiment.floor = Some(Floor {
        requests_per_second: 21_400.0,
        median: Duration::from_micros(2100),
    });
    let again = experiment.contenders[2].detail.clone();
    experiment.contenders[4].detail = again;
    for contender in &mut experiment.contenders {
        contender.facts = facts(&contender.name);
    }
    experiment.agreements = names[..4]
        .iter()
        .map(|name| Agreement {
            contender: (*name).to_owned(),
            compared: 100,
            differing: 0,
            examples: Vec::new(),
        })
        .collect();
    experiment.left_out.push(LeftOut {
        name: "fastapi-transformers".to_owned(),
        reason: "python3 was not found".to_owned(),
        remedy: "install Python 3.11 with its venv module".to_owned(),
    });
    experiment.problems.push(Problem {
        contender: "fastapi-docker".to_owned(),
        block: 4,
        load: RunLoad::Users,
        what: "was not ready within 60 s; its last lines:\nINFO: Started server process\nINFO: Waiting for application"
            .to_owned(),
    });
    for block in 1..=10 {
        let block_effect = 1.0 + 0.02 * gauss(&mut random);
        for (name, speed) in SPEEDS {
            if (name, block) == ("fastapi-docker", 4) {
                continue;
            }
            let rate = speed * block_effect * (1.0 + 0.008 * gauss(&mut random));
            experiment.runs.push(Run {
                cold_start: Some(Duration::from_millis(
                    random.random_range(0..60) + if is_python(name) { 2900 } else { 310 },
                )),
                usage: Some(Usage {
                    cpu: Duration::from_millis(random.random_range(9000..9400)),
                    peak_memory_bytes: random.random_range(0..8_000_000)
                        + if is_python(name) {
                            214_000_000
                        } else {
                            96_000_000
                        },
                }),
                ..plausible_run(name, block, (RunLoad::Users, rate), &mut random)
            });
        }
    }
    add_arrivals(&mut experiment, &mut random);
    add_sweep(&mut experiment, &mut random);
    experiment
}

fn is_python(name: &str) -> bool {
    name.starts_with("fastapi")
}

fn facts(name: &str) -> Vec<Fact> {
    let fact = |name: &str, value: &str| Fact {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let mut facts = vec![
        fact("model sha256", "6f0c2a9d41b7e385"),
        fact("environment OMP_NUM_THREADS", "1"),
    ];
    if is_python(name) {
        facts.push(fact("python", "3.11.9"));
        facts.push(fact("onnxruntime", "1.22.1"));
    } else {
        facts.push(fact("bakeoff", "0.1.0"));
    }
    if name.contains("docker") {
        facts.push(fact("image digest", "sha256:a90d5b17c3"));
    }
    facts
}

/// A turn under `load` with about so many requests per second.
fn plausible_run(name: &str, block: u32, (load, rate): (RunLoad, f64), random: &mut StdRng) -> Run {
    Run {
        contender: name.to_owned(),
        block,
        load,
        cold_start: None,
        usage: None,
        generator: Some(GeneratorUse {
            cpu_ratio: 0.08,
            steal_ratio: 0.0,
            neighbour_ratio: Some(0.01),
            pressure_ratio: Some(0.4),
        }),
        settled: true,
        measurement: plausible_measurement(rate, if is_python(name) { 0.22 } else { 0.09 }, random),
    }
}

/// Arrivals at a quarter and at three quarters of what the slowest can do; the closer, the longer the queue.
fn add_arrivals(experiment: &mut Experiment, random: &mut StdRng) {
    for per_second in [45.0, 135.0] {
        for block in 1..=7 {
            for (name, speed) in SPEEDS {
                let load = RunLoad::Arrivals { per_second };
                let mut run = plausible_run(name, block, (load, per_second), random);
                let service_ms = 1000.0 / speed;
                let busy = per_second / speed;
                let mut times = Times::new();
                for _ in 0..225 {
                    let wait =
                        -busy / (1.0 - busy) * service_ms * random.random_range(1e-9..1.0_f64).ln();
                    let ms = service_ms * (0.1 * gauss(random)).exp() + wait;
                    times.record(Duration::from_secs_f64(ms / 1e3));
                }
                let planned = times.count();
                let stats = &mut run.measurement.requests[0];
                stats.times[TimeKind::Response] = times.clone();
                stats.times[TimeKind::Service] = times;
                run.measurement.arrivals = Some(Arrivals {
                    planned,
                    not_sent: 0,
                });
                run.measurement.timeline.clear();
                experiment.runs.push(run);
            }
        }
    }
}

/// Steps of more and more users, who are served one after the other once there are more than a few.
fn add_sweep(experiment: &mut Experiment, random: &mut StdRng) {
    for block in 1..=6 {
        for (name, speed) in &SPEEDS[..4] {
            for users in [1, 2, 4, 8, 16, 32, 64, 128] {
                let share = f64::from(users) / (f64::from(users) + 2.5);
                let rate = speed * 1.02 * share.powi(2) * (1.0 + 0.01 * gauss(random));
                let mut times = Times::new();
                for _ in 0..200 {
                    let seconds = f64::from(users) / rate * (0.15 * gauss(random)).exp();
                    times.record(Duration::from_secs_f64(seconds));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a positive rate of some hundreds"
                )]
                let completed = (rate * 5.0) as u64;
                let mut measurement = measurement("/question_answering", &[], &[], 5);
                let stats = &mut measurement.requests[0];
                stats.times[TimeKind::Response] = times.clone();
                stats.times[TimeKind::Service] = times;
                stats.completed_in_period = completed;
                measurement.users = users;
                measurement.timeline.clear();
                experiment.runs.push(Run {
                    contender: (*name).to_owned(),
                    block,
                    load: RunLoad::Sweep { users },
                    cold_start: None,
                    usage: None,
                    generator: None,
                    settled: true,
                    measurement,
                });
            }
        }
    }
}

/// Two seconds of warm-up and five of measuring at about `rate`; response times vary by `spread` on a log scale.
fn plausible_measurement(rate: f64, spread: f64, random: &mut StdRng) -> Measurement {
    let mut merged = (Times::new(), Times::new());
    let mut timeline = Vec::new();
    let mut completed = 0;
    for second in 0..7_u64 {
        let users = USERS.min(35 * (u32::try_from(second).unwrap_or(0) + 1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive rate of some hundreds"
        )]
        let requests = (rate * (1.0 + 0.03 * gauss(random))) as u64;
        let mut times = Times::new();
        for _ in 0..requests {
            let stall = if random.random_range(0..400) == 0 {
                2.5
            } else {
                1.0
            };
            let seconds = f64::from(users) / rate * (spread * gauss(random)).exp() * stall;
            times.record(Duration::from_secs_f64(seconds));
        }
        if second >= 2 {
            merged.0.merge(&times);
            for _ in 0..requests {
                merged
                    .1
                    .record(Duration::from_micros(random.random_range(5..90)));
            }
            completed += requests;
        }
        let response_times: EncodedTimes = times.encode();
        timeline.push(Second {
            since_start: Duration::from_secs(second),
            users,
            requests,
            failures: 0,
            response_times,
            by_name: Vec::new(),
        });
    }
    let mut measurement = measurement("/question_answering", &[], &[], 5);
    let stats = &mut measurement.requests[0];
    stats.times[TimeKind::Response] = merged.0.clone();
    stats.times[TimeKind::Service] = merged.0;
    stats.completed_in_period = completed;
    stats.body_bytes = 71 * completed;
    Measurement {
        warm_up: Duration::from_secs(2),
        timeline,
        lag: merged.1,
        ..measurement
    }
}

/// An open model's load with these names over so many seconds, the first two of them warm-up: the rate rises in steps,
/// `/b` and what follows it is slower than `/a`, and the last name fails now and then.
pub fn load_test(names: &[&str], seconds: u64) -> LoadTest {
    let mut random = StdRng::seed_from_u64(5);
    let mut measurement = Measurement {
        warm_up: Duration::from_secs(2),
        marks: [
            (0.0, "10 arrivals/s"),
            (seconds as f64 / 2.0, "20 arrivals/s"),
        ]
        .map(|(at, what)| Mark {
            at: Duration::from_secs_f64(at),
            what: what.to_owned(),
        })
        .into(),
        ..measurement(names[0], &[], &[], seconds - 2)
    };
    (measurement.timeline, measurement.failures) = (Vec::new(), Vec::new());
    let empty = measurement.requests.swap_remove(0);
    measurement.requests = names
        .iter()
        .map(|name| RequestStats {
            method: if *name == "/a" { "GET" } else { "POST" }.to_owned(),
            name: (*name).to_owned(),
            ..empty.clone()
        })
        .collect();
    for second in 0..seconds {
        let rate = if second < seconds / 2 { 10 } else { 20 };
        load_second(&mut measurement, second, rate, &mut random);
    }
    if names.len() == 1 {
        measurement
            .timeline
            .iter_mut()
            .for_each(|second| second.by_name.clear());
    }
    let sent: u64 = measurement
        .requests
        .iter()
        .map(RequestStats::requests)
        .sum();
    measurement.unfinished = 1;
    measurement.arrivals = Some(Arrivals {
        planned: sent + 4,
        not_sent: 3,
    });
    LoadTest {
        name: "a load".to_owned(),
        host: "http://127.0.0.1:8000".to_owned(),
        bakeoff_version: "0.1.0".to_owned(),
        machine: machine(),
        measurement,
    }
}

/// One second in which each name is asked for `rate` times.
fn load_second(measurement: &mut Measurement, second: u64, rate: u64, random: &mut StdRng) {
    let measured = Duration::from_secs(second) >= measurement.warm_up;
    let mut all = Times::new();
    let mut by_name = Vec::new();
    let last = measurement.requests.len() - 1;
    for (index, stats) in measurement.requests.iter_mut().enumerate() {
        let failures = u64::from(index == last && second % 4 == 3);
        let (mut response_times, mut service_times) = (Times::new(), Times::new());
        for _ in failures..rate {
            let service = 0.02 * (index + 1) as f64 * (0.3 * gauss(random)).exp();
            let waited = service * 0.02 * (rate * second) as f64 / (second + 10) as f64;
            service_times.record(Duration::from_secs_f64(service));
            response_times.record(Duration::from_secs_f64(service + waited));
        }
        all.merge(&response_times);
        by_name.push(SecondOfName {
            requests: rate,
            failures,
            response_times: response_times.encode(),
        });
        if !measured {
            continue;
        }
        stats.times[TimeKind::Response].merge(&response_times);
        stats.times[TimeKind::Service].merge(&service_times);
        stats.completed_in_period += rate;
        stats.failed_in_period += failures;
        stats.body_bytes += 71 * rate;
        for _ in 0..failures {
            stats.times[TimeKind::Failure].record(Duration::from_millis(30));
            count_failure(&mut measurement.failures, stats, second);
        }
        for _ in 0..rate {
            let lag = Duration::from_micros(random.random_range(5..90));
            measurement.lag.record(lag);
        }
    }
    measurement.timeline.push(Second {
        since_start: Duration::from_secs(second),
        users: u32::try_from(rate).unwrap_or(0) / 2,
        requests: by_name.iter().map(|name| name.requests).sum(),
        failures: by_name.iter().map(|name| name.failures).sum(),
        response_times: all.encode(),
        by_name,
    });
}

fn count_failure(failures: &mut Vec<FailureCause>, stats: &RequestStats, second: u64) {
    let seen = Duration::from_secs(second);
    if let Some(cause) = failures.first_mut() {
        cause.occurrences += 1;
        cause.last_seen = seen;
        return;
    }
    failures.push(FailureCause {
        method: stats.method.clone(),
        name: stats.name.clone(),
        cause: "answer was \"no\", expected \"yes, <b>\"".to_owned(),
        side: Side::Server,
        occurrences: 1,
        first_seen: seen,
        last_seen: seen,
    });
}

/// A threshold that was kept and one that was not.
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

/// A standard normal number, by the method of Box and Muller.
fn gauss(random: &mut StdRng) -> f64 {
    let (radius, angle): (f64, f64) = (
        random.random_range(1e-12..1.0),
        random.random_range(0.0..std::f64::consts::TAU),
    );
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}
