//! Runs the binary and talks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// The binary, without the environment's wishes.
pub(crate) fn bakeoff(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bakeoff"));
    command
        .args(args)
        .env_remove("BAKEOFF_THREADS")
        // The history of whoever runs the tests stays as it is.
        .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Runs the binary in `folder` to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ended {
    Ended::of(bakeoff(args).current_dir(folder).output().unwrap())
}

/// The first line and the headers of an HTTP message, with the empty line after them.
pub(crate) fn read_head(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// How the binary ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails unless the exit code is `code` and stderr holds every one of `words`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {self:#?}");
        }
    }
}

/// A `bakeoff serve` or a page that listens on a free port; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) authority: String,
    /// Read all the time, so that a server that says much never has to wait.
    stderr: mpsc::Receiver<String>,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut bakeoff(args))
    }

    /// Starts a command that becomes a server.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert!(
                stderr.read_line(&mut line).unwrap() > 0,
                "it ended before it listened"
            );
        }
        let authority = line
            .split("http://")
            .nth(1)
            .unwrap()
            .split(['/', ' ', '\n'])
            .next()
            .unwrap()
            .trim_end_matches(['"', ','])
            .to_owned();
        let (lines, received) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            authority,
            stderr: received,
        }
    }

    /// The next line on stderr that contains `words`; those before are forgotten.
    #[track_caller]
    pub(crate) fn line_with(&self, words: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(Duration::from_mins(1));
            let line = line.unwrap_or_else(|_| panic!("it does not say `{words}`"));
            if line.contains(words) {
                return line;
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", "")
    }

    pub(crate) fn post_json(&self, path: &str, body: &str) -> Answer {
        self.request("POST", path, "content-type: application/json\r\n", body)
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let (host, length) = (&self.authority, body.len());
        let host = if headers.contains("host: ") {
            String::new()
        } else {
            format!("host: {host}\r\n")
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}connection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Asks it to end, and returns how it did.
    pub(crate) fn end(self, signal: &str) -> Ended {
        send_signal(&self.child, signal);
        self.ended()
    }

    /// Waits for its end, and returns how it was.
    pub(crate) fn ended(mut self) -> Ended {
        let stderr: Vec<String> = self.stderr.iter().collect();
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        Ended {
            code: self.child.wait().unwrap().code(),
            stdout,
            stderr: stderr.join("\n"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn send_signal(child: &Child, signal: &str) {
    // Built into every shell.
    let kill = format!("kill -s {signal} {}", child.id());
    let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(sent.success());
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Fails unless `json` keeps to the checked-in schema `name`.
#[track_caller]
pub(crate) fn assert_schema(json: &Value, name: &str) {
    let schema = root().join("crates/record/schema").join(name);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// Whether a test that needs `tool` can run. A missing tool skips it with a line, or fails it where `BAKEOFF_REQUIRE` names it.
pub(crate) fn available(tool: &str, found: Result<(), String>) -> bool {
    let Err(why) = found else { return true };
    let required = std::env::var("BAKEOFF_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name == tool),
        "{tool} is required: {why}"
    );
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Unlike eprintln, this is shown for tests that pass.
    let _ = writeln!(std::io::stderr(), "skipped {test}: needs {tool}: {why}");
    false
}
