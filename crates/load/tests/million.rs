//! Many requests, counted. Alone in its process, so that it holds up no test that looks at the clock.

use std::num::NonZeroU64;

use bakeoff_load::LoadConfig;

use server::{
    ONE_TASK, Seen, config, failures, measure, millis, over, raw_server, read_request, requests,
    scenario, write,
};

#[cfg(test)]
#[path = "it/server.rs"]
#[expect(dead_code, reason = "other tests need the rest of it")]
mod server;

#[test]
fn a_million_requests_are_counted_as_the_server_counts_them() {
    const MILLION: u64 = 1_000_000;
    let seen = Seen::default();
    let counted = seen.clone();
    // Every thousandth answer is a failure.
    let (url, connections) = raw_server(move |stream| {
        while read_request(stream) {
            let status = if (counted.one_more() + 1).is_multiple_of(1000) {
                "500 Oh"
            } else {
                "200 OK"
            };
            write(
                stream,
                &format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nhi"),
            );
        }
    });
    let config = LoadConfig {
        iterations: NonZeroU64::new(MILLION),
        run_time: None,
        ..config(&url, 8, millis(1))
    };
    let measurement = measure(&scenario(ONE_TASK), &config);
    let counts = [
        seen.count(),
        requests(&measurement),
        over(&measurement),
        measurement.lag.count(),
    ];
    assert_eq!(counts, [MILLION; 4]);
    assert_eq!(failures(&measurement), MILLION / 1000);
    let [failure] = measurement.failures.as_slice() else {
        panic!("{:?}", measurement.failures)
    };
    assert_eq!(failure.occurrences, MILLION / 1000);
    assert_eq!(measurement.requests[0].body_bytes, 2 * MILLION);
    assert_eq!(
        (connections.count(), measurement.connections_opened),
        (8, 8)
    );
}
