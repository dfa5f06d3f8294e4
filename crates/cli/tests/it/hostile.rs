//! `bakeoff serve` at its default limits, while clients do all they can to fill its memory.
//!
//! A round of every attack at once, or rounds for `BAKEOFF_HOSTILE_SECONDS`, which `make hostile` sets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::bakeoff::Server;

/// Promises of the documentation.
const MOST_KB: u64 = 400_000;

const QUESTION: &str =
    r#"{"question": "Who wrote it?", "context": "The opera was written by Ada Byron in 1843."}"#;

/// The largest body that is read.
const BODY_BYTES: usize = 2 * 1024 * 1024;

/// No answer takes longer, and no attack waits longer for one.
const PATIENCE: Duration = Duration::from_secs(70);

#[test]
fn memory_stays_within_400_mb_whatever_arrives() {
    let server = Server::start(&["serve", "--port", "0", "--threads", "2"]);
    server.line_with("ready");
    let seconds = std::env::var("BAKEOFF_HOSTILE_SECONDS").unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(seconds.parse().unwrap_or(0));
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < until {
        attack(&server.authority);
        rounds += 1;
    }
    // Whatever was let in before may still be in work.
    while server.post_json("/question_answering", QUESTION).status != 200 {
        thread::sleep(Duration::from_millis(100));
    }
    let process = procfs::process::Process::new(server.child.id().cast_signed()).unwrap();
    let peak = process.status().unwrap().vmhwm.unwrap();
    println!("the peak of {rounds} rounds is {peak} kB");
    assert!(peak < MOST_KB, "{peak} kB");
    server.end("TERM").expect(0, &[]);
}

/// Every attack at once, beside probes that must be answered.
fn attack(authority: &str) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let probes = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let answer = send(
                    authority,
                    b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
                );
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            }
        });
        let attacks: [fn(&str); 6] = [
            large_answers,
            bodies_without_their_last_byte,
            deep_and_wide_lists,
            gzip_bombs,
            pipelined_requests,
            long_texts,
        ];
        let attacks = attacks.map(|attack| scope.spawn(move || attack(authority)));
        let failed: Vec<_> = attacks
            .into_iter()
            .filter_map(|attack| attack.join().err())
            .collect();
        over.store(true, Ordering::Relaxed);
        probes.join().unwrap();
        assert!(failed.is_empty(), "{} attacks failed", failed.len());
    });
}

/// A thousand answers, each about as long as the whole context.
fn large_answers(authority: &str) {
    let word = |index: usize| format!("{index}{}", "a".repeat(2800));
    let words: Vec<String> = (0..350).map(word).collect();
    let context = words.join(" ");
    let texts = json!({ "question": "Who?", "context": context });
    let options = json!({ "top_k": 1000, "max_answer_len": 1000 });
    let tensor = |name: &str, text: &str| json!({ "name": name, "shape": [1], "datatype": "BYTES", "data": [text] });
    let mut plain = texts.clone();
    plain
        .as_object_mut()
        .unwrap()
        .extend(options.as_object().unwrap().clone());
    let list = json!({
        "question": vec!["Who?"; 1000], "context": "one two three four five six seven eight nine ten eleven twelve",
        "top_k": 1000, "max_answer_len": 1000, "offsets": "utf16",
    });
    let bodies = [
        ("/question_answering", plain),
        ("/question_answering", list),
        ("/", json!({ "inputs": texts, "parameters": options })),
        (
            "/v2/models/minilm-squad/infer",
            json!({ "inputs": [tensor("question", "Who?"), tensor("context", &context)], "parameters": options }),
        ),
    ];
    at_once(&bodies, |(path, body)| {
        let answer = send(authority, &post(path, "", body.to_string().as_bytes()));
        let status = status(&answer);
        assert!(
            ["413", "429", "503", "504"].contains(&status),
            "{path}: {status}"
        );
    });
}

fn bodies_without_their_last_byte(authority: &str) {
    let mut request = post("/question_answering", "", &vec![b' '; BODY_BYTES]);
    request.pop();
    let refused = std::sync::Mutex::new(0);
    at_once(&[(); 64], |()| {
        let answer = send(authority, &request);
        if status(&answer) == "503" {
            assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
            *refused.lock().unwrap() += 1;
        }
    });
    assert!(*refused.lock().unwrap() > 0, "all bodies were held");
}

