//! Contenders that follow a script, and experiments with them in folders of their own.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bakeoff_compare::{CompareError, ExperimentFile, ExperimentRunner};
use bakeoff_record::Experiment;
use tokio_util::sync::CancellationToken;

pub(crate) const SCENARIO: &str = r#"
name = "hello"
[load]
users = 2
spawn_rate = 100
run_time = "1s"
[[task]]
name = "/"
path = "/"
timeout = "5m"
"#;

/// Behaviour of a contender. It is passed in an environment variable such as `delay_ms=5 body="x"`, in any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// Delay of each answer.
    pub(crate) delay: Duration,
    /// Body of each answer; the default is `hello`.
    pub(crate) body: Option<String>,
    /// Number of the connection, from 1, whose first answer ends the process.
    pub(crate) dies_on_connection: Option<u64>,
    /// Number of answers before the freeze, a time without answers.
    pub(crate) freezes_after: Option<u64>,
    /// Length of the freeze.
    pub(crate) freeze: Duration,
}

impl Script {
    fn to_words(&self) -> String {
        let mut words = format!(
            "delay_ms={} freeze_ms={}",
            self.delay.as_millis(),
            self.freeze.as_millis()
        );
        let numbers = [
            ("dies_on_connection", self.dies_on_connection),
            ("freezes_after", self.freezes_after),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                let _ = write!(words, " {name}={number}");
            }
        }
        if let Some(body) = &self.body {
            let _ = write!(words, " body={body}");
        }
        words
    }

    fn of_words(words: &str) -> Self {
        let value = |name: &str| {
            let mut words = words.split(' ').filter_map(|word| word.split_once('='));
            words
                .find(|(other, _)| *other == name)
                .map(|(_, value)| value)
        };
        let number = |name| value(name).map(|value| value.parse::<u64>().unwrap());
        let time = |name| Duration::from_millis(number(name).unwrap_or(0));
        Self {
            delay: time("delay_ms"),
            body: value("body").map(str::to_owned),
            dies_on_connection: number("dies_on_connection"),
            freezes_after: number("freezes_after"),
            freeze: time("freeze_ms"),
        }
    }
}

/// The server that other tests start as their contender. Run as a test, it checks nothing.
#[test]
fn serve_when_asked() {
    let Ok(port) = std::env::var("TEST_SERVER_PORT") else {
        return;
    };
    let script = std::env::var("TEST_SERVER_SCRIPT").unwrap_or_default();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    println!("listening on {port}");
    answer_everything(&listener, &Script::of_words(&script));
}

pub(crate) fn answer_everything(listener: &TcpListener, script: &Script) {
    let shared = Arc::new(Shared::default());
    for (connection, stream) in (1..).zip(listener.incoming()) {
        let (stream, script, shared) = (stream.unwrap(), script.clone(), Arc::clone(&shared));
        std::thread::spawn(move || answer(stream, &script, connection, &shared));
    }
}

/// Answers on one connection.
pub(crate) fn answer_on(stream: TcpStream, script: &Script) {
    answer(stream, script, 1, &Shared::default());
}

/// State that all connections of a server share.
#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    frozen: RwLock<()>,
}

fn answer(mut stream: TcpStream, script: &Script, connection: u64, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 4096];
    let body = script.body.as_deref().unwrap_or("hello");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        std::thread::sleep(script.delay);
        let count = shared.answered.fetch_add(1, Ordering::Relaxed);
        if script.dies_on_connection == Some(connection) {
            end_as_if_killed();
        }
        if script.freezes_after == Some(count) {
            let _alone = shared.frozen.write().unwrap();
            std::thread::sleep(script.freeze);
        }
        let _thawed = shared.frozen.read().unwrap();
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[expect(clippy::exit, reason = "it stands for a process that ends by itself")]
fn end_as_if_killed() -> ! {
    let _ = std::io::stdout().write_all(b"out of memory, says the script\n");
    std::process::exit(9);
}

/// A contender that works: this test binary, started as a server, with the name in its command line.
pub(crate) fn server(name: &str) -> String {
    scripted(name, &Script::default())
}

/// A contender that follows a script.
pub(crate) fn scripted(name: &str, script: &Script) -> String {
    let own = std::env::current_exe().unwrap();
    format!(
        "[[contender]]\nname = \"{name}\"\n\
        env = {{ TEST_SERVER_PORT = \"{{port}}\", TEST_SERVER_SCRIPT = '{}' }}\n\
        process = [\"{}\", \"--exact\", \"setting::serve_when_asked\", \"--nocapture\", \"{name}\"]\n",
        script.to_words(),
        own.display()
    )
}

/// Runs an experiment of `contenders` in a folder of its own.
pub(crate) fn run(folder: &Path, contenders: &str) -> Result<Experiment, CompareError> {
    run_with(
        folder,
        "blocks = 2\nmeasure = \"300ms\"\nwarm_up = \"100ms\"\n",
        contenders,
    )
}

/// Runs an experiment of `contenders` whose file begins with the lines `head`.
pub(crate) fn run_with(
    folder: &Path,
    head: &str,
    contenders: &str,
) -> Result<Experiment, CompareError> {
    let stop = CancellationToken::new();
    let mut runner = runner_with(folder, head, contenders)?;
    let mut experiment = runner.prepare(&stop, &mut |_| {})?;
    runner.run(&mut experiment, &stop, &mut |_| {});
    Ok(experiment)
}

pub(crate) fn runner(folder: &Path, contenders: &str) -> Result<ExperimentRunner, CompareError> {
    runner_with(
        folder,
        "blocks = 2\nmeasure = \"300ms\"\nwarm_up = \"100ms\"\n",
        contenders,
    )
}

pub(crate) fn runner_with(
    folder: &Path,
    head: &str,
    contenders: &str,
) -> Result<ExperimentRunner, CompareError> {
    let scenario = folder.join("scenario.toml");
    if !scenario.exists() {
        fs::write(scenario, SCENARIO).unwrap();
    }
    // No block is added, whatever else runs on this machine.
    let extra = if head.contains("extra_blocks") {
        ""
    } else {
        "extra_blocks = 0\n"
    };
    let text = format!("scenario = \"scenario.toml\"\n{extra}{head}{contenders}");
    let file = ExperimentFile::parse(&text, &folder.join("bakeoff.toml"))?;
    ExperimentRunner::new(file)
}

/// Command lines with `word` of all processes.
pub(crate) fn processes_with(word: &str) -> Vec<String> {
    let all = procfs::process::all_processes().unwrap();
    all.filter_map(|process| process.ok()?.cmdline().ok())
        .map(|words| words.join(" "))
        .filter(|line| line.contains(word))
        .collect()
}
