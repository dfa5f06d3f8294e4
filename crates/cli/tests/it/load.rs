//! Scenarios, servers and command lines of load tests.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bakeoff::{Ended, Server, run};

pub(crate) const SCENARIO: &str = r#"
name = "hello"
[load]
users = 3
spawn_rate = 100
run_time = "1s"
[[task]]
name = "/hello"
path = "/hello"
"#;

/// Load on `bakeoff serve` that costs it little.
pub(crate) const HEALTH: &str = "name = \"shop\"\n[load]\nusers = 2\nspawn_rate = 100\nrun_time = \"1s\"\nwait_time = \"10ms\"\n[[task]]\nname = \"/health\"\npath = \"/health\"\n";

pub(crate) const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Address of a server that answers every request with `answer`.
pub(crate) fn server(answer: &'static str) -> String {
    numbered(move |_| answer)
}

/// Address of a server that answers each request by its number, from 0, over all connections.
pub(crate) fn numbered(answer: impl Fn(u64) -> &'static str + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new((AtomicU64::new(0), answer));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    let number = answer.0.fetch_add(1, Ordering::SeqCst);
                    if stream.write_all((answer.1)(number).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Address on which nothing listens.
pub(crate) fn closed_port() -> String {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", closed.local_addr().unwrap())
}

/// Folder with `scenario` in `s.toml`.
pub(crate) fn folder_with(scenario: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), scenario).unwrap();
    folder
}

/// Arguments of a load test of `s.toml` on `host` without the page, with `flags` that are separated by spaces.
pub(crate) fn headless<'a>(host: &'a str, flags: &'a str) -> Vec<&'a str> {
    let mut args = vec!["swarm", "--headless", "-f", "s.toml", "-H", host];
    args.extend(flags.split_whitespace());
    args
}

/// Runs the load test of [`headless`] in `folder` to its end.
pub(crate) fn run_headless(folder: &Path, host: &str, flags: &str) -> Ended {
    run(folder, &headless(host, flags))
}

/// Starts the page of `scenario` for loads on `host`.
pub(crate) fn page(scenario: &Path, host: &str, more: &[&str]) -> Server {
    let scenario = scenario.to_str().unwrap();
    let args = ["swarm", "-f", scenario, "-H", host, "--web-port", "0"];
    Server::start(&[&args[..], more].concat())
}
