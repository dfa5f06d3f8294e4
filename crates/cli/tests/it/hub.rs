//! `bakeoff model pull`, with a stand-in for the Hugging Face Hub that serves the tiny models of the tests.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bakeoff::{Ended, Server, bakeoff, read_head};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const MODEL: &str = "ada/tiny";
const WEIGHTS: &str = "model.safetensors";

/// What is wrong with a hub.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// Transfers of weights break off half-way.
    BreaksOff,
    /// Weights are other bytes than the hub says.
    OtherBytes,
    /// Only whoever shows the token `right` is let in.
    Gated,
    /// It has no such model.
    Empty,
}

/// A hub with one model, whose faults can be mended.
struct Hub {
    endpoint: String,
    fault: Arc<Mutex<Fault>>,
    /// The path and the range of each request for a file.
    asked: Arc<Mutex<Vec<(String, String)>>>,
    /// What the client of it keeps.
    home: tempfile::TempDir,
}

impl Hub {
    /// With the files of a folder of `crates/qa/tests/tiny`.
    fn start(family: &str, fault: Fault) -> Self {
        let files = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../qa/tests/tiny")
            .join(family);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            fault: Arc::new(Mutex::new(fault)),
            asked: Arc::default(),
            home: tempfile::tempdir().unwrap(),
        };
        let (fault, asked) = (Arc::clone(&hub.fault), Arc::clone(&hub.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let fault = *fault.lock().unwrap();
                // Whoever goes away in the middle gets no answer.
                let _ = answer(stream, &files, fault, &asked);
            }
        });
        hub
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
        self.asked.lock().unwrap().clear();
    }

    /// Runs `bakeoff` as somebody who uses this hub.
    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = bakeoff(args);
        self.environment(&mut command);
        Ended::of(command.envs(variables.iter().copied()).output().unwrap())
    }

    fn pull(&self) -> Ended {
        self.run(&["model", "pull", MODEL], &[])
    }

    fn environment(&self, command: &mut std::process::Command) {
        for variable in [
            "HF_HUB_CACHE",
            "HF_TOKEN",
            "HF_HUB_OFFLINE",
            "HTTP_PROXY",
            "ALL_PROXY",
        ] {
            command.env_remove(variable);
        }
        command
            .env("HF_HOME", self.home.path())
            .env("HF_ENDPOINT", &self.endpoint);
    }

    fn snapshot(&self) -> PathBuf {
        self.home
            .path()
            .join("hub/models--ada--tiny/snapshots")
            .join(COMMIT)
    }

    /// The ranges in which a file was asked for, those for its length alone left out.
    fn ranges(&self, file: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let of_file = asked
            .iter()
            .filter(|(path, range)| path.ends_with(file) && range != "bytes=0-0");
        of_file.map(|(_, range)| range.clone()).collect()
    }
}

fn answer(
    mut stream: TcpStream,
    files: &Path,
    fault: Fault,
    asked: &Mutex<Vec<(String, String)>>,
) -> std::io::Result<()> {
    let head = read_head(&mut BufReader::new(stream.try_clone()?))?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_default()
    };
    if fault == Fault::Gated && header("authorization") != "Bearer right" {
        return write!(
            stream,
            "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
    }
    if path == format!("/api/models/{MODEL}/revision/main") && fault != Fault::Empty {
        let names = fs::read_dir(files)?.map(|file| file.unwrap().file_name());
        let siblings: Vec<_> = names
            .map(|name| json!({ "rfilename": name.to_str() }))
            .collect();
        let body = json!({ "sha": COMMIT, "siblings": siblings }).to_string();
        let length = body.len();
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
    }
    let prefix = format!("/{MODEL}/resolve/{COMMIT}/");
    let Some(content) = path
        .strip_prefix(&prefix)
        .and_then(|file| fs::read(files.join(file)).ok())
    else {
        return write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
    };
    let range = header("range");
    asked.lock().unwrap().push((path.clone(), range.clone()));
    let (first, last) = range.trim_start_matches("bytes=").split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    if first >= content.len() {
        return write!(
            stream,
            "HTTP/1.1 416 Range Not Satisfiable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
    }
    let end = last.parse().map_or(content.len(), |last: usize| last + 1);
    let digest = Sha256::digest(&content);
    let hash = digest
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nconnection: close\r\nx-repo-commit: {COMMIT}\r\netag: \"{hash}\"\r\n\
         content-range: bytes {first}-{}/{}\r\ncontent-length: {}\r\n\r\n",
        end - 1,
        content.len(),
        end - first
    )?;
    let mut body = content[first..end].to_vec();
    if path.ends_with(WEIGHTS) && end - first > 1 {
        match fault {
            Fault::BreaksOff => body.truncate(content.len() / 2),
            Fault::OtherBytes => body[7] ^= 1,
            _ => (),
        }
    }
    stream.write_all(&body)
}

