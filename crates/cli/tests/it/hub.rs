//! `bakeoff model pull`, with a stand-in for the Hugging Face Hub that serves the tiny models of the tests.

mod hostile;

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bakeoff::{Ended, Server, bakeoff, read_head};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const MODEL: &str = "ada/tiny";
const WEIGHTS: &str = "model.safetensors";

/// A request to the hub.
#[derive(Debug, Clone, Default)]
struct Asked {
    method: String,
    path: String,
    range: String,
    authorization: String,
}

impl Asked {
    fn is_for(&self, file: &str) -> bool {
        self.path.ends_with(&format!("/{file}"))
    }

    fn is_for_bytes_of(&self, file: &str) -> bool {
        self.method == "GET" && self.is_for(file)
    }

    fn is_for_model(&self) -> bool {
        self.path.starts_with("/api/models/")
    }
}

/// An answer of the hub.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    end: End,
}

impl Answer {
    fn with(status: u16) -> Self {
        let mut answer = Self::default();
        answer.be(status);
        answer
    }

    /// Becomes an answer without a body.
    fn be(&mut self, status: u16) {
        *self = Self {
            status,
            ..Self::default()
        };
        self.set("content-length", "0");
    }

    fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn unset(&mut self, name: &str) {
        self.headers.retain(|(header, _)| header != name);
    }

    fn set_body(&mut self, body: impl Into<Vec<u8>>) {
        self.body = body.into();
        self.set("content-length", &self.body.len().to_string());
    }
}

/// Connection after an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum End {
    /// The end of the connection.
    #[default]
    Close,
    /// Nothing, until the client goes away.
    Silence,
    /// More bytes without end, after a pause each.
    More(Duration),
}

/// A change of an answer.
type Fault = dyn Fn(&Asked, &mut Answer) + Send + Sync;

fn nothing(_: &Asked, _: &mut Answer) {}

/// Transfers of weights break off half-way.
fn breaks_off(asked: &Asked, answer: &mut Answer) {
    if asked.is_for_bytes_of(WEIGHTS) {
        answer.body.truncate(answer.body.len() / 2);
    }
}

/// Weights are other bytes than the hub says.
fn other_bytes(asked: &Asked, answer: &mut Answer) {
    if asked.is_for_bytes_of(WEIGHTS) {
        answer.body[7] ^= 1;
    }
}

/// Nobody without the token `right` is let in.
fn gated(asked: &Asked, answer: &mut Answer) {
    if asked.authorization != "Bearer right" {
        answer.be(401);
    }
}

/// Answer 404.
fn empty(_: &Asked, answer: &mut Answer) {
    answer.be(404);
}

/// A hub with one model, whose faults can be mended.
struct Hub {
    endpoint: String,
    files: PathBuf,
    fault: Arc<Mutex<Arc<Fault>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Cache folder of the client.
    home: tempfile::TempDir,
}

impl Hub {
    /// With the files of a folder of `crates/qa/tests/tiny`.
    fn start(family: &str, fault: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            files: files_of(family),
            fault: Arc::new(Mutex::new(Arc::new(fault))),
            asked: Arc::default(),
            home: tempfile::tempdir().unwrap(),
        };
        let (files, fault) = (hub.files.clone(), Arc::clone(&hub.fault));
        let asked = Arc::clone(&hub.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let fault = Arc::clone(&fault.lock().unwrap());
                let (files, asked) = (files.clone(), Arc::clone(&asked));
                // A client that goes away in the middle gets no answer.
                std::thread::spawn(move || answer(stream, &files, &*fault, &asked));
            }
        });
        hub
    }

    fn set(&self, fault: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) {
        *self.fault.lock().unwrap() = Arc::new(fault);
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
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy().to_ascii_uppercase();
            if name.starts_with("HF_") || name.contains("HUGGING") || name.ends_with("_PROXY") {
                command.env_remove(variable);
            }
        }
        command
            .env_remove("TRANSFORMERS_OFFLINE")
            .env("HF_HOME", self.home.path())
            .env("HF_ENDPOINT", &self.endpoint);
    }

    fn cache(&self) -> PathBuf {
        self.home.path().join("hub/models--ada--tiny")
    }

    fn snapshot(&self) -> PathBuf {
        self.cache().join("snapshots").join(COMMIT)
    }

    fn content(&self, file: &str) -> Vec<u8> {
        fs::read(self.files.join(file)).unwrap()
    }

    /// The place of a file in the cache once it has come.
    fn blob(&self, file: &str) -> PathBuf {
        self.cache().join("blobs").join(sha256(&self.content(file)))
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The ranges in which the bytes of a file were asked for; one without a range is empty.
    fn ranges(&self, file: &str) -> Vec<String> {
        let asked = self.asked();
        let of_file = asked.iter().filter(|asked| asked.is_for_bytes_of(file));
        of_file.map(|asked| asked.range.clone()).collect()
    }
}

