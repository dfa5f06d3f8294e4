//! The scenarios of docs/swarm.md, each run against a server.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::bakeoff::{Ended, bakeoff, read_head, root};
use crate::load::headless;

/// An answer that every example finds right.
const BODY: &str = r#"{"answer":"42","score":0.5,"token":"T","items":[{"id":7}]}"#;

/// A server that gives that answer to whatever it is asked, and the heads that it read.
fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heads);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut writer = stream.unwrap();
            let mut reader = BufReader::new(writer.try_clone().unwrap());
            let noted = Arc::clone(&noted);
            std::thread::spawn(move || {
                while reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
                    let Ok(head) = read_head(&mut reader) else {
                        return;
                    };
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: "))
                        .map_or(0, |length| length.parse().unwrap());
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    noted.lock().unwrap().push(head);
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
                        BODY.len()
                    );
                    if writer.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heads)
}

/// The blocks of TOML on the page.
fn examples() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/swarm.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_scenario_of_docs_swarm_md_runs() {
    let examples = examples();
    assert!(examples.len() >= 6, "{}", examples.len());
    for example in examples {
        // Nothing here is about time.
        let mut text = example
            .replace("\"500ms\"", "\"1h\"")
            .replace("\"2s\"", "\"1h\"")
            .replace("wait_time = \"1s\"", "wait_time = \"1ms\"");
        if !text.contains("[[task]]") && !text.contains("[[user]]") {
            text += "\n[[task]]\npath = \"/\"\n";
        }
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
        write("s.toml", &text);
        write(
            "rows.jsonl",
            "{\"question\": \"Who?\", \"context\": \"Ada.\"}\n",
        );
        write(
            "customers.jsonl",
            "{\"name\": \"ada\", \"password\": \"x\"}\n",
        );
        write("image.png", "png");
        let needs_certificates = text.contains("ca_file");
        if needs_certificates {
            let pair = rcgen::generate_simple_self_signed(["model.internal".to_owned()]).unwrap();
            write("ca.pem", &pair.cert.pem());
            write("client.pem", &pair.cert.pem());
            write("client.key", &pair.signing_key.serialize_pem());
        }
        let (host, heads) = server();
        let mut command = bakeoff(&headless(&host, "-i 40 -t 1h"));
        command.env("TOKEN", "t").env("PASSWORD", "p");
        let ended = Ended::of(command.current_dir(folder.path()).output().unwrap());
        if needs_certificates {
            // The server speaks no TLS; that the file is understood shows in what it is not used for.
            ended.expect(2, &["`client_certificate` needs an https:// host"]);
            continue;
        }
        assert_eq!(ended.code, Some(0), "{text}\n{ended:#?}");
        if text.contains("/login") {
            let heads = heads.lock().unwrap();
            let with = |start: &str, token: bool| {
                let is_it = |head: &&String| {
                    head.starts_with(start) && head.contains("authorization: Bearer T") == token
                };
                heads.iter().filter(is_it).count()
            };
            assert!(with("POST /login ", false) > 0 && with("POST /login ", true) == 0);
            assert!(with("POST /orders/7 ", true) > 0 && with("POST /orders/7 ", false) == 0);
        }
    }
}
