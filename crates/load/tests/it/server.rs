//! Servers to put a load on, and loads to put on them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use bakeoff_load::{Control, Enough, LoadConfig, Progress, Scenario, Share, Workload, run};
use bakeoff_record::Measurement;
use tokio_util::sync::CancellationToken;

/// A scenario of one task, a GET of `/`.
pub(crate) const ONE_TASK: &str = "[[task]]\npath = \"/\"\n";

/// Counts requests as a server sees them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<AtomicU64>);

impl Seen {
    /// Counts one more and tells how many there were before.
    pub(crate) fn one_more(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.unwrap(),
                    () = stopped.cancelled() => (),
                }
            });
        });
        Self {
            url,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A server that does with each connection what `serve` does, and counts them. Gives its address.
pub(crate) fn raw_server(serve: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (String, Seen) {
    serve_raw(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
}

/// [`raw_server`] on a given listener.
pub(crate) fn serve_raw(
    listener: TcpListener,
    serve: impl Fn(&mut TcpStream) + Send + Sync + 'static,
) -> (String, Seen) {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Seen::default();
    let (seen, serve) = (connections.clone(), Arc::new(serve));
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            seen.one_more();
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(&mut stream));
        }
    });
    (url, connections)
}

/// A server that does with each connection what `serve` does, and counts them. Gives its address and port.
pub(crate) fn async_server<Served>(
    serve: impl Fn(tokio::net::TcpStream) -> Served + Send + 'static,
) -> (SocketAddr, Seen)
where
    Served: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Seen::default();
    let seen = connections.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                seen.one_more();
                tokio::spawn(serve(stream));
            }
        });
    });
    (address, connections)
}

/// Reads one request without a body, after which the client waits for its answer; false where the connection ended before.
pub(crate) fn read_request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(length @ 1..) => head.extend_from_slice(&piece[..length]),
            _ => return false,
        }
    }
    true
}

/// Answers with the text as it is.
pub(crate) fn write(stream: &mut TcpStream, answer: &str) {
    let _ = stream.write_all(answer.as_bytes());
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn scenario(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("scenario.toml")).unwrap()
}

/// Users who all start at once and are measured from the start, for `run_time`, and longer on a machine that is too busy
/// for five requests of each in that time.
pub(crate) fn lasting(url: &str, users: u32, run_time: Duration) -> LoadConfig {
    LoadConfig {
        run_time: Some(Duration::from_mins(10)),
        enough: Some(Enough {
            at_least: run_time,
            tasks_per_user: NonZeroU32::new(5).unwrap(),
        }),
        ..config(url, users, run_time)
    }
}

/// Users who all start at once and are measured from the start.
pub(crate) fn config(url: &str, users: u32, run_time: Duration) -> LoadConfig {
    LoadConfig {
        host: url.to_owned(),
        workload: users_at(users, f64::from(users)),
        run_time: Some(run_time),
        iterations: None,
        warm_up: None,
        stop_timeout: Duration::from_secs(10),
        enough: None,
        seed: 1,
        share: Share::WHOLE,
        threads: NonZeroUsize::new(2).unwrap(),
    }
}

/// One user who sends so many requests.
pub(crate) fn config_of(url: &str, requests: u64) -> LoadConfig {
    LoadConfig {
        iterations: NonZeroU64::new(requests),
        ..config(url, 1, Duration::from_mins(1))
    }
}

/// So many users, started at so many per second.
pub(crate) fn users_at(users: u32, spawn_rate: f64) -> Workload {
    Workload::Users {
        users: NonZeroU32::new(users).unwrap(),
        spawn_rate,
    }
}

/// Runs to the end.
pub(crate) fn measure(scenario: &Scenario, config: &LoadConfig) -> Measurement {
    run(scenario, config, &Control::new(), &mut |_| ()).unwrap()
}

/// Runs until `enough`, asked at each observation.
pub(crate) fn measure_until(
    scenario: &Scenario,
    config: &LoadConfig,
    mut enough: impl FnMut(&Progress<'_>) -> bool,
) -> Measurement {
    let control = Control::new();
    let mut observe = |progress: &Progress<'_>| {
        if enough(progress) {
            control.stop();
        }
    };
    run(scenario, config, &control, &mut observe).unwrap()
}

pub(crate) fn requests(measurement: &Measurement) -> u64 {
    measurement
        .requests
        .iter()
        .map(bakeoff_record::RequestStats::requests)
        .sum()
}

pub(crate) fn failures(measurement: &Measurement) -> u64 {
    measurement
        .requests
        .iter()
        .map(bakeoff_record::RequestStats::failures)
        .sum()
}

/// The causes of failures and how often they were seen.
pub(crate) fn causes(measurement: &Measurement) -> Vec<(&str, u64)> {
    measurement
        .failures
        .iter()
        .map(|failure| (failure.cause.as_str(), failure.occurrences))
        .collect()
}

/// Requests over in all seconds, counted or not.
pub(crate) fn over(measurement: &Measurement) -> u64 {
    measurement
        .timeline
        .iter()
        .map(|second| second.requests)
        .sum()
}
