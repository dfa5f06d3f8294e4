//! Facts about contenders in the record of an experiment.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bakeoff_record::Experiment;
use tempfile::TempDir;

use crate::setting::{Script, run, scripted};

/// Facts of a contender from its `info` path.
fn told(experiment: &Experiment, contender: &str) -> Vec<String> {
    let mut contenders = experiment.contenders.iter();
    let contender = contenders.find(|other| other.name == contender).unwrap();
    let facts = contender.facts.iter();
    facts
        .filter(|fact| fact.name.starts_with("info"))
        .map(|fact| format!("{} = {}", fact.name, fact.value))
        .collect()
}

#[test]
fn answers_to_info_requests_become_facts() {
    let folder = TempDir::new().unwrap();
    let script = Script {
        body: Some(r#"{"isa":"AVX2","threads":2,"api_key":"hush"}"#.to_owned()),
        ..Script::default()
    };
    let info = "info = \"/info\"\n";
    let one = scripted("one", &script) + info;
    let two = scripted("two", &Script::default()) + info;
    let three = scripted("three", &script);
    let experiment = run(folder.path(), &(one + &two + &three)).unwrap();
    assert_eq!(experiment.problems, []);
    let expected = ["info: isa = AVX2", "info: threads = 2"];
    assert_eq!(told(&experiment, "one"), expected);
    assert_eq!(told(&experiment, "one again"), expected);
    assert_eq!(
        told(&experiment, "two"),
        ["info = not told: the answer is not a JSON object"]
    );
    assert_eq!(told(&experiment, "three"), [""; 0]);
}

#[test]
fn info_is_requested_once_and_a_refusal_is_recorded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, count) = (stream.unwrap(), Arc::clone(&count));
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    let is_info = buffer[..read].starts_with(b"GET /prefix/about ");
                    count.fetch_add(u32::from(is_info), Ordering::Relaxed);
                    let status = if is_info { "404 Not Found" } else { "200 OK" };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let folder = TempDir::new().unwrap();
    let contender = format!(
        "[[contender]]\nname = \"there\"\nurl = \"http://{address}/prefix\"\ninfo = \"/about\"\n"
    );
    let experiment = run(folder.path(), &contender).unwrap();
    assert_eq!((experiment.runs.len(), experiment.problems.len()), (2, 0));
    assert_eq!(told(&experiment, "there"), ["info = not told: status 404"]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
