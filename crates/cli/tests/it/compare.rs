//! `bakeoff compare` with real servers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bakeoff::{Ended, assert_schema, bakeoff, root, run, send_signal};

/// A folder with an experiment of `contenders` under a few users with real questions. Turns end once every user has finished
/// enough tasks, however slow the machine is: limits of time are for what hangs.
pub(crate) fn experiment(contenders: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scenario = fs::read_to_string(root().join("scenarios/question_answering.toml")).unwrap();
    fs::write(
        folder.path().join("scenario.toml"),
        scenario + "timeout = \"30m\"\n",
    )
    .unwrap();
    fs::copy(
        root().join("scenarios/squad-sample.jsonl"),
        folder.path().join("squad-sample.jsonl"),
    )
    .unwrap();
    let header = "scenario = \"scenario.toml\"\nblocks = 6\nextra_blocks = 0\nmeasure = \"200ms\"\nmeasure_limit = \"30m\"\n\
        warm_up = \"100ms\"\nusers = 2\n";
    fs::write(
        folder.path().join("bakeoff.toml"),
        format!("{header}{contenders}"),
    )
    .unwrap();
    folder
}

pub(crate) const NATIVE: &str = "
[[contender]]
name = \"native\"
process = [\"{bakeoff}\", \"serve\", \"--port\", \"{port}\", \"--threads\", \"1\"]
ready = \"/ready\"
ready_timeout = \"30m\"
";

/// Fails unless `contender` was measured in both of two blocks without a failure.
#[track_caller]
pub(crate) fn assert_measured(record: &Value, contender: &str) {
    let runs: Vec<_> = record["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["contender"] == contender)
        .collect();
    assert_eq!(runs.len(), 2, "{contender}: {}", record["problems"]);
    for run in runs {
        let measurement = &run["measurement"];
        assert_eq!(
            measurement["failures"],
            Value::Array(Vec::new()),
            "{contender}"
        );
        assert!(
            measurement["requests"][0]["completed_in_period"]
                .as_u64()
                .unwrap()
                > 0,
            "{contender}"
        );
        assert!(run["cold_start_ms"].as_f64().unwrap() > 0.0, "{contender}");
        assert!(
            run["usage"]["peak_memory_bytes"].as_u64().unwrap() > 0,
            "{contender}"
        );
    }
}

pub(crate) fn record(folder: &Path) -> Value {
    let record =
        serde_json::from_str(&fs::read_to_string(folder.join("out.json")).unwrap()).unwrap();
    assert_schema(&record, "experiment.schema.json");
    record
}

#[test]
fn two_processes_are_compared_and_reported_in_every_form() {
    let folder = experiment(&(NATIVE.to_owned() + &NATIVE.replace("native", "again")));
    let ended = run(
        folder.path(),
        &[
            "compare",
            "--blocks",
            "2",
            "--json",
            "out.json",
            "--markdown",
            "text/out.md",
            "--csv",
            "out.csv",
            "--svg",
            "pictures",
            "--png",
            "pictures",
            "--junit",
            "out.xml",
            "--fail-if-worse",
            "50%",
        ],
    );
    ended.expect(
        0,
        &[
            "report.html",
            "pictures",
            "warning: 2 blocks cannot show a difference between 2 contenders",
            "use --blocks 6",
            "plan: 2 blocks of 3 turns",
            "plan: this takes about ",
        ],
    );
    let record = record(folder.path());
    assert_measured(&record, "native");
    assert_measured(&record, "again");
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    let (markdown, html) = (read("text/out.md"), read("report.html"));
    assert!(
        markdown.contains("](<../pictures/answer.svg>)"),
        "{markdown}"
    );
    assert!(read("pictures/answer.svg").starts_with("<svg "));
    let png = fs::read(folder.path().join("pictures/answer.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    assert!(read("out.csv").starts_with("contender,block,load,"));
    assert!(read("out.xml").contains("<testcase name="));
    for report in [&ended.stdout, &markdown, &html] {
        for word in ["native", "again", "99.99", "block"] {
            assert!(report.contains(word), "no {word} in {report}");
        }
    }
}

#[test]
fn missing_tool_leaves_a_contender_out_and_strict_makes_it_an_error() {
    let ghost = "[[contender]]\nname = \"ghost\"\nprocess = [\"no-such-program\"]\n";
    let folder = experiment(&(NATIVE.to_owned() + ghost));
    run(folder.path(), &["compare", "--strict"])
        .expect(3, &["left out: ghost: ", "no-such-program", "--strict"]);
    let ended = run(
        folder.path(),
        &["compare", "--blocks", "1", "--json", "out.json"],
    );
    ended.expect(0, &["left out: ghost: "]);
    assert_eq!(record(folder.path())["left_out"][0]["name"], "ghost");
    run(folder.path(), &["compare", "--only", "ghost"]).expect(3, &["no contender can be started"]);
}

#[test]
fn mistakes_in_the_file_end_it_with_2_and_say_where() {
    let folder = experiment(&NATIVE.replace("ready", "raedy"));
    run(folder.path(), &["compare"]).expect(2, &["bakeoff.toml:", "raedy"]);
    run(folder.path(), &["compare", "other.toml"]).expect(2, &["other.toml", "hint: "]);
    let folder = experiment(NATIVE);
    fs::write(
        folder.path().join("few.toml"),
        "scenario = \"scenario.toml\"\nblocks = 3\n".to_owned()
            + NATIVE
            + &NATIVE.replace("native", "again"),
    )
    .unwrap();
    let few = run(folder.path(), &["compare", "few.toml"]);
    few.expect(
        2,
        &[
            "error: 3 blocks cannot show a difference between 2 contenders",
            "hint: use --blocks 6, or set `blocks = 6` in few.toml",
        ],
    );
    assert!(!few.stderr.contains("plan:"), "nothing is begun");
    run(folder.path(), &["compare", "--only", "nobody"]).expect(2, &["nobody", "native"]);
    fs::remove_file(folder.path().join("squad-sample.jsonl")).unwrap();
    run(folder.path(), &["compare"]).expect(2, &["squad-sample.jsonl"]);
}

/// Sends `signal` to an experiment in `folder` that is past its first block, and gives the record that it leaves.
pub(crate) fn interrupted_by(signal: &str, folder: &tempfile::TempDir) -> Value {
    let args = [
        "compare", "--strict", "--blocks", "50", "--json", "out.json",
    ];
    let mut child = bakeoff(&args)
        .current_dir(folder.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    // Progress is said now and then, not once a block: any later block will do.
    let later_block = |line: &str| line.contains("/50") && !line.contains("block 1/50");
    while !seen.lines().any(later_block) {
        assert!(
            std::io::BufRead::read_line(&mut lines, &mut seen).unwrap() > 0,
            "{seen}"
        );
    }
    send_signal(&child, signal);
    let rest = std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    rest.join().unwrap().unwrap();
    let record = record(folder.path());
    assert_eq!(record["interrupted"], true);
    assert!(!record["runs"].as_array().unwrap().is_empty());
    record
}

#[test]
fn interruption_ends_it_with_130_a_valid_report_and_no_contender() {
    for (signal, tokens) in [("INT", "4321"), ("TERM", "4322")] {
        let limited = format!("\"--max-queue-tokens\", \"{tokens}\", \"--threads\"");
        let folder = experiment(&NATIVE.replace("\"--threads\"", &limited));
        interrupted_by(signal, &folder);
        let left = procfs::process::all_processes()
            .unwrap()
            .filter_map(|process| process.ok()?.cmdline().ok())
            .filter(|words| words.iter().any(|word| word == tokens));
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn an_address_that_does_not_answer_ends_it_at_once_with_the_reason() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gone = format!(
        "[[contender]]\nname = \"gone\"\nurl = \"http://{address}\"\nready_timeout = \"100ms\"\n"
    );
    let folder = experiment(&(NATIVE.to_owned() + &gone));
    run(folder.path(), &["compare"]).expect(
        3,
        &[
            "gone: asking http://127.0.0.1:",
            "error: cannot measure `gone` at http://127.0.0.1:",
            "connection refused",
            "hint: start the server of gone, or leave gone out with --only",
        ],
    );
}

/// A mark in the environment that an experiment left which is no more: this process's, if it had begun with the machine.
fn stale_mark() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
    let (boot, namespace) = (boot.trim(), namespace.display());
    format!("{boot} {namespace} {} 1 8000", std::process::id())
}

#[test]
fn what_inherits_the_mark_of_an_experiment_that_is_no_more_ends_neither_itself_nor_its_shell() {
    let folder = experiment(NATIVE);
    // What is not in the line of those who started it is ended.
    let script = "env BAKEOFF_CONTENDER=\"$MARK\" sh -c '\"$0\" compare --blocks 1; echo it ended with $?' \"$0\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_bakeoff")]);
    let shell = shell.env("MARK", stale_mark()).current_dir(folder.path());
    let ended = Ended::of(shell.output().unwrap());
    ended.expect(0, &[]);
    assert!(ended.stdout.contains("it ended with 0"), "{ended:#?}");
}

#[test]
fn daemon_that_clears_its_environment_ends_with_its_contender() {
    let script = "env -i setsid sh -c 'sleep 717171 & sleep 0' & wait; exec \\\"$0\\\" \\\"$@\\\"";
    let start = format!("process = [\"sh\", \"-c\", \"{script}\", ");
    let folder = experiment(&NATIVE.replace("process = [", &start));
    let args = ["compare", "--blocks", "1", "--json", "out.json"];
    run(folder.path(), &args).expect(0, &[]);
    assert_eq!(record(folder.path())["problems"], Value::Array(Vec::new()));
    let all = procfs::process::all_processes().unwrap();
    let left = all.filter_map(|process| process.ok()?.cmdline().ok());
    let left = left.filter(|words| words.iter().any(|word| word == "717171"));
    assert_eq!(left.count(), 0);
}

#[test]
fn comparisons_at_the_same_time_are_kept_apart_in_a_folder_and_named_on_a_machine() {
    let first = experiment(NATIVE);
    let args = ["compare", "--blocks", "500", "--json", "out.json"];
    let mut child = bakeoff(&args)
        .current_dir(first.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("plan: ") {
        assert!(lines.read_line(&mut seen).unwrap() > 0, "{seen}");
    }
    let rest = std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let holder = format!("process {}", child.id());
    run(first.path(), &["compare"])
        .expect(3, &["error: cannot compare in ", &holder, "hint: wait"]);
    let second = experiment(NATIVE);
    let args = ["compare", "--blocks", "1", "--json", "out.json"];
    let warning = format!("warning: another experiment is running on this machine ({holder})");
    run(second.path(), &args).expect(0, &[&warning]);
    let facts = record(second.path())["contenders"][0]["facts"].to_string();
    let fact = format!("measured beside another experiment ({holder})");
    assert!(facts.contains(&fact), "{facts}");
    send_signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    rest.join().unwrap().unwrap();
}

#[test]
fn a_gate_that_asks_for_evidence_fails_without_it_and_the_job_shows_the_report() {
    let folder = experiment(&(NATIVE.to_owned() + &NATIVE.replace("native", "again")));
    let summary = folder.path().join("summary.md");
    fs::write(&summary, "before\n").unwrap();
    let compare = |gate: &str| {
        let args = [
            "compare", "--blocks", "1", gate, "10%", "--junit", "out.xml",
        ];
        let mut command = bakeoff(&args);
        command.env("GITHUB_STEP_SUMMARY", &summary);
        Ended::of(command.current_dir(folder.path()).output().unwrap())
    };
    // One block shows nothing, which is no alarm, and no pass either.
    compare("--fail-if-worse").expect(0, &[]);
    let junit = || fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(junit().contains("<skipped "), "{}", junit());
    compare("--fail-unless-not-worse").expect(
        1,
        &["again is not shown to be at most 10 % worse than native: there is no verdict"],
    );
    assert!(junit().contains("type=\"not-shown\""), "{}", junit());
    let shown = fs::read_to_string(&summary).unwrap();
    assert!(shown.starts_with("before\n"), "{shown}");
    assert_eq!(shown.matches("\n## Verdict\n").count(), 2, "{shown}");
}
