//! Rates from the time between completions, turns that last until every user has done enough, and what tells of the generator.

use bakeoff_record::times::TimeKind;
use std::num::NonZeroU32;
use std::time::Duration;

use bakeoff_load::{Control, Enough, LoadConfig, Workload, run};

use crate::counting::server;
use crate::server::{ONE_TASK, config, measure, millis, requests, scenario};

#[test]
fn users_in_lockstep_have_the_rate_of_their_cycles() {
    // Every answer takes 300 ms: one, two or three of them end in a window of a second, and four begin in it.
    let (server, _) = server(millis(300));
    let measurement = measure(&scenario(ONE_TASK), &config(&server.url, 4, millis(1000)));
    let users = f64::from(measurement.users);
    let cycles = measurement.user_time.unwrap().as_secs_f64();
    let rate = requests(&measurement) as f64 * users / cycles;
    // Answers can only be late, and then every rate is lower.
    assert!(rate <= 4.0 / 0.3 && rate > 4.0 / 0.3 * 0.8, "{rate}");
    let mean = measurement.requests[0].times[TimeKind::Response]
        .mean()
        .unwrap();
    let in_flight = rate * mean.as_secs_f64();
    assert!((in_flight / users - 1.0).abs() < 0.05, "{in_flight}");
}

#[test]
fn a_measured_period_can_be_ended_once_all_users_have_finished_their_rounds() {
    let (server, _) = server(millis(1));
    let enough = |at_least, rounds| {
        let config = LoadConfig {
            enough: Some(Enough {
                at_least,
                tasks_per_user: NonZeroU32::new(rounds).unwrap(),
            }),
            ..config(&server.url, 3, Duration::from_hours(1))
        };
        measure(&scenario(ONE_TASK), &config)
    };
    let measurement = enough(Duration::ZERO, 7);
    assert!(!measurement.interrupted && measurement.fewest_rounds.unwrap() >= 7);
    assert!(measurement.period < Duration::from_mins(10));
    let measurement = enough(millis(700), 1);
    assert!(!measurement.interrupted && measurement.period >= millis(700));
}

#[test]
fn spread_users_do_not_start_together() {
    let (server, _) = server(millis(1));
    let config = LoadConfig {
        workload: Workload::Spread {
            users: NonZeroU32::new(8).unwrap(),
            over: millis(400),
        },
        ..config(&server.url, 1, millis(800))
    };
    let mut spawning = 0;
    let measurement = run(
        &scenario(ONE_TASK),
        &config,
        &Control::new(),
        &mut |progress| {
            spawning += u32::from(progress.phase == bakeoff_load::Phase::Spawning);
        },
    );
    assert_eq!((measurement.unwrap().users, spawning), (8, 1));
}

#[test]
fn wake_ups_and_different_requests_are_counted() {
    let (server, _) = server(millis(1));
    let measurement = measure(&scenario(ONE_TASK), &config(&server.url, 2, millis(500)));
    assert_eq!(measurement.distinct_requests, Some(1));
    // Once every 10 ms, for each thread; those that were late are there too.
    let wake_ups = measurement.wake_up_delays.count();
    let threads = 2;
    assert!(
        (48 * threads..=50 * threads).contains(&wake_ups),
        "{wake_ups}"
    );
}
