//! Loads other than a steady number of users.

use bakeoff_record::times::TimeKind;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use bakeoff_load::{
    ArrivalRate, Control, LoadConfig, OpenModel, Phase, Progress, Spacing, Stage, Workload, run,
};
use bakeoff_record::{Measurement, Times};
use tokio_util::sync::CancellationToken;

use crate::server::{
    ONE_TASK, Seen, Server, config, config_of, failures, measure, millis, requests, scenario,
    users_at,
};

/// A server that answers after `delay`.
fn server(delay: Duration) -> (Server, Seen) {
    let seen = Seen::default();
    let counted = seen.clone();
    let answer = get(move || {
        counted.one_more();
        async move { tokio::time::sleep(delay).await }
    });
    (Server::start(Router::new().route("/", answer)), seen)
}

fn arrivals(rate: f64, spacing: Spacing, max_in_flight: u32) -> Workload {
    Workload::OpenModel(OpenModel {
        rates: vec![ArrivalRate::constant(rate)],
        spacing,
        max_in_flight: NonZeroU32::new(max_in_flight).unwrap(),
    })
}

fn response_times(measurement: &Measurement) -> &Times {
    &measurement.requests[0].times[TimeKind::Response]
}

#[test]
fn stages_say_how_many_users_there_are_and_how_long_it_lasts() {
    let (server, seen) = server(millis(5));
    let stage = |duration, users| Stage {
        duration: millis(duration),
        users,
        spawn_rate: 1000.0,
    };
    let config = LoadConfig {
        workload: Workload::Stages(vec![stage(1200, 6), stage(1000, 2), stage(900, 4)]),
        run_time: None,
        // No failure on a machine that is too busy for an answer in 10 s.
        stop_timeout: Duration::from_mins(10),
        ..config(&server.url, 1, millis(1))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    let users: Vec<u32> = measurement
        .timeline
        .iter()
        .map(|second| second.users)
        .collect();
    assert_eq!(
        (&users[..3], measurement.users),
        (&[6, 2, 4][..], 6),
        "{users:?}"
    );
    assert_eq!(measurement.period, millis(3100));
    let marks = measurement.marks.iter();
    let marks: Vec<_> = marks.map(|mark| (mark.at, mark.what.as_str())).collect();
    let expected = [
        (millis(1200), "stage: 2 users at 1000/s"),
        (millis(2200), "stage: 4 users at 1000/s"),
    ];
    assert_eq!(marks, expected);
    assert_eq!(
        (requests(&measurement), failures(&measurement)),
        (seen.count(), 0)
    );
    assert!(!measurement.interrupted);
}

#[test]
fn users_can_be_more_and_fewer_while_it_runs() {
    let (server, seen) = server(millis(5));
    let config = config(&server.url, 2, Duration::from_mins(1));
    let control = Control::new();
    let mut seen_users = Vec::new();
    let measurement = run(&scenario(ONE_TASK), &config, &control, &mut |progress| {
        if seen_users.last() != Some(&progress.users) {
            seen_users.push(progress.users);
        }
        match progress.so_far.timeline.len() {
            1 => control.set_users(9, 1000.0),
            2 => control.set_users(3, 1000.0),
            3.. => control.stop(),
            _ => (),
        }
    })
    .unwrap();
    let users: Vec<u32> = measurement
        .timeline
        .iter()
        .map(|second| second.users)
        .take(3)
        .collect();
    assert_eq!(users, [2, 9, 3]);
    assert_eq!(measurement.marks[0].what, "9 users at 1000/s");
    assert_eq!(requests(&measurement), seen.count());
}

#[test]
fn users_who_wait_leave_too_when_fewer_are_wanted() {
    let (server, _) = server(millis(1));
    let config = config(&server.url, 4, Duration::from_mins(10));
    let control = Control::new();
    let waiting = format!("[load]\nwait_time = \"100ms\"\n{ONE_TASK}");
    let mut users = Vec::new();
    let mut observe = |progress: &Progress<'_>| {
        let Some(second) = progress.so_far.timeline.last() else {
            return;
        };
        if users.is_empty() {
            control.set_users(0, 1000.0);
        } else if second.users == 0 {
            control.stop();
        }
        users.push(second.users);
    };
    let measurement = run(&scenario(&waiting), &config, &control, &mut observe).unwrap();
    assert_eq!((users[0], measurement.interrupted), (4, true));
}

