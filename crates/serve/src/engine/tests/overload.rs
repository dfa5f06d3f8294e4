//! Requests that the queue rejects.

use super::*;

#[tokio::test]
async fn overload_is_refused_at_once_and_over_when_the_queue_has_drained() {
    let mut bench = start(ServeConfig {
        admission: Admission {
            max_queue_tokens: NonZeroUsize::new(16).unwrap(),
            ..config().admission
        },
        ..config()
    })
    .await;
    let blocked = bench.block().await;
    // Each request has seven tokens.
    let waiting = bench.line_up(&["one", "two"]).await;
    let refused = bench.engine.answer(items(&["three"]), never()).await;
    assert!(matches!(refused, Err(Refused::Overloaded(_))));
    assert_eq!(bench.engine.queue.tokens(), 14);

    // Of requests that are larger than the queue, one can wait.
    let large = bench.ask(items(&["x"; 10]));
    bench.until_waiting(12).await;
    let refused = bench.engine.answer(items(&["y"; 10]), never()).await;
    assert!(matches!(refused, Err(Refused::Overloaded(_))));

    bench.release();
    for running in waiting.into_iter().chain([blocked]) {
        answered(running).await;
    }
    assert_eq!(answered(large).await.items.len(), 10);
}

#[tokio::test]
async fn a_place_that_is_reserved_shows_until_it_is_given_back() {
    let bench = start(config()).await;
    let shows = |line: &str| bench.engine.metrics.encode().contains(line);
    let ticket = bench.engine.queue.reserve(100).unwrap();
    assert!(shows("bakeoff_queue_tokens 100\n"));
    drop(ticket);
    assert!(shows("bakeoff_queue_tokens 0\n"));
}

#[tokio::test]
async fn the_time_to_wait_before_a_retry_shrinks_as_the_queue_drains() {
    let mut bench = start(ServeConfig {
        max_batch_tokens: NonZeroUsize::MIN,
        admission: Admission {
            max_queue_delay: Duration::ZERO,
            ..config().admission
        },
        ..config()
    })
    .await;
    // With a maximum delay of 0, an empty queue accepts one request: a list that blocks at each question.
    let list = bench.ask(items(&["block"; 6]));
    assert_eq!(bench.next_batch().await, ["block"]);
    bench.until_waiting(5).await;
    let mut estimates = Vec::new();
    for waiting in (0..5).rev() {
        // The test sets the throughput to one question per second. Blocked inferences have no useful throughput.
        for _ in 0..1000 {
            bench.engine.queue.record(7, Duration::from_secs(1));
        }
        let long_list = items(&["x"; 100]);
        let refused = bench.engine.answer(long_list, never()).await;
        let Err(Refused::Overloaded(retry_after)) = refused else {
            panic!("{refused:?}");
        };
        estimates.push(retry_after.as_secs_f64().round());
        bench.release();
        assert_eq!(bench.next_batch().await, ["block"]);
        bench.until_waiting(waiting).await;
    }
    assert_eq!(estimates, [5.0, 4.0, 3.0, 2.0, 1.0]);
    bench.release();
    answered(list).await;
    assert!(bench.engine.answer(items(&["a"]), never()).await.is_ok());
}

#[tokio::test]
async fn a_request_that_has_waited_too_long_is_refused_when_its_turn_comes() {
    let max_queue_delay = Duration::from_hours(1);
    let mut bench = start(ServeConfig {
        admission: Admission {
            max_queue_delay,
            ..config().admission
        },
        ..config()
    })
    .await;
    let blocked = bench.block().await;
    let late = bench.line_up(&["late", "late"]).await;
    bench.engine.queue.advance(2 * max_queue_delay);
    let next = bench.line_up(&["next"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["next"]);
    for running in late {
        let outcome = soon("the refusal", running).await.unwrap();
        assert!(matches!(outcome, Err(Refused::Overloaded(_))));
    }
    for running in next.into_iter().chain([blocked]) {
        answered(running).await;
    }
    assert_eq!(bench.engine.queue.tokens(), 0);
}
