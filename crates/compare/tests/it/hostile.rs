//! Contenders, set-ups and answers that misbehave: none of them outlives its experiment or blocks it.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use bakeoff_compare::{CompareError, Event};
use bakeoff_record::Experiment;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::setting::{processes_with, run, runner, server};

/// Starts a server that sends a byte of `answer` every 100 ms on each connection. Returns its address.
fn drip(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let bytes = answer.iter().cycle();
            std::thread::spawn(move || {
                for byte in bytes {
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn time_to_get_ready_is_for_whole_answers_however_they_drip() {
    let answers: [(&[u8], &str, &str); 3] = [
        (
            b"H",
            "ready = \"/\"\n",
            "GET / was not answered with 200 (no answer after ",
        ),
        (b"H", "", "no correct answer to request `/`"),
        (
            b"HTTP/1.1 200 OK\r\nx: ",
            "",
            "no correct answer to request `/`",
        ),
    ];
    for (answer, ready, expected) in answers {
        let folder = TempDir::new().unwrap();
        let url = drip(answer);
        let slow = format!(
            "[[contender]]\nname = \"slow\"\nurl = \"{url}\"\nready_timeout = \"300ms\"\n{ready}"
        );
        let error = run(folder.path(), &slow).unwrap_err().to_string();
        assert!(
            error.contains("not ready within 300ms: ") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn answer_that_drips_does_not_keep_an_experiment_from_being_stopped() {
    for ready in ["ready = \"/\"\n", ""] {
        let folder = TempDir::new().unwrap();
        let url = drip(b"H");
        let slow = format!(
            "[[contender]]\nname = \"slow\"\nurl = \"{url}\"\nready_timeout = \"24h\"\n{ready}"
        );
        let stop = CancellationToken::new();
        let mut runner = runner(folder.path(), &slow).unwrap();
        let experiment = runner.prepare(&stop, &mut |event| {
            if let Event::Preparing { .. } = event {
                let stop = stop.clone();
                std::thread::spawn(move || stop.cancel());
            }
        });
        assert!(experiment.unwrap().interrupted);
    }
}

#[test]
fn second_experiment_in_a_folder_is_refused_with_the_name_of_the_first() {
    let folder = TempDir::new().unwrap();
    let stop = CancellationToken::new();
    fs::create_dir(folder.path().join("service")).unwrap();
    fs::create_dir(folder.path().join("other")).unwrap();
    let set_up = |directory: &str| {
        server("one")
            + &format!(
                "directory = \"{directory}\"\nsetup = [[\"sh\", \"-c\", \"echo once >> times\"]]\n"
            )
    };
    let mut first = runner(folder.path(), &set_up("service")).unwrap();
    first.prepare(&stop, &mut |_| {}).unwrap();
    // One in the same folder, and one in another folder with a set-up in the same folder.
    let mut same = runner(folder.path(), &server("two")).unwrap();
    let mut other = runner(&folder.path().join("other"), &set_up("../service")).unwrap();
    for second in [&mut same, &mut other] {
        let error = second.prepare(&stop, &mut |_| {}).unwrap_err();
        assert!(matches!(error, CompareError::Busy { .. }), "{error}");
        let holder = format!(
            "process {} is running an experiment there",
            std::process::id()
        );
        assert!(error.to_string().ends_with(&holder), "{error}");
    }
    drop(first);
    for second in [&mut same, &mut other] {
        second.prepare(&stop, &mut |_| {}).unwrap();
    }
}

/// Prepares the contenders of an experiment in a folder until `stop` is cancelled.
fn prepared(folder: &TempDir, contenders: &str, stop: &CancellationToken) -> Experiment {
    let mut runner = runner(folder.path(), contenders).unwrap();
    runner.prepare(stop, &mut |_| {}).unwrap()
}

fn fact<'a>(experiment: &'a Experiment, name: &str) -> &'a str {
    let facts = experiment.contenders[0].facts.iter();
    let mut named = facts.filter(|fact| fact.name == name);
    &named.next().unwrap().value
}

#[test]
fn version_is_read_although_a_process_keeps_running() {
    let folder = TempDir::new().unwrap();
    let contender =
        server("one") + "version = [\"sh\", \"-c\", \"sleep 636363 & printf '1.0\\\\033[2J'\"]\n";
    let experiment = prepared(&folder, &contender, &CancellationToken::new());
    assert_eq!(fact(&experiment, "version"), "1.0\\u{1b}[2J");
    assert_eq!(processes_with("636363"), Vec::<String>::new());
}

#[test]
fn version_command_without_end_is_stopped_with_the_experiment() {
    let folder = TempDir::new().unwrap();
    let contender = server("one")
        + "version = [\"sh\", \"-c\", \"trap '' TERM; sleep 646464 & while :; do sleep 646464; done\"]\n";
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let thread = std::thread::spawn(move || {
        while processes_with("sleep 646464").len() < 3 {
            std::thread::yield_now();
        }
        stopper.cancel();
    });
    let experiment = prepared(&folder, &contender, &stop);
    thread.join().unwrap();
    assert!(experiment.interrupted);
    assert_eq!(processes_with("646464"), Vec::<String>::new());
}

#[test]
fn processes_of_a_set_up_end_with_the_experiment_and_are_started_again_by_the_next() {
    let folder = TempDir::new().unwrap();
    let contender = server("one")
        + "setup = [[\"sh\", \"-c\", \"echo once >> times; setsid sleep 656565 > /dev/null 2>&1 &\"]]\n";
    for times in 1..=2 {
        let stop = CancellationToken::new();
        let mut runner = runner(folder.path(), &contender).unwrap();
        let mut experiment = runner.prepare(&stop, &mut |_| {}).unwrap();
        let mut seen = Vec::new();
        runner.run(&mut experiment, &stop, &mut |event| {
            if let Event::Measured(..) = event {
                seen.push(processes_with("sleep 656565").len());
            }
        });
        assert_eq!(seen, [1, 1]);
        drop(runner);
        assert_eq!(processes_with("656565"), Vec::<String>::new());
        let ran = fs::read_to_string(folder.path().join("times")).unwrap();
        assert_eq!(ran.lines().count(), times);
    }
}

#[test]
fn log_without_end_is_cut_and_its_escape_sequences_are_written_out() {
    let folder = TempDir::new().unwrap();
    let noisy = "[[contender]]\nname = \"noisy\"\nready_timeout = \"1s\"\n\
        process = [\"sh\", \"-c\", \"printf 'begun\\\\033[31m\\\\n'; yes on and on; sleep 666666\"]\n";
    let experiment = run(folder.path(), noisy).unwrap();
    let what = &experiment.problems[0].what;
    assert!(
        what.contains("its last log lines:\nbegun\\u{1b}[31m\non and on\n"),
        "{what}"
    );
    assert!(
        what.contains(" bytes are left out …]\non and on\n"),
        "{what}"
    );
    assert!(what.len() < 2000, "{what}");
}

#[test]
fn set_up_that_fails_with_much_output_is_explained_by_its_end() {
    let folder = TempDir::new().unwrap();
    let script = "head -c 300000000 /dev/zero | tr '\\\\000' x; printf '\\\\nERROR: \\\\033[1mno space\\\\n'; exit 1";
    let set_up = format!("setup = [[\"sh\", \"-c\", \"{script}\"]]\n");
    let experiment = run(folder.path(), &(server("two") + &server("one") + &set_up)).unwrap();
    let reason = &experiment.left_out[0].reason;
    assert!(
        reason.ends_with("(exit status: 1): ERROR: \\u{1b}[1mno space"),
        "{reason}"
    );
}
