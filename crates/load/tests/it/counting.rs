//! Counts of requests: each one is counted once, in the right period.

use bakeoff_record::times::TimeKind;
use std::num::NonZeroUsize;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use bakeoff_load::{LoadConfig, Phase};
use bakeoff_record::Times;

use crate::server::{
    ONE_TASK, Seen, Server, config, config_of, failures, lasting, measure, measure_until, millis,
    over, requests, scenario, users_at,
};

/// A server that answers "hello" after `delay`, and its count.
pub(crate) fn server(delay: Duration) -> (Server, Seen) {
    let seen = Seen::default();
    let counted = seen.clone();
    let answer = move || async move {
        counted.one_more();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        "hello"
    };
    (Server::start(Router::new().route("/", get(answer))), seen)
}

#[test]
fn every_request_is_counted_once_by_both_sides() {
    let (server, seen) = server(Duration::ZERO);
    let measurement = measure(&scenario(ONE_TASK), &lasting(&server.url, 7, millis(1_200)));
    let [stats] = measurement.requests.as_slice() else {
        panic!("one task, one entry")
    };
    assert!(seen.count() >= 5 * 7, "{}", seen.count());
    assert_eq!(
        (stats.requests(), stats.failures(), measurement.unfinished),
        (seen.count(), 0, 0)
    );
    assert_eq!((stats.method.as_str(), stats.name.as_str()), ("GET", "/"));
    assert_eq!(stats.body_bytes, 5 * seen.count());
    assert_eq!(over(&measurement), seen.count());
    assert_eq!(measurement.lag.count(), seen.count());
    assert!(
        stats.completed_in_period <= seen.count() && stats.completed_in_period + 7 >= seen.count()
    );
    assert_eq!((measurement.users, measurement.connections_opened), (7, 7));
    assert_eq!(measurement.warm_up, Duration::ZERO);
    assert!(measurement.period >= millis(1_200));
    assert!(!measurement.interrupted);
    assert_eq!(measurement.timeline[0].users, 7);
    let mut of_all_seconds = Times::new();
    measurement
        .timeline
        .iter()
        .for_each(|second| of_all_seconds.merge(&second.response_times.decode().unwrap()));
    assert_eq!(of_all_seconds, stats.times[TimeKind::Response]);
}

#[test]
fn response_times_contain_the_servers_delay() {
    let (server, _) = server(millis(30));
    let measurement = measure(&scenario(ONE_TASK), &config(&server.url, 4, millis(500)));
    let times = &measurement.requests[0].times[TimeKind::Response];
    assert!(times.min().unwrap() >= millis(30), "{times:?}");
    // Each user waits for its own answers, so it cannot have sent more than this.
    assert!(times.count() <= 4 * 17, "{}", times.count());
    assert!(times.count() >= 4, "{}", times.count());
}

