//! Requests without an answer are failures that percentiles, thresholds and causes know of.

use bakeoff_record::times::TimeKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bakeoff_load::{ArrivalRate, LoadConfig, MAX_IN_FLIGHT, OpenModel, Spacing, Workload};
use bakeoff_record::Summary;

use crate::server::{
    ONE_TASK, Seen, causes, config, failures, measure, measure_until, millis, over, raw_server,
    read_request, requests, scenario, write,
};

/// A server that answers at once until it has answered so often, and nothing after that.
fn freezing_server(answers: u64) -> (String, Seen) {
    let answered = AtomicU64::new(0);
    raw_server(move |stream| {
        while read_request(stream) {
            if answered.fetch_add(1, Ordering::SeqCst) < answers {
                write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        }
    })
}

const NO_ANSWER: &str = "no answer within 50ms after the end of the load";

#[test]
fn requests_without_an_answer_are_failures_with_a_cause_of_their_own() {
    let (url, _) = freezing_server(0);
    let config = LoadConfig {
        stop_timeout: millis(50),
        ..config(&url, 5, millis(300))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!((requests(&measurement), failures(&measurement)), (5, 5));
    assert_eq!(causes(&measurement), [(NO_ANSWER, 5)]);
    let ages = &measurement.requests[0].times[TimeKind::Unanswered];
    assert_eq!((ages.count(), measurement.unfinished), (5, 0));
    assert!(ages.min().unwrap() >= millis(350) && measurement.fewest_rounds == Some(0));
    // The timeline has them too, in the second in which they were given up.
    assert_eq!(over(&measurement), 5);
}

#[test]
fn a_freeze_shows_in_percentiles_thresholds_and_failures() {
    let (url, _) = freezing_server(150);
    let config = LoadConfig {
        stop_timeout: millis(50),
        ..config(&url, 3, millis(1000))
    };
    let text = format!(
        "{ONE_TASK}\n[[threshold]]\nmetric = \"response_time.p99\"\nbelow = \"500ms\"\n\
         [[threshold]]\nmetric = \"fail_ratio\"\nbelow = 0.01\n"
    );
    let scenario = scenario(&text);
    let measurement = measure(&scenario, &config);
    assert_eq!((requests(&measurement), failures(&measurement)), (153, 3));
    let total = Summary::of([&measurement]).total;
    let p99 = total.percentile(0.99).unwrap();
    assert!(p99.is_lower_bound && p99.time >= millis(500), "{p99:?}");
    assert!(!total.median().unwrap().is_lower_bound);
    let broken: Vec<bool> = scenario
        .threshold_outcomes(&measurement)
        .iter()
        .map(|outcome| outcome.failure.is_some())
        .collect();
    assert_eq!(broken, [true, true]);
}

#[test]
fn requests_of_the_warm_up_that_are_never_answered_count() {
    let (url, _) = freezing_server(0);
    let config = LoadConfig {
        stop_timeout: millis(50),
        warm_up: Some(millis(200)),
        ..config(&url, 2, millis(300))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!(causes(&measurement), [(NO_ANSWER, 2)]);
    assert_eq!((requests(&measurement), measurement.unfinished), (2, 0));
    // Nothing was measured by a load that ended in its warm-up.
    let (url, _) = freezing_server(0);
    let config = LoadConfig {
        host: url,
        warm_up: Some(Duration::from_mins(10)),
        ..config
    };
    let stopped = measure_until(&scenario(ONE_TASK), &config, |progress| {
        progress.phase == bakeoff_load::Phase::WarmUp && !progress.so_far.timeline.is_empty()
    });
    assert_eq!(requests(&stopped), 0);
}

#[test]
fn requests_of_the_warm_up_that_fail_later_count() {
    let (url, _) = freezing_server(0);
    let config = LoadConfig {
        warm_up: Some(millis(100)),
        ..config(&url, 2, millis(200))
    };
    let text = format!("{ONE_TASK}timeout = \"600ms\"\n");
    let measurement = measure(&scenario(&text), &config);
    assert_eq!(causes(&measurement), [("timed out after 600ms", 2)]);
    assert_eq!((requests(&measurement), measurement.unfinished), (2, 0));
}

#[test]
fn arrivals_without_an_answer_are_failures_too() {
    let (url, _) = freezing_server(20);
    let config = LoadConfig {
        stop_timeout: millis(50),
        workload: Workload::OpenModel(OpenModel {
            rates: vec![ArrivalRate::constant(100.0)],
            spacing: Spacing::Even,
            max_in_flight: MAX_IN_FLIGHT,
        }),
        ..config(&url, 1, millis(500))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    let planned = measurement.arrivals.unwrap().planned;
    assert_eq!((requests(&measurement), planned), (50, 50));
    assert_eq!(failures(&measurement), 30);
    let total = Summary::of([&measurement]).total;
    assert!(total.median().unwrap().is_lower_bound);
    assert_eq!(
        (measurement.user_time, measurement.fewest_rounds),
        (None, None)
    );
}

#[test]
fn waiting_for_answers_can_be_given_up() {
    let (url, _) = freezing_server(0);
    let give_up = tokio_util::sync::CancellationToken::new();
    let control = bakeoff_load::Control::new().giving_up(give_up.clone());
    let config = LoadConfig {
        // A test that hangs is what it would be, were it waited for.
        stop_timeout: Duration::from_hours(1),
        ..config(&url, 2, millis(100))
    };
    let mut observe = |progress: &bakeoff_load::Progress<'_>| {
        if progress.phase == bakeoff_load::Phase::Draining {
            give_up.cancel();
        }
    };
    let scenario = scenario(ONE_TASK);
    let measurement = bakeoff_load::run(&scenario, &config, &control, &mut observe).unwrap();
    assert_eq!(
        causes(&measurement),
        [(
            "no answer when waiting was given up after the end of the load",
            2
        )]
    );
}