fn deep_and_wide_lists(authority: &str) {
    let fill = |before: &str, piece: &str, after: &str| {
        let pieces = (BODY_BYTES - before.len() - after.len()) / piece.len();
        [before, &piece.repeat(pieces), after].concat()
    };
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let bodies = [
        fill(r#"{"question": ["#, r#"{"":0},"#, "0]}"),
        fill(r#"{"other": ["#, r#"{"":0},"#, "0]}"),
        fill(r#"{"other": ["#, "[0],", "0]}"),
        fill(r#"{"other": ["#, &format!("{deep},"), "0]}"),
        "[".repeat(BODY_BYTES),
        fill(r#"{"other": "#, "x", r#""}"#).replacen('x', "\"", 1),
    ];
    let paths = ["/question_answering", "/", "/v2/models/minilm-squad/infer"];
    let all: Vec<_> = bodies
        .iter()
        .flat_map(|body| paths.map(|path| (path, body)))
        .collect();
    at_once(&all, |(path, body)| {
        let answer = send(authority, &post(path, "", body.as_bytes()));
        let status = status(&answer);
        assert!(["400", "422", "503"].contains(&status), "{path}: {status}");
        assert!(answer.len() < 10_000, "{} bytes are answered", answer.len());
    });
}

fn gzip_bombs(authority: &str) {
    let bomb = |bytes: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; bytes]).unwrap();
        encoder.finish().unwrap()
    };
    let (full, larger) = (bomb(BODY_BYTES), bomb(200 * BODY_BYTES));
    let all: Vec<_> = (0..32)
        .flat_map(|_| [(&full, ["422", "503"]), (&larger, ["413", "503"])])
        .collect();
    at_once(&all, |(body, expected)| {
        let answer = send(
            authority,
            &post("/question_answering", "content-encoding: gzip\r\n", body),
        );
        assert!(expected.contains(&status(&answer)), "{answer}");
    });
}

/// Each is answered with a lot that the client does not take.
fn pipelined_requests(authority: &str) {
    let words: Vec<String> = (0..200).map(|index| index.to_string()).collect();
    let body = json!({ "question": "Who?", "context": words.join(" "), "top_k": 1000, "max_answer_len": 200 });
    let body = body.to_string();
    let pipeline = post("/question_answering", "", body.as_bytes()).repeat(20);
    let keep = String::from_utf8(pipeline)
        .unwrap()
        .replace("connection: close\r\n", "");
    at_once(&[(); 8], |()| {
        let mut connection = TcpStream::connect(authority).unwrap();
        connection.set_write_timeout(Some(PATIENCE)).unwrap();
        let _ = connection.write_all(keep.as_bytes());
        // One byte of the first answer shows that it is being worked on.
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = connection.read(&mut [0]);
    });
}

/// Texts that make far more tokens than English does.
fn long_texts(authority: &str) {
    let contexts = [
        "! ".repeat(500_000),
        "!".repeat(1_000_000),
        "a.".repeat(500_000),
        "! ".repeat(125_000),
    ];
    let [.., most] = &contexts;
    at_once(&contexts[..3], |context| {
        let body = json!({ "question": "a", "context": context }).to_string();
        let answer = send(authority, &post("/question_answering", "", body.as_bytes()));
        let status = status(&answer);
        assert!(["422", "429", "503", "504"].contains(&status), "{status}");
    });
    // Would be answered for minutes: whoever leaves is forgotten.
    let body: Value = json!({ "question": "a", "context": most });
    let mut connection = TcpStream::connect(authority).unwrap();
    connection
        .write_all(&post(
            "/question_answering",
            "",
            body.to_string().as_bytes(),
        ))
        .unwrap();
    connection.write_all(b"\r\n").unwrap();
}

fn at_once<T: Sync>(all: &[T], act: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        for one in all {
            let act = &act;
            scope.spawn(move || act(one));
        }
    });
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Answer up to the end of the connection.
fn send(authority: &str, request: &[u8]) -> String {
    let mut connection = TcpStream::connect(authority).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.set_write_timeout(Some(PATIENCE)).unwrap();
    // It may be refused, and closed, before it is read to its end.
    let _ = connection.write_all(request);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}