#[test]
fn a_model_is_pulled_into_the_cache_of_huggingface_and_served_by_its_name() {
    let hub = Hub::start("bert", Fault::Nothing);
    let pulled = hub.pull();
    pulled.expect(0, &["bakeoff serve --model ada/tiny"]);
    assert_eq!(pulled.stdout.trim_end(), hub.snapshot().to_str().unwrap());
    let reference = hub.home.path().join("hub/models--ada--tiny/refs/main");
    assert_eq!(fs::read_to_string(reference).unwrap(), COMMIT);
    // What another engine's weights are for is left where it is.
    assert!(!hub.snapshot().join("model.onnx").exists());

    hub.set(Fault::Nothing);
    hub.pull().expect(0, &[]);
    assert_eq!(hub.ranges(WEIGHTS).len(), 0, "it was there");

    hub.set(Fault::Empty);
    let mut command = bakeoff(&["serve", "--model", MODEL, "--port", "0"]);
    hub.environment(&mut command);
    let server = Server::spawn(&mut command);
    let body = r#"{"question": "Who?", "context": "Ada wrote it."}"#;
    let answer = server.post_json("/question_answering", body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        server.get("/info").body.contains("\"tiny\""),
        "{}",
        server.get("/info").body
    );
}

#[test]
fn a_model_in_several_files_is_pulled_whole() {
    let hub = Hub::start("roberta", Fault::Nothing);
    hub.pull().expect(0, &[]);
    for shard in [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ] {
        assert!(hub.snapshot().join(shard).is_file(), "{shard}");
    }
}

#[test]
fn a_transfer_that_broke_off_goes_on_where_it_did() {
    let hub = Hub::start("bert", Fault::BreaksOff);
    hub.pull()
        .expect(3, &[&hub.endpoint, "hint: ", "what has come stays"]);
    assert!(!hub.snapshot().join(WEIGHTS).exists());
    hub.run(&["serve", "--model", MODEL], &[])
        .expect(2, &["bakeoff model pull ada/tiny"]);

    hub.set(Fault::Nothing);
    hub.pull().expect(0, &[]);
    let weights = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../qa/tests/tiny/bert")
        .join(WEIGHTS);
    let half = weights.metadata().unwrap().len() / 2;
    assert_eq!(hub.ranges(WEIGHTS), [format!("bytes={half}-")]);
    assert_eq!(
        fs::read(hub.snapshot().join(WEIGHTS)).unwrap(),
        fs::read(weights).unwrap()
    );
}

#[test]
fn a_transfer_that_ended_without_giving_the_file_its_name_is_made_again() {
    let hub = Hub::start("bert", Fault::Nothing);
    hub.pull().expect(0, &[]);
    let link = hub.snapshot().join(WEIGHTS);
    let blob = link.canonicalize().unwrap();
    fs::remove_file(&link).unwrap();
    fs::rename(&blob, blob.with_extension("part")).unwrap();
    hub.pull().expect(0, &[]);
    assert!(link.is_file());
}

#[test]
fn bytes_of_another_hash_are_refused_and_removed() {
    let hub = Hub::start("bert", Fault::OtherBytes);
    hub.pull().expect(3, &[WEIGHTS, "hash", "hint: "]);
    assert!(!hub.snapshot().join(WEIGHTS).exists());
    hub.set(Fault::Nothing);
    hub.pull().expect(0, &[]);
    assert_eq!(hub.ranges(WEIGHTS), ["bytes=0-"]);
}

#[test]
fn what_the_hub_or_the_environment_forbids_is_said() {
    let hub = Hub::start("bert", Fault::Gated);
    hub.pull().expect(3, &["401", "HF_TOKEN"]);
    hub.run(&["model", "pull", MODEL], &[("HF_TOKEN", "right")])
        .expect(0, &[]);

    hub.set(Fault::Empty);
    hub.run(&["model", "pull", MODEL], &[("HF_HUB_OFFLINE", "1")])
        .expect(0, &[]);
    let other = ["model", "pull", "ada/other"];
    hub.run(&other, &[("HF_HUB_OFFLINE", "1")])
        .expect(3, &["ada/other", "HF_HUB_OFFLINE"]);
    hub.run(&other, &[]).expect(2, &["ada/other", "hint: "]);
    hub.run(&["model", "pull", "../x"], &[])
        .expect(2, &["OWNER/NAME"]);
    hub.run(&["model", "pull", MODEL, "--revision", "v2"], &[])
        .expect(2, &["v2"]);
    hub.run(&other, &[("HF_ENDPOINT", "http://127.0.0.1:1")])
        .expect(3, &["http://127.0.0.1:1", "hint: "]);
}