fn files_of(family: &str) -> PathBuf {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qa/tests/tiny");
    tiny.join(family)
}

fn answer(
    mut stream: TcpStream,
    files: &Path,
    fault: &Fault,
    asked: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let head = read_head(&mut BufReader::new(stream.try_clone()?))?;
    let header = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_default()
    };
    let mut line = head.split(' ').map(str::to_owned);
    let request = Asked {
        method: line.next().unwrap_or_default(),
        path: line.next().unwrap_or_default(),
        range: header("range"),
        authorization: header("authorization"),
    };
    asked.lock().unwrap().push(request.clone());
    let mut answer = honest(files, &request);
    fault(&request, &mut answer);
    if answer.status > 0 {
        let headers = answer.headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers = headers.collect::<Vec<_>>().concat();
        let status = answer.status;
        let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes())?;
    }
    if request.method != "HEAD" {
        stream.write_all(&answer.body)?;
    }
    match answer.end {
        End::Close => Ok(()),
        End::Silence => stream.read_to_end(&mut Vec::new()).map(drop),
        End::More(pause) => loop {
            stream.write_all(b"x")?;
            std::thread::sleep(pause);
        },
    }
}

/// The answer of a hub that has nothing wrong with it.
fn honest(files: &Path, asked: &Asked) -> Answer {
    let mut answer = Answer::with(200);
    let of_model = format!("/api/models/{MODEL}/revision/");
    if asked.path.strip_prefix(&of_model).is_some_and(is_known) {
        let names = fs::read_dir(files).unwrap();
        let names = names.map(|file| file.unwrap().file_name());
        let siblings: Vec<_> = names
            .map(|name| json!({ "rfilename": name.to_str() }))
            .collect();
        answer.set_body(json!({ "sha": COMMIT, "siblings": siblings }).to_string());
        return answer;
    }
    let prefix = format!("/{MODEL}/resolve/{COMMIT}/");
    let file = asked.path.strip_prefix(&prefix);
    let Some(content) = file.and_then(|file| fs::read(files.join(file)).ok()) else {
        return Answer::with(404);
    };
    let total = content.len();
    let start = asked.range.trim_start_matches("bytes=");
    let start: usize = start.trim_end_matches('-').parse().unwrap_or_default();
    if start >= total {
        return Answer::with(416);
    }
    answer.set("x-repo-commit", COMMIT);
    answer.set("etag", &format!("\"{}\"", sha256(&content)));
    if !asked.range.is_empty() {
        answer.status = 206;
        let range = format!("bytes {start}-{}/{total}", total - 1);
        answer.set("content-range", &range);
    }
    answer.set_body(&content[start..]);
    answer
}

fn is_known(revision: &str) -> bool {
    ["main", COMMIT, "refs%2Fpr%2F1"].contains(&revision)
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let hex = digest.iter().map(|byte| format!("{byte:02x}"));
    hex.collect::<Vec<_>>().concat()
}

#[test]
fn a_model_is_pulled_into_the_cache_of_huggingface_and_served_by_its_name() {
    let hub = Hub::start("bert", nothing);
    let pulled = hub.pull();
    pulled.expect(0, &["bakeoff serve --model ada/tiny"]);
    assert_eq!(pulled.stdout.trim_end(), hub.snapshot().to_str().unwrap());
    let reference = hub.home.path().join("hub/models--ada--tiny/refs/main");
    assert_eq!(fs::read_to_string(reference).unwrap(), COMMIT);
    // Relative, so that the cache can be moved.
    let hash = sha256(&hub.content(WEIGHTS));
    assert_eq!(
        fs::read_link(hub.snapshot().join(WEIGHTS)).unwrap(),
        Path::new("../../blobs").join(&hash)
    );
    // What another engine's weights are for is left where it is.
    assert!(!hub.snapshot().join("model.onnx").exists());

    hub.set(nothing);
    hub.pull().expect(0, &[]);
    assert_eq!(hub.ranges(WEIGHTS).len(), 0, "it was there");

    hub.set(empty);
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
    let hub = Hub::start("roberta", nothing);
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
    let hub = Hub::start("bert", breaks_off);
    hub.pull()
        .expect(3, &[&hub.endpoint, "hint: ", "downloaded bytes are kept"]);
    assert!(!hub.snapshot().join(WEIGHTS).exists());
    hub.run(&["serve", "--model", MODEL], &[])
        .expect(2, &["bakeoff model pull ada/tiny"]);

    hub.set(nothing);
    hub.pull().expect(0, &[]);
    let weights = hub.content(WEIGHTS);
    let half = weights.len() / 2;
    assert_eq!(hub.ranges(WEIGHTS), [format!("bytes={half}-")]);
    assert_eq!(fs::read(hub.snapshot().join(WEIGHTS)).unwrap(), weights);
}