#[test]
fn figures_that_begin_anew_leave_out_what_was_before() {
    let (server, seen) = server(millis(5));
    let config = config(&server.url, 4, Duration::from_mins(1));
    let control = Control::new();
    let mut before = 0;
    let measurement = run(
        &scenario(ONE_TASK),
        &config,
        &control,
        &mut |progress| match progress.so_far.timeline.len() {
            1 if before == 0 => {
                before = requests(progress.so_far);
                drop(control.reset());
            }
            2.. => control.stop(),
            _ => (),
        },
    )
    .unwrap();
    assert!(before > 20, "{before}");
    let (all, counted) = (seen.count(), requests(&measurement));
    assert!(
        counted + before <= all && counted > 20,
        "{counted} of {all} after {before}"
    );
    assert_eq!(measurement.unfinished, 0);
    let over: u64 = measurement
        .timeline
        .iter()
        .map(|second| second.requests)
        .sum();
    assert_eq!(over, all);
    assert!(measurement.warm_up > Duration::from_secs(1));
}

#[test]
fn a_warm_up_that_is_ended_early_leaves_the_measured_period_as_long_as_it_was() {
    let (server, _) = server(millis(5));
    let config = LoadConfig {
        warm_up: Some(Duration::from_mins(1)),
        ..config(&server.url, 4, Duration::from_millis(200))
    };
    let control = Control::new();
    let began = Instant::now();
    let measurement = run(
        &scenario(ONE_TASK),
        &config,
        &control,
        &mut |progress| match progress.phase {
            Phase::WarmUp if !progress.so_far.timeline.is_empty() => control.begin_measuring(),
            _ => (),
        },
    )
    .unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(measurement.period, Duration::from_millis(200));
    assert!(measurement.warm_up >= Duration::from_secs(1));
    assert!(!measurement.interrupted && measurement.unfinished == 0);
    let measured = requests(&measurement);
    let over: u64 = measurement
        .timeline
        .iter()
        .map(|second| second.requests)
        .sum();
    assert!(measured > 0 && measured < over, "{measured} of {over}");
}

