//! Several generators that share one load.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use bakeoff_load::{
    ArrivalRate, Control, LoadConfig, OpenModel, Scenario, Share, Spacing, Workload, run,
};
use bakeoff_record::Measurement;
use tokio::sync::Barrier;

use crate::server::{ONE_TASK, Server, config, measure, requests, scenario};

/// A server that lists the paths of its requests. Answers come when `together` requests are in flight.
fn server(together: usize) -> (Server, Arc<Mutex<Vec<String>>>) {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let (seen, barrier) = (Arc::clone(&paths), Arc::new(Barrier::new(together)));
    let answer = move |request: Request| {
        seen.lock().unwrap().push(request.uri().to_string());
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
        }
    };
    (Server::start(Router::new().fallback(answer)), paths)
}

/// Rows in two orders, by weight.
fn rows() -> Scenario {
    let rows: Vec<String> = (0..7).map(|n| format!("{{ n = {n} }}")).collect();
    let rows = rows.join(", ");
    let task = |order: &str| {
        format!(
            "[[task]]\npath = \"/{order}/${{n}}\"\ndata = {{ rows = [{rows}], order = \"{order}\" }}\n"
        )
    };
    scenario(&format!(
        "{}{}weight = 2\n",
        task("per_user"),
        task("shuffled")
    ))
}

/// The measurements of all shares, which run at the same time.
fn run_shares(scenario: &Scenario, config: &LoadConfig, of: u32) -> Vec<Measurement> {
    thread::scope(|scope| {
        let loads: Vec<_> = (0..of)
            .map(|index| {
                let config = LoadConfig {
                    share: Share::new(index, of).unwrap(),
                    ..config.clone()
                };
                scope.spawn(move || measure(scenario, &config))
            })
            .collect();
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    })
}

/// Asserts that two shares send together the requests of one load, and that there are so many.
fn check(together: usize, count: u64, config: impl Fn(&str) -> LoadConfig) {
    let scenario = rows();
    let (one, paths_of_one) = server(together);
    let measurement = measure(&scenario, &config(&one.url));
    let (two, paths_of_two) = server(together);
    let shares = run_shares(&scenario, &config(&two.url), 2);
    let sorted = |paths: &Mutex<Vec<String>>| {
        let mut paths = paths.lock().unwrap().clone();
        paths.sort();
        paths
    };
    assert_eq!(sorted(&paths_of_one), sorted(&paths_of_two));
    assert_eq!(paths_of_one.lock().unwrap().len() as u64, count);
    let of_shares: Vec<u64> = shares.iter().map(requests).collect();
    assert_eq!(
        (requests(&measurement), of_shares),
        (count, vec![count / 2; 2])
    );
    assert!(shares.iter().all(|share| !share.interrupted));
}

#[test]
fn two_shares_of_users_send_the_requests_of_one_load() {
    // Six users in lockstep run two tasks each.
    check(6, 12, |url| LoadConfig {
        iterations: NonZeroU64::new(12),
        ..config(url, 6, Duration::from_mins(1))
    });
}

#[test]
fn two_shares_of_arrivals_send_the_requests_of_one_load() {
    check(1, 40, |url| LoadConfig {
        workload: Workload::OpenModel(OpenModel {
            rates: vec![ArrivalRate::constant(400.0)],
            spacing: Spacing::Poisson,
            max_in_flight: NonZeroU32::new(1000).unwrap(),
        }),
        iterations: NonZeroU64::new(40),
        ..config(url, 1, Duration::from_mins(1))
    });
}

#[test]
fn a_share_without_an_iteration_ends_at_once() {
    let (server, paths) = server(1);
    let config = LoadConfig {
        iterations: NonZeroU64::new(2),
        ..config(&server.url, 5, Duration::from_hours(1))
    };
    let shares = run_shares(&scenario(ONE_TASK), &config, 3);
    let counts: Vec<u64> = shares.iter().map(requests).collect();
    assert_eq!((counts, paths.lock().unwrap().len()), (vec![1, 1, 0], 2));
}

#[test]
fn a_limit_in_flight_that_cannot_be_divided_is_refused() {
    let config = LoadConfig {
        workload: Workload::OpenModel(OpenModel {
            rates: vec![ArrivalRate::constant(1.0)],
            spacing: Spacing::Even,
            max_in_flight: NonZeroU32::new(2).unwrap(),
        }),
        share: Share::new(0, 3).unwrap(),
        ..config("http://127.0.0.1:1", 1, Duration::from_secs(1))
    };
    let error = run(&scenario(ONE_TASK), &config, &Control::new(), &mut |_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot divide `max_in_flight` = 2 among 3 generators; it must be at least 3"
    );
}