#[test]
fn a_server_that_freezes_is_seen_by_every_user_that_waits() {
    let seen = Seen::default();
    let freeze = move || async move {
        if seen.one_more() == 200 {
            // The whole server: its one thread answers nobody for this long.
            std::thread::sleep(millis(1_000));
        }
        "hello"
    };
    let server = Server::start(Router::new().route("/", get(freeze)));
    let config = LoadConfig {
        workload: users_at(5, 5.0),
        ..config_of(&server.url, 1_000)
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    let times = &measurement.requests[0].times[TimeKind::Response];
    let of_slowest = |rank: f64| {
        times
            .quantile(1.0 - (rank - 0.5) / times.count() as f64)
            .unwrap()
    };
    assert!(times.max().unwrap() >= millis(1_000), "{:?}", times.max());
    assert!(of_slowest(5.0) >= millis(900), "{:?}", of_slowest(5.0));
    assert!(of_slowest(6.0) < millis(900), "{:?}", of_slowest(6.0));
}

#[test]
fn the_warm_up_is_left_out_but_in_the_timeline() {
    let seen = Seen::default();
    let counted = seen.clone();
    let answer = move || async move {
        if counted.one_more() < 20 {
            (StatusCode::SERVICE_UNAVAILABLE, "no")
        } else {
            (StatusCode::OK, "yes")
        }
    };
    let server = Server::start(Router::new().route("/", get(answer)));
    let config = LoadConfig {
        workload: users_at(4, 20.0),
        warm_up: Some(millis(400)),
        ..config(&server.url, 4, millis(300))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!((failures(&measurement), measurement.failures.len()), (0, 0));
    assert_eq!(
        measurement
            .timeline
            .iter()
            .map(|second| second.failures)
            .sum::<u64>(),
        20
    );
    assert_eq!(over(&measurement), seen.count());
    assert!(requests(&measurement) > 0 && requests(&measurement) < seen.count() - 20);
    assert_eq!(
        (measurement.warm_up, measurement.period),
        (millis(400), millis(300))
    );
    assert_eq!(measurement.lag.count(), requests(&measurement));
}

#[test]
fn the_measured_period_begins_after_the_last_user_was_started() {
    let (server, _) = server(millis(1));
    let config = LoadConfig {
        workload: users_at(4, 2.0),
        warm_up: Some(millis(50)),
        ..config(&server.url, 4, millis(200))
    };
    let mut phases = Vec::new();
    let measurement = measure_until(&scenario(ONE_TASK), &config, |progress| {
        if phases.last() != Some(&progress.phase) {
            phases.push(progress.phase);
        }
        false
    });
    assert_eq!(
        phases,
        [
            Phase::Spawning,
            Phase::WarmUp,
            Phase::Measuring,
            Phase::Draining
        ]
    );
    assert_eq!(
        (measurement.warm_up, measurement.period),
        (millis(1_050), millis(200))
    );
    assert_eq!(measurement.timeline[0].users, 2);
}

#[test]
fn requests_in_flight_at_the_end_are_waited_for() {
    let (server, seen) = server(millis(400));
    let measurement = measure(&scenario(ONE_TASK), &config(&server.url, 5, millis(100)));
    let stats = &measurement.requests[0];
    assert_eq!(
        (seen.count(), stats.requests(), measurement.unfinished),
        (5, 5, 0)
    );
    assert_eq!(
        (stats.completed_in_period, measurement.period),
        (0, millis(100))
    );
}

#[test]
fn a_load_that_is_stopped_keeps_what_it_measured() {
    let (server, seen) = server(millis(1));
    let hours = Duration::from_hours(10);
    let enough = |progress: &bakeoff_load::Progress<'_>| !progress.so_far.timeline.is_empty();
    let stopped = measure_until(&scenario(ONE_TASK), &config(&server.url, 3, hours), enough);
    assert!(stopped.interrupted && stopped.period < hours / 2);
    assert_eq!(requests(&stopped) + stopped.unfinished, seen.count());
    assert!(requests(&stopped) > 10);
    let endless = LoadConfig {
        run_time: None,
        ..config(&server.url, 3, hours)
    };
    let stopped = measure_until(&scenario(ONE_TASK), &endless, enough);
    assert!(!stopped.interrupted && requests(&stopped) > 10);
}

#[test]
fn a_load_whose_observer_panics_ends() {
    let (server, seen) = server(millis(1));
    let config = LoadConfig {
        stop_timeout: Duration::ZERO,
        ..config(&server.url, 3, Duration::from_hours(10))
    };
    let observed = std::panic::catch_unwind(|| {
        measure_until(&scenario(ONE_TASK), &config, |progress| {
            assert!(progress.so_far.timeline.is_empty(), "on purpose");
            false
        })
    });
    assert!(observed.is_err() && seen.count() > 0);
}

#[test]
fn users_that_wait_are_stopped_at_once() {
    let (server, seen) = server(Duration::ZERO);
    let waiting = scenario(&format!("[load]\nwait_time = \"1h\"\n{ONE_TASK}"));
    let config = LoadConfig {
        run_time: None,
        ..config(&server.url, 3, Duration::ZERO)
    };
    let measurement = measure_until(&waiting, &config, |progress| requests(progress.so_far) == 3);
    assert_eq!(
        (seen.count(), requests(&measurement), measurement.unfinished),
        (3, 3, 0)
    );
}

#[test]
fn constant_pacing_sets_the_number_of_requests() {
    let (server, _) = server(millis(2));
    let paced = scenario(&format!(
        "[load]\nwait_time = {{ constant_pacing = \"50ms\" }}\n{ONE_TASK}"
    ));
    let measurement = measure(&paced, &config(&server.url, 4, millis(990)));
    // One at once and one every 50 ms, but for answers that took longer.
    assert!(
        (4..=4 * 20).contains(&requests(&measurement)),
        "{}",
        requests(&measurement)
    );
    assert!(measurement.lag.max().unwrap() > Duration::ZERO);
}

#[test]
fn more_threads_than_users_are_no_problem() {
    let (server, seen) = server(millis(1));
    let config = LoadConfig {
        threads: NonZeroUsize::new(16).unwrap(),
        ..config_of(&server.url, 20)
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!((requests(&measurement), seen.count()), (20, 20));
}
