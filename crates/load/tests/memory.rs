//! Memory does not grow with the number of requests. Alone in its process, so that nothing else is measured.
#![cfg(target_os = "linux")]

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use bakeoff_load::{Control, LoadConfig, Scenario, Share, Workload, run};
use bakeoff_record::RequestStats;

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(|| async { "hello" }))
                .await
                .unwrap();
        });
    });
    let scenario = Scenario::parse("[[task]]\npath = \"/\"", Path::new("scenario.toml")).unwrap();
    let config = LoadConfig {
        host,
        workload: Workload::Users {
            users: NonZeroU32::new(10).unwrap(),
            spawn_rate: 10.0,
        },
        iterations: None,
        run_time: Some(Duration::from_secs(4)),
        warm_up: None,
        stop_timeout: Duration::from_secs(10),
        enough: None,
        seed: 1,
        share: Share::WHOLE,
        threads: NonZeroUsize::MIN,
    };
    // Requests and memory in bytes at the end of each second.
    let mut seconds = Vec::new();
    let measurement = run(&scenario, &config, &Control::new(), &mut |progress| {
        let requests: u64 = progress
            .so_far
            .requests
            .iter()
            .map(RequestStats::requests)
            .sum();
        seconds.push((requests, resident_bytes().unwrap()));
    });
    measurement.unwrap();
    // In the first two seconds the histograms are made.
    let (first, last) = (seconds[seconds.len() / 2], seconds.last().unwrap());
    let requests = last.0 - first.0;
    let grown = last.1.saturating_sub(first.1);
    assert!(requests > 2_000, "{requests} requests");
    // A request that is kept takes its three times at least; a second takes one small histogram.
    assert!(
        grown < 8 * requests + 256 * 1024,
        "{grown} bytes more after {requests} requests"
    );
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
