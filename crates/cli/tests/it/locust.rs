//! Every call that scripts make to Locust's page, made to Locust and to ours: each key of Locust's answers is in ours
//! too, with a value of the same kind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bakeoff::{Answer, Server, available, root};

const LOCUSTFILE: &str = r#"
from locust import HttpUser, constant, task

class User(HttpUser):
    wait_time = constant(0.01)

    @task(3)
    def good(self):
        self.client.get("/good")

    @task
    def bad(self):
        self.client.get("/bad")
"#;

const SCENARIO: &str = r#"
name = "shop"
[load]
wait_time = "10ms"
[[task]]
name = "good"
path = "/good"
weight = 3
[[task]]
name = "bad"
path = "/bad"
"#;

/// Longest wait for the expected state of a load.
const PATIENCE: Duration = Duration::from_mins(1);

fn locust() -> PathBuf {
    root().join("reference/clients/.venv/bin/locust")
}

fn environment() -> Result<(), String> {
    if locust().is_file() {
        Ok(())
    } else {
        Err("run `make clients` once".to_owned())
    }
}

/// Both pages, over the same server.
struct Pages {
    locust: Server,
    ours: Server,
}

impl Pages {
    fn start(folder: &Path, host: &str) -> Self {
        let (file, scenario) = (folder.join("locustfile.py"), folder.join("s.toml"));
        std::fs::write(&file, LOCUSTFILE).unwrap();
        std::fs::write(&scenario, SCENARIO).unwrap();
        let mut command = Command::new(locust());
        command
            .current_dir(folder)
            .args(["-f", "locustfile.py", "-H", host, "--web-host", "127.0.0.1"])
            .args(["--csv", "x", "--csv-full-history", "-P", &free_port()]);
        let locust = Server::spawn(&mut command);
        let scenario = scenario.to_str().unwrap();
        let ours = Server::start(&["swarm", "-f", scenario, "-H", host, "--web-port", "0"]);
        // Locust says where its page will be before it is there.
        while TcpStream::connect(&locust.authority).is_err() {
            std::thread::yield_now();
        }
        Self { locust, ours }
    }

    /// Makes the call to both, compares status and content type, and returns the answers.
    #[track_caller]
    fn call(&self, method: &str, path: &str, form: &str) -> (Answer, Answer) {
        let kind = match method {
            "POST" => "content-type: application/x-www-form-urlencoded\r\n",
            _ => "",
        };
        let ask = |server: &Server| server.request(method, path, kind, form);
        let (theirs, ours) = (ask(&self.locust), ask(&self.ours));
        assert_eq!(
            theirs.status, ours.status,
            "{method} {path} {form}: {}",
            ours.body
        );
        if theirs.status == 200 {
            let place = format!("{method} {path} {form}");
            assert_eq!(kind_of(&theirs), kind_of(&ours), "{place}");
            assert_eq!(is_file(&theirs), is_file(&ours), "{place}");
        }
        (theirs, ours)
    }

    /// As [`Pages::call`], and compares the JSON.
    #[track_caller]
    fn json(&self, method: &str, path: &str, form: &str) -> Value {
        let (theirs, ours) = self.call(method, path, form);
        let ours = ours.json();
        let mut differences = Vec::new();
        compare(path, &theirs.json(), &ours, &mut differences);
        assert!(
            differences.is_empty(),
            "{method} {path} {form}: {differences:#?}"
        );
        ours
    }

    /// As [`Pages::call`], and compares the columns of the CSV.
    #[track_caller]
    fn table(&self, path: &str) {
        let (theirs, ours) = self.call("GET", path, "");
        let columns = |answer: &Answer| answer.body.lines().next().map(str::to_owned);
        assert_eq!(columns(&theirs), columns(&ours), "{path}");
    }

