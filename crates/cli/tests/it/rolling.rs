//! A rolling restart of two servers behind HAProxy, under load: every request is answered, at the first attempt.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bakeoff::{Server, available, read_head, send_signal};

const BODY: &str =
    r#"{"question": "Who wrote it?", "context": "The opera was written by Ada Byron in 1843."}"#;

/// Time between two checks of `/ready` by HAProxy, far below `DRAIN_DELAY`.
const CHECK_INTERVAL_MS: u32 = 50;
const DRAIN_DELAY: &str = "3s";

/// Waits at most this long for anything that must happen.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn rolling_restart_behind_haproxy_loses_no_request() {
    if !available("haproxy", found()) {
        return;
    }
    let mut servers = [start(), start()];
    let proxy = Proxy::start([&servers[0], &servers[1]]);
    for name in NAMES {
        proxy.until(name, "UP");
    }
    let load = Load::start(proxy.folder.path(), 4);
    load.until_answered(100);

    for (server, name) in servers.iter_mut().zip(NAMES) {
        send_signal(&server.child, "TERM");
        // It says so itself, and still answers: it is not found out by its absence.
        proxy.until(name, "DOWN");
        load.until_answered(20);
        std::mem::replace(server, start())
            .ended()
            .expect(0, &["shutting down"]);
        proxy.readdress(name, server);
        proxy.until(name, "UP");
        load.until_answered(100);
        assert!(proxy.answered_by(name) > 0, "{name} gets nothing to do");
    }
    let failures = load.stop();
    assert!(
        failures.is_empty(),
        "{} requests were lost, such as {}",
        failures.len(),
        failures[0]
    );
    for server in servers {
        server.end("TERM").expect(0, &[]);
    }
}

const NAMES: [&str; 2] = ["first", "second"];

fn found() -> Result<(), String> {
    match Command::new("haproxy").arg("-v").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("{error}; install Debian's package haproxy")),
    }
}

fn start() -> Server {
    Server::serve_with(&["--drain-delay", DRAIN_DELAY])
}

/// HAProxy, which listens on a socket in a folder of its own; killed when dropped.
struct Proxy {
    child: Child,
    folder: TempDir,
}

impl Proxy {
    fn start(servers: [&Server; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        // Nothing is tried twice: what a server does not answer is lost.
        let mut settings = format!(
            "global\n  stats socket {at}/control mode 600 level admin\n\
             defaults\n  mode http\n  retries 0\n  timeout connect 60s\n  timeout client 60s\n  timeout server 60s\n\
             frontend front\n  bind unix@{at}/front\n  default_backend back\n\
             backend back\n  balance roundrobin\n  http-reuse always\n  option httpchk GET /ready\n  \
             default-server check inter {CHECK_INTERVAL_MS} fall 1 rise 1\n"
        );
        for (name, server) in NAMES.iter().zip(servers) {
            writeln!(settings, "  server {name} {}", server.authority).unwrap();
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, settings).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let proxy = Self { child, folder };
        wait_for("HAProxy", || {
            UnixStream::connect(proxy.folder.path().join("control")).is_ok()
        });
        proxy
    }

    /// Answer of HAProxy to a command.
    fn ask(&self, command: &str) -> String {
        let mut control = UnixStream::connect(self.folder.path().join("control")).unwrap();
        writeln!(control, "{command}").unwrap();
        let mut answer = String::new();
        control.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A column of the statistics of a server.
    fn statistic(&self, server: &str, column: &str) -> String {
        let table = self.ask("show stat");
        let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
        let header = rows.next().unwrap();
        let place = header.iter().position(|name| *name == column).unwrap();
        let row = rows
            .find(|row| row[0] == "back" && row[1] == server)
            .unwrap();
        row[place].to_owned()
    }

    fn until(&self, server: &str, status: &str) {
        wait_for(&format!("{server} to be {status}"), || {
            self.statistic(server, "status") == status
        });
    }

    fn answered_by(&self, server: &str) -> u64 {
        self.statistic(server, "hrsp_2xx").parse().unwrap()
    }

    /// Sends HAProxy to where a server has been started again. Its counters start anew.
    fn readdress(&self, name: &str, server: &Server) {
        self.ask("clear counters all");
        let (host, port) = server.authority.split_once(':').unwrap();
        let said = self.ask(&format!("set server back/{name} addr {host} port {port}"));
        assert!(said.contains("changed"), "{said}");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients that ask all the time, each over a connection that it keeps as long as it may.
struct Load {
    stopped: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(folder: &Path, clients: usize) -> Self {
        let (stopped, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let clients = (0..clients).map(|_| {
            let (stopped, answered, front) = (
                Arc::clone(&stopped),
                Arc::clone(&answered),
                folder.join("front"),
            );
            thread::spawn(move || {
                let mut connection = None;
                let mut failures = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    match ask(&mut connection, &front) {
                        Ok(()) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(failure) => failures.push(failure),
                    }
                }
                failures
            })
        });
        Self {
            clients: clients.collect(),
            stopped,
            answered,
        }
    }

    /// Returns once so many more requests have been answered.
    fn until_answered(&self, more: usize) {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        wait_for("answers", || self.answered.load(Ordering::Relaxed) >= goal);
    }

    /// Error of each failed request.
    fn stop(self) -> Vec<String> {
        self.stopped.store(true, Ordering::Relaxed);
        let clients = self.clients.into_iter();
        clients.flat_map(|client| client.join().unwrap()).collect()
    }
}

/// Asks once and reads the whole answer.
fn ask(connection: &mut Option<BufReader<UnixStream>>, front: &Path) -> Result<(), String> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => BufReader::new(UnixStream::connect(front).map_err(|error| error.to_string())?),
    };
    let request = format!(
        "POST /question_answering HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let sent = stream.get_mut().write_all(request.as_bytes());
    sent.map_err(|error| format!("not sent: {error}"))?;
    let (head, body) = read_answer(&mut stream).map_err(|error| format!("no answer: {error}"))?;
    if !head.starts_with("http/1.1 200 ") || !body.contains("Ada Byron") {
        return Err(format!("{head}{body}"));
    }
    if !head.contains("\r\nconnection: close\r\n") {
        *connection = Some(stream);
    }
    Ok(())
}

/// Status line and headers in lower case, and a body of known length.
fn read_answer(stream: &mut BufReader<UnixStream>) -> std::io::Result<(String, String)> {
    let head = read_head(stream)?.to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split('\r').next());
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}

/// Asks again and again until `happened`, or for ever is over.
fn wait_for(what: &str, happened: impl Fn() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "waited for {what} in vain");
        thread::sleep(Duration::from_millis(5));
    }
}
