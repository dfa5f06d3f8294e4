//! `bakeoff compare` with real servers.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bakeoff::{assert_schema, bakeoff, root, run, send_signal};

/// A folder with an experiment of `contenders` under a few users with real questions.
pub(crate) fn experiment(contenders: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scenario = fs::read_to_string(root().join("scenarios/question_answering.toml")).unwrap();
    fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
    fs::copy(
        root().join("scenarios/squad-sample.jsonl"),
        folder.path().join("squad-sample.jsonl"),
    )
    .unwrap();
    let header = "scenario = \"scenario.toml\"\nblocks = 2\nextra_blocks = 0\nmeasure = \"1s\"\nwarm_up = \"200ms\"\nusers = 4\n";
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
";

/// Fails unless `contender` was measured in both blocks without a failure.
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
    ended.expect(0, &["report.html", "pictures"]);
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
    assert!(read("out.xml").contains("<testcase classname="));
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