    fn every_get(&self) {
        for path in [
            "/stats/requests",
            "/exceptions",
            "/tasks",
            "/logs",
            "/worker-count",
        ] {
            self.json("GET", path, "");
        }
        for path in [
            "/stats/requests/csv",
            "/stats/failures/csv",
            "/exceptions/csv",
        ] {
            self.table(path);
        }
        self.call("GET", "/", "");
        for path in ["/none", "/swarm", "/stop", "/stats/reset", "/login"] {
            self.call("GET", path, "");
        }
    }

    #[track_caller]
    fn until(&self, expected: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        for server in [&self.locust, &self.ours] {
            let mut stats = server.get("/stats/requests").json();
            while !expected(&stats) {
                assert!(began.elapsed() < PATIENCE, "it stays {stats:#}");
                // Locust answers one at a time, and gives the same answer for two seconds.
                std::thread::sleep(Duration::from_millis(100));
                stats = server.get("/stats/requests").json();
            }
        }
    }
}

/// Locust cannot pick a port by itself.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

fn kind_of(answer: &Answer) -> Option<&str> {
    let line = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    line.map(|kind| kind.split(';').next().unwrap_or_default())
}

fn is_file(answer: &Answer) -> bool {
    answer.head.contains("content-disposition: attachment")
}

/// Adds what `theirs` has and `ours` lacks. Lists are compared by their first values, since both have what they saw.
fn compare(place: &str, theirs: &Value, ours: &Value, differences: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let place = format!("{place}.{key}");
                match ours.get(key) {
                    Some(own) => compare(&place, value, own, differences),
                    None => differences.push(format!("{place} is missing")),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => match (theirs.first(), ours.first()) {
            (Some(theirs), Some(ours)) => {
                compare(&format!("{place}[0]"), theirs, ours, differences);
            }
            (Some(_), None) if place != "/logs.master" => {
                differences.push(format!("{place} is empty"));
            }
            _ => (),
        },
        // What Locust does not know yet.
        (Value::Null, _) => (),
        _ if std::mem::discriminant(theirs) == std::mem::discriminant(ours) => (),
        _ => differences.push(format!("{place} is {ours}, theirs is {theirs}")),
    }
}

/// Answers /good with 200 and everything else with 500.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer)
        && read > 0
    {
        let status = if buffer.starts_with(b"GET /good") {
            "200 OK"
        } else {
            "500 Internal Server Error"
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nhello");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn scripts_written_for_locust_find_every_key_of_its_answers() {
    if !available("clients", environment()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = Pages::start(folder.path(), &server());

    pages.every_get();
    for form in [
        "user_count=many&spawn_rate=1",
        "user_count=-1&spawn_rate=1",
        "user_count=1&spawn_rate=0",
        "user_count=1&spawn_rate=fast",
        "user_count=1&spawn_rate=1&run_time=soon",
    ] {
        assert_eq!(
            pages.json("POST", "/swarm", form)["success"],
            false,
            "{form}"
        );
    }
    pages.json("POST", "/stop", "");

    let form = "user_count=2&spawn_rate=10&run_time=1h20m&profile=nightly&user_classes=User";
    let started = pages.json("POST", "/swarm", form);
    assert_eq!(started["success"], true);
    pages.until(|stats| {
        let seen = stats["stats"].as_array().unwrap().len() == 3;
        seen && stats["state"] == "running" && stats["errors"][0]["occurrences"].as_u64() > Some(1)
    });
    pages.every_get();
    pages.table("/stats/requests_full_history/csv");
    pages.call("GET", "/stats/report", "");
    pages.call("GET", "/stats/report?download=1&theme=dark", "");
    pages.json("POST", "/swarm", "user_count=3&spawn_rate=10");
    pages.until(|stats| stats["user_count"] == 3);
    let (theirs, ours) = pages.call("POST", "/stats/reset", "");
    assert_eq!(theirs.body, ours.body);
    // Something fails again, so that both have an error to compare when they have stopped.
    pages.until(|stats| stats["errors"][0]["occurrences"].as_u64() > Some(0));
    pages.json("POST", "/stop", "");
    pages.until(|stats| stats["state"] == "stopped" && stats["user_count"] == 0);
    pages.every_get();
}
