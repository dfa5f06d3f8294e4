//! Files and exit codes of load tests: no measurement is lost, no secret is shown, thresholds decide.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::bakeoff::{Ended, bakeoff, run, send_signal};
use crate::load::{
    HELLO, SCENARIO, closed_port, folder_with, headless, numbered, run_headless, server,
};

#[test]
fn an_address_that_leads_nowhere_costs_no_results() {
    let folder = folder_with(SCENARIO);
    let flags = "--store h.sqlite --csv out --csv-full-history -i 5";
    let load = |host: &str| run_headless(folder.path(), host, flags);
    load(&server(HELLO)).expect(0, &[]);
    let read_all = || {
        let files = [
            "out_stats.csv",
            "out_stats_history.csv",
            "out_failures.csv",
            "out_exceptions.csv",
        ];
        files.map(|file| fs::read_to_string(folder.path().join(file)).unwrap())
    };
    let before = read_all();
    assert!(before[0].contains("GET,/hello,5,0,"), "{}", before[0]);
    load(&closed_port()).expect(1, &["no connection was opened", "of an earlier run"]);
    load("http://no.such.host.invalid").expect(2, &["no.such.host.invalid"]);
    load("no address").expect(2, &["is no address of a server"]);
    assert_eq!(read_all(), before);
    let runs = run(folder.path(), &["runs", "--store", "h.sqlite", "list"]);
    runs.expect(0, &[]);
    // The load with refused connections is a run with failures only. The other two did not start.
    assert_eq!(runs.stdout.matches("hello").count(), 2, "{}", runs.stdout);
    assert!(!runs.stderr.contains("cut short"), "{}", runs.stderr);
}

#[test]
fn csv_files_agree_about_a_load_that_ends_by_itself() {
    let folder = folder_with(SCENARIO);
    run_headless(folder.path(), &server(HELLO), "--csv out -i 7").expect(0, &[]);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("out_stats.csv").contains(",Aggregated,7,0,"));
    let history = read("out_stats_history.csv");
    let columns: Vec<&str> = history.lines().next().unwrap().split(',').collect();
    let total = columns
        .iter()
        .position(|name| *name == "Total Request Count")
        .unwrap();
    let last: Vec<&str> = history.lines().last().unwrap().split(',').collect();
    assert_eq!(last[total], "7", "{history}");
}

#[test]
fn thresholds_about_failures_decide_about_failures() {
    const BROKEN: &str = "HTTP/1.1 500 Oh no\r\ncontent-length: 0\r\n\r\n";
    let host = numbered(|number| if number % 10 == 9 { BROKEN } else { HELLO });
    let end = |threshold: &str, flags: &str| {
        let folder = folder_with(&format!("{SCENARIO}{threshold}"));
        let flags = format!("-i 100 -t 1h {flags}");
        run_headless(folder.path(), &host, &flags).code
    };
    let tolerant = "[[threshold]]\nmetric = \"fail_ratio\"\nat_most = 0.2\n";
    let strict = "[[threshold]]\nmetric = \"failures\"\nat_most = 0\n";
    let of_times = "[[threshold]]\nmetric = \"response_time.max\"\nbelow = \"1h\"\n";
    assert_eq!(end(tolerant, ""), Some(0));
    assert_eq!(end(strict, ""), Some(1));
    assert_eq!(end(of_times, ""), Some(1));
    assert_eq!(end("", ""), Some(1));
    assert_eq!(end("", "--exit-code-on-error 0"), Some(0));
    assert_eq!(end("", "--exit-code-on-error 7"), Some(7));
    assert_eq!(end(strict, "--exit-code-on-error 0"), Some(1));
}

#[test]
fn the_second_signal_ends_the_wait_for_answers() {
    for signal in ["INT", "HUP"] {
        let folder = folder_with(SCENARIO);
        let host = server("");
        let mut child = bakeoff(&headless(&host, "-t 1h -s 1h"))
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut wait_for = |words: &str| {
            let mut line = String::new();
            while !line.contains(words) {
                line.clear();
                assert!(
                    said.read_line(&mut line).unwrap() > 0,
                    "it never said: {words}"
                );
            }
        };
        wait_for("Aggregated");
        send_signal(&child, signal);
        wait_for("press ctrl-C again to stop waiting");
        send_signal(&child, signal);
        wait_for("press ctrl-C again to exit without a report");
        let drained = std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let ended = Ended::of(child.wait_with_output().unwrap());
        drained.join().unwrap().unwrap();
        ended.expect(130, &[]);
        let cause = "no answer when waiting was given up";
        assert!(ended.stdout.contains(cause), "{}", ended.stdout);
    }
}

#[test]
fn the_history_is_readable_by_its_owner_alone() {
    let folder = folder_with(SCENARIO);
    let host = server(HELLO);
    let mode = |file: &str| {
        let found = fs::metadata(folder.path().join(file)).unwrap();
        found.permissions().mode() & 0o777
    };
    run_headless(folder.path(), &host, "-i 1 --store h.sqlite").expect(0, &[]);
    assert_eq!(mode("h.sqlite"), 0o600);
    // A file of an earlier version in the usual place.
    let usual = "data/bakeoff/history.sqlite";
    let again = || {
        let mut command = bakeoff(&headless(&host, "-i 1"));
        command.env("XDG_DATA_HOME", folder.path().join("data"));
        Ended::of(command.current_dir(folder.path()).output().unwrap()).expect(0, &[]);
    };
    again();
    let open_to_all = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path().join(usual), open_to_all).unwrap();
    again();
    assert_eq!(mode(usual), 0o600);
}

#[test]
fn a_secret_of_the_environment_is_in_no_error() {
    let folder = folder_with(&format!(
        "{SCENARIO}headers = {{ authorization = \"Bearer ${{env:API_TOKEN}}\" }}\n"
    ));
    let mut command = bakeoff(&headless("http://127.0.0.1:1", ""));
    command.env("API_TOKEN", "sesame\n");
    let ended = Ended::of(command.current_dir(folder.path()).output().unwrap());
    ended.expect(
        2,
        &[
            "s.toml:10:",
            "a line end",
            "the environment variable API_TOKEN",
        ],
    );
    assert!(!format!("{ended:?}").contains("sesame"), "{ended:?}");
}
