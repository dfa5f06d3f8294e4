//! An answer without end takes no more memory than a check looks at. Alone in its process, so that nothing else is measured.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use bakeoff_load::{Control, LoadConfig, Scenario, Share, Workload, run};

#[test]
fn an_answer_without_end_takes_bounded_memory() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while stream.write_all(&[b'x'; 16_384]).is_ok() {}
            });
        }
    });
    let text = "[[task]]\npath = \"/\"\ntimeout = \"3s\"\ncheck = [{ contains = \"never\" }]";
    let scenario = Scenario::parse(text, Path::new("scenario.toml")).unwrap();
    let config = LoadConfig {
        host,
        workload: Workload::Users {
            users: NonZeroU32::new(2).unwrap(),
            spawn_rate: 2.0,
        },
        iterations: None,
        run_time: Some(Duration::from_secs(2)),
        warm_up: None,
        stop_timeout: Duration::from_secs(10),
        enough: None,
        seed: 1,
        share: Share::WHOLE,
        threads: NonZeroUsize::MIN,
    };
    let before = most_resident_bytes().unwrap();
    let measurement = run(&scenario, &config, &Control::new(), &mut |_| ()).unwrap();
    let grown = most_resident_bytes().unwrap() - before;
    assert_eq!(measurement.failures[0].cause, "timed out after 3s");
    // The 16 MiB that a check looks at, in a vector that was doubled on its way there, for each user.
    assert!(grown < 100 << 20, "{grown} bytes more");
}

fn most_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