/// Each as a killed transfer, or another program, may leave it.
#[test]
fn bytes_of_an_earlier_transfer_are_kept_only_if_they_are_right() {
    let hub = Hub::start("bert", nothing);
    let weights = hub.content(WEIGHTS);
    let half = weights.len() / 2;
    let whole: Vec<String> = vec![String::new()];
    let mut longer = weights.clone();
    longer.push(0);
    let incomplete = hub.blob(WEIGHTS).with_extension("incomplete");
    for (what, bytes, ranges) in [
        ("all", weights.clone(), vec![]),
        ("too many", longer, whole.clone()),
        ("wrong ones", vec![0; weights.len()], whole),
        (
            "half of wrong ones",
            vec![0; half],
            vec![format!("bytes={half}-"), String::new()],
        ),
    ] {
        hub.set(nothing);
        let _ = fs::remove_dir_all(hub.cache());
        fs::create_dir_all(incomplete.parent().unwrap()).unwrap();
        fs::write(&incomplete, bytes).unwrap();
        hub.pull().expect(0, &[]);
        assert_eq!(hub.ranges(WEIGHTS), ranges, "{what}");
        let pulled = fs::read(hub.snapshot().join(WEIGHTS)).unwrap();
        assert!(pulled == weights && !incomplete.exists(), "{what}");
    }
}

#[test]
fn bytes_of_another_hash_are_refused_and_removed() {
    let hub = Hub::start("bert", other_bytes);
    hub.pull().expect(3, &[WEIGHTS, "hash", "hint: "]);
    assert!(!hub.snapshot().join(WEIGHTS).exists());
    hub.set(nothing);
    hub.pull().expect(0, &[]);
    assert_eq!(hub.ranges(WEIGHTS), [""]);
}

#[test]
fn revisions_are_branches_tags_and_commits() {
    let hub = Hub::start("bert", nothing);
    let pull = |revision| hub.run(&["model", "pull", MODEL, "--revision", revision], &[]);
    pull("refs/pr/1").expect(0, &[]);
    let reference = hub.cache().join("refs/refs/pr/1");
    assert_eq!(fs::read_to_string(reference).unwrap(), COMMIT);
    hub.set(nothing);
    pull(COMMIT).expect(0, &[]);
    // A commit means itself.
    assert!(!hub.cache().join("refs").join(COMMIT).exists());
    let offline = ["model", "pull", MODEL, "--revision", COMMIT];
    hub.run(&offline, &[("HF_HUB_OFFLINE", "1")]).expect(0, &[]);
    hub.set(nothing);
    for revision in ["../../x", "/etc/x", "a/../../b", ""] {
        pull(revision).expect(2, &["revision"]);
    }
    assert_eq!(hub.asked().len(), 0);
}

#[test]
fn what_the_hub_or_the_environment_forbids_is_said() {
    let hub = Hub::start("bert", gated);
    hub.pull().expect(3, &["401", "HF_TOKEN"]);
    hub.run(&["model", "pull", MODEL], &[("HF_TOKEN", "right")])
        .expect(0, &[]);

    hub.set(empty);
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
    for endpoint in ["huggingface.co", "file:///etc", "http://"] {
        hub.run(&other, &[("HF_ENDPOINT", endpoint)])
            .expect(2, &["HF_ENDPOINT", "http://", "hint: "]);
    }
    let ended = hub.run(&other, &[("HF_TOKEN", "se\ncret")]);
    ended.expect(2, &["token", "hint: "]);
    assert!(!ended.stderr.contains("cret"), "{ended:?}");
}