#[test]
fn as_many_tasks_as_asked_for_are_done_and_no_more() {
    let (server, seen) = server(millis(2));
    let config = LoadConfig {
        iterations: NonZeroU64::new(101),
        ..config(&server.url, 7, Duration::from_mins(1))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!((requests(&measurement), seen.count()), (101, 101));
    assert!(!measurement.interrupted && measurement.period < Duration::from_secs(30));
}

#[test]
fn arrivals_come_at_their_rate_whatever_the_server_does() {
    let (server, seen) = server(millis(100));
    let config = LoadConfig {
        workload: arrivals(400.0, Spacing::Even, 1000),
        ..config(&server.url, 1, millis(500))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    let arrived = measurement.arrivals.unwrap();
    assert_eq!((arrived.planned, arrived.not_sent), (200, 0));
    assert_eq!(
        (requests(&measurement), seen.count(), measurement.unfinished),
        (200, 200, 0)
    );
    // Some forty are always in flight, each on a connection that is used again.
    assert!(
        (28..200).contains(&measurement.connections_opened),
        "{}",
        measurement.connections_opened
    );
}

#[test]
fn arrivals_over_the_limit_in_flight_are_counted_and_not_sent() {
    // Answers come when all requests have arrived, however long that takes.
    let (all_arrived, seen) = (CancellationToken::new(), Seen::default());
    let (released, seen_by_server) = (all_arrived.clone(), seen.clone());
    let answer = get(move || {
        seen_by_server.one_more();
        let released = released.clone();
        async move { released.cancelled().await }
    });
    let server = Server::start(Router::new().route("/", answer));
    let config = LoadConfig {
        workload: arrivals(50.0, Spacing::Even, 5),
        ..config(&server.url, 1, millis(800))
    };
    let mut observe = |progress: &Progress<'_>| {
        if progress.phase == Phase::Draining {
            all_arrived.cancel();
        }
    };
    let scenario = scenario(ONE_TASK);
    let measurement = run(&scenario, &config, &Control::new(), &mut observe).unwrap();
    let arrived = measurement.arrivals.unwrap();
    assert_eq!((arrived.planned, arrived.not_sent), (40, 35));
    assert_eq!((requests(&measurement), seen.count()), (5, 5));
}

#[test]
fn a_server_that_stalls_for_a_tenth_of_the_load_delays_a_tenth_of_the_arrivals() {
    // From request 200 on, nothing is answered for 200 ms: the arrivals of that time wait for its end.
    let (seen, stalled_until) = (Seen::default(), Arc::new(OnceLock::new()));
    let answer = get(move || {
        if seen.one_more() == 200 {
            stalled_until.get_or_init(|| Instant::now() + millis(200));
        }
        let end = stalled_until.get().copied();
        async move {
            if let Some(end) = end {
                tokio::time::sleep_until(end.into()).await;
            }
        }
    });
    let server = Server::start(Router::new().route("/", answer));
    let config = LoadConfig {
        workload: arrivals(500.0, Spacing::Even, 1000),
        ..config(&server.url, 1, Duration::from_secs(2))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    let times = response_times(&measurement);
    assert_eq!(times.count(), 1000);
    // A tenth of the requests waited for up to 200 ms, evenly spread. A busy machine makes the waits longer, never shorter.
    let of = |share: f64| times.quantile(share).unwrap();
    assert!(of(0.92) >= millis(20), "{:?}", of(0.92));
    assert!(of(0.95) >= millis(90), "{:?}", of(0.95));
    assert!(times.max().unwrap() >= millis(190));
}

#[test]
fn known_delays_come_back() {
    for delay in [20, 200] {
        let (server, _) = server(millis(delay));
        let config = LoadConfig {
            workload: arrivals(200.0, Spacing::Poisson, 1000),
            ..config(&server.url, 1, millis(500))
        };
        let measurement = measure(&scenario(ONE_TASK), &config);
        // The server's timer is never early, and of a hundred requests one is quick on any machine.
        let shortest = response_times(&measurement).min().unwrap();
        assert!(
            shortest >= millis(delay) && shortest <= millis(delay + 100),
            "{shortest:?} for {delay} ms"
        );
    }
}

#[test]
fn requests_in_flight_when_a_user_has_to_stop_are_finished() {
    let (server, seen) = server(millis(200));
    let stage = |users| Stage {
        duration: millis(300),
        users,
        spawn_rate: 1000.0,
    };
    let config = LoadConfig {
        workload: Workload::Stages(vec![stage(3), stage(1)]),
        run_time: None,
        ..config(&server.url, 1, millis(1))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!(
        (requests(&measurement), measurement.unfinished),
        (seen.count(), 0)
    );
    assert!(seen.count() >= 3, "{}", seen.count());
}

#[test]
fn stages_may_be_longer_than_time_can_be_told() {
    let server = Server::start(Router::new().fallback(|| async {}));
    let stage = |users| Stage {
        duration: Duration::MAX,
        users,
        spawn_rate: 1.0,
    };
    let config = LoadConfig {
        workload: Workload::Stages(vec![stage(1), stage(2)]),
        ..config_of(&server.url, 3)
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!(requests(&measurement), 3);
}

#[test]
fn users_who_do_not_fit_are_refused_and_those_who_come_later_take_no_memory() {
    let server = Server::start(Router::new().fallback(|| async {}));
    let config = |users| LoadConfig {
        workload: users_at(users, 1.0),
        ..config_of(&server.url, 3)
    };
    let control = bakeoff_load::Control::new();
    let refused = bakeoff_load::run(
        &scenario(ONE_TASK),
        &config(u32::MAX),
        &control,
        &mut |_| (),
    );
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.starts_with("4294967295 users do not fit"),
        "{refused}"
    );
    // A million tasks would be some gigabytes.
    let before = resident_bytes();
    let measurement = measure(&scenario(ONE_TASK), &config(1_000_000));
    assert_eq!(requests(&measurement), 3);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes");
}

fn resident_bytes() -> u64 {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat());
    stat.map_or(0, |stat| stat.rss * procfs::page_size())
}
