//! Contenders that behave, and contenders that do not: real processes, on free ports, gone afterwards.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bakeoff_compare::{CompareError, Comparison, Event, ExperimentFile};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::setting::{
    SCENARIO, Script, answer_everything, comparison, processes_with, run, server,
};

#[test]
fn every_contender_is_measured_once_in_every_block() {
    let folder = TempDir::new().unwrap();
    let experiment = run(folder.path(), &(server("one") + &server("two"))).unwrap();
    assert_eq!(experiment.problems, []);
    let mut turns: Vec<_> = experiment
        .runs
        .iter()
        .map(|run| (run.block, run.contender.as_str()))
        .collect();
    turns.sort_unstable();
    let everybody = ["one", "one again", "two"];
    let expected = [1, 2]
        .into_iter()
        .flat_map(|block| everybody.map(|name| (block, name)));
    assert_eq!(turns, expected.collect::<Vec<_>>());
    assert_eq!(experiment.plan.control.as_deref(), Some("one again"));
    for run in &experiment.runs {
        let stats = &run.measurement.requests[0];
        assert!(stats.requests() > 0 && stats.failures() == 0, "{stats:?}");
        assert!(run.cold_start.is_some());
        assert!(run.usage.unwrap().peak_memory_bytes > 0);
        assert!(run.usage.unwrap().cpu > Duration::ZERO);
    }
}

#[test]
fn server_that_runs_already_is_measured_at_its_path() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prefix", listener.local_addr().unwrap());
    std::thread::spawn(move || answer_everything(&listener, &Script::default()));
    let folder = TempDir::new().unwrap();
    let contender = format!("[[contender]]\nname = \"there\"\nurl = \"{url}\"\n");
    let experiment = run(folder.path(), &contender).unwrap();
    assert_eq!((experiment.runs.len(), experiment.problems.len()), (2, 0));
    assert!(
        experiment
            .runs
            .iter()
            .all(|run| run.cold_start.is_none() && run.usage.is_none())
    );
}

#[test]
fn contender_that_dies_is_reported_with_its_last_words() {
    let folder = TempDir::new().unwrap();
    let dying = "[[contender]]\nname = \"dying\"\nprocess = [\"sh\", \"-c\", \"echo no model in /srv >&2; exit 7\"]\n";
    let experiment = run(folder.path(), dying).unwrap();
    assert_eq!((experiment.runs.len(), experiment.problems.len()), (0, 2));
    let what = &experiment.problems[0].what;
    assert!(
        what.contains("exit status: 7") && what.contains("no model in /srv"),
        "{what}"
    );
}

#[test]
fn contender_that_never_gets_ready_is_given_up_and_its_children_are_ended() {
    let folder = TempDir::new().unwrap();
    let stubborn = "[[contender]]\nname = \"stubborn\"\nready = \"/\"\nready_timeout = \"200ms\"\nprocess = [\"sh\", \"-c\", \
        \"trap '' TERM; setsid sleep 987654 & echo still loading; sleep 987654\"]\n";
    let experiment = run(folder.path(), stubborn).unwrap();
    let what = &experiment.problems[0].what;
    assert!(
        what.contains(
            "not ready within 200ms: GET / was not answered with 200 (connection refused)"
        ) && what.contains("still loading"),
        "{what}"
    );
    assert_eq!(processes_with("987654"), Vec::<String>::new());
}

#[test]
fn missing_program_leaves_the_contender_out_and_the_rest_runs() {
    let folder = TempDir::new().unwrap();
    let missing = "[[contender]]\nname = \"ghost\"\nprocess = [\"no-such-program-anywhere\"]\n";
    let experiment = run(folder.path(), &(server("one") + missing)).unwrap();
    assert_eq!(experiment.left_out[0].name, "ghost");
    assert!(
        experiment.left_out[0]
            .remedy
            .contains("install `no-such-program-anywhere`")
    );
    assert_eq!(experiment.runs.len(), 2);
    assert!(matches!(
        run(folder.path(), missing),
        Err(CompareError::NoContender)
    ));
}

#[test]
fn first_who_takes_part_takes_the_place_of_a_baseline_that_is_left_out() {
    let folder = TempDir::new().unwrap();
    let missing = "[[contender]]\nname = \"ghost\"\nprocess = [\"no-such-program-anywhere\"]\n";
    let contenders = missing.to_owned() + &server("one") + &server("two");
    fs::write(folder.path().join("scenario.toml"), SCENARIO).unwrap();
    let mut comparison = comparison(folder.path(), &contenders).unwrap();
    let mut said = Vec::new();
    let mut observe = |event: Event<'_>| {
        if let Event::NewBaseline { left_out, baseline } = event {
            said.push(format!("{baseline} for {left_out}"));
        }
    };
    let experiment = comparison
        .prepare(&CancellationToken::new(), &mut observe)
        .unwrap();
    assert_eq!(experiment.plan.baseline, "one");
    assert_eq!(said, ["one for ghost"]);
    let reason = &experiment.left_out[0].reason;
    assert!(reason.contains("one takes its place"), "{reason}");
}

/// Serves every connection with `answer`, then closes it.
fn answer_once_a_connection(listener: TcpListener, answer: &'static [u8]) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(answer);
        }
    });
}

#[test]
fn server_elsewhere_that_misbehaves_is_a_problem_that_says_how() {
    let cases: [(&[u8], &str, &str); 3] = [
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhal",
            "",
            "its first answer was wrong: request `/`: ",
        ),
        (
            b"\x00\x01 no HTTP at all\r\n\r\n",
            "ready = \"/\"\n",
            "GET / was not answered with 200 (the answer is no HTTP)",
        ),
        (
            b"HTTP/1.1 503 Busy\r\n\r\n",
            "ready = \"/\"\n",
            "GET / was not answered with 200 (status 503)",
        ),
    ];
    for (answer, ready, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        answer_once_a_connection(listener, answer);
        check_problem(&format!("url = \"http://{address}\"\n{ready}"), expected);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = listener.local_addr().unwrap();
    drop(listener);
    check_problem(&format!("url = \"http://{refusing}\"\n"), "refused");
}

#[track_caller]
fn check_problem(contender: &str, expected: &str) {
    let folder = TempDir::new().unwrap();
    let contender =
        format!("[[contender]]\nname = \"there\"\nready_timeout = \"200ms\"\n{contender}");
    let experiment = run(folder.path(), &contender).unwrap();
    assert_eq!((experiment.runs.len(), experiment.problems.len()), (0, 2));
    let what = &experiment.problems[0].what;
    assert!(
        what.contains("not ready within 200ms: ") && what.contains(expected),
        "{what}"
    );
}

#[test]
fn name_that_is_not_found_is_a_problem_of_its_turn_alone_and_not_waited_for() {
    let folder = TempDir::new().unwrap();
    // A label longer than a name server may be asked for: no network is needed to find nothing.
    let name = "x".repeat(64);
    for ready in ["", "ready = \"/\"\n"] {
        let lost = format!("[[contender]]\nname = \"lost\"\nurl = \"http://{name}\"\n{ready}");
        let experiment = run(folder.path(), &(server("one") + &lost)).unwrap();
        assert!(!experiment.interrupted);
        let measured: Vec<_> = experiment.runs.iter().map(|run| run.block).collect();
        // The baseline twice in each.
        assert_eq!(measured, [1, 1, 2, 2]);
        let lost: Vec<_> = experiment.problems.iter().map(|lost| lost.block).collect();
        assert_eq!(lost, [1, 2]);
        let what = &experiment.problems[0].what;
        assert!(
            what.starts_with(&format!("cannot resolve `{name}")) && what.contains(": "),
            "{what}"
        );
    }
}

#[test]
fn what_can_never_be_sent_ends_it_before_anything_is_started() {
    let folder = TempDir::new().unwrap();
    let cases = [
        (server("one"), "/two words", "no valid path"),
        (
            "[[contender]]\nname = \"there\"\nurl = \"http://127.0.0.1:99999\"\n".to_owned(),
            "/",
            "is no address of a server",
        ),
    ];
    for (contenders, path, expected) in cases {
        let scenario = SCENARIO.replace("path = \"/\"", &format!("path = \"{path}\""));
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        let error = comparison(folder.path(), &contenders).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn set_up_runs_once_and_again_when_a_file_it_names_changes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let contenders = server("one") + "setup = [[\"sh\", \"count.sh\"]]\n";
    let times = || {
        fs::read_to_string(path.join("times"))
            .unwrap()
            .lines()
            .count()
    };
    fs::write(path.join("count.sh"), "echo once >> times").unwrap();
    run(path, &contenders).unwrap();
    run(path, &contenders).unwrap();
    assert_eq!(times(), 1);
    fs::write(path.join("count.sh"), "echo twice >> times").unwrap();
    run(path, &contenders).unwrap();
    assert_eq!(times(), 2);
    fs::write(
        path.join("count.sh"),
        "echo broken pipe to the wheel index >&2; exit 3",
    )
    .unwrap();
    let error = run(path, &(contenders.clone() + &server("two"))).unwrap();
    assert!(
        error.left_out[0]
            .reason
            .contains("broken pipe to the wheel index"),
        "{:?}",
        error.left_out
    );
}

#[test]
fn folder_reached_in_two_ways_is_set_up_once() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("service")).unwrap();
    fs::create_dir_all(folder.path().join("experiments")).unwrap();
    let set_up = |directory: &str| {
        server("one")
            + &format!(
                "directory = \"{directory}\"\nsetup = [[\"sh\", \"-c\", \"echo once >> times\"]]\n"
            )
    };
    run(folder.path(), &set_up("service")).unwrap();
    run(&folder.path().join("experiments"), &set_up("../service")).unwrap();
    let times = fs::read_to_string(folder.path().join("service/times")).unwrap();
    assert_eq!(times, "once\n");
}

#[test]
fn set_up_that_fails_is_explained_by_what_it_said_on_stdout_too() {
    let folder = TempDir::new().unwrap();
    let set_up = "setup = [[\"sh\", \"-c\", \"echo ensurepip is not available; exit 1\"]]\n";
    let experiment = run(folder.path(), &(server("two") + &server("one") + set_up)).unwrap();
    let reason = &experiment.left_out[0].reason;
    assert!(
        reason.contains("(exit status: 1): ensurepip is not available"),
        "{reason}"
    );
}

#[test]
fn panic_keeps_what_was_measured_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("scenario.toml"), SCENARIO).unwrap();
    let stop = CancellationToken::new();
    let mut comparison = comparison(folder.path(), &server("marked-434343")).unwrap();
    let mut experiment = comparison.prepare(&stop, &mut |_| {}).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        comparison.run(&mut experiment, &stop, &mut |event| {
            assert!(
                !matches!(event, Event::Load(turn, _) if turn.block == 2),
                "meant to panic"
            );
        });
    }));
    assert!(outcome.is_err());
    assert!(experiment.interrupted);
    assert_eq!(experiment.runs.len(), 1);
    assert_eq!(processes_with("marked-434343"), Vec::<String>::new());
}

#[test]
fn interruption_keeps_what_was_measured_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("scenario.toml"), SCENARIO).unwrap();
    let text = format!(
        "scenario = \"scenario.toml\"\nmeasure = \"200ms\"\nwarm_up = \"0s\"\n{}",
        server("marked-424242")
    );
    let file = ExperimentFile::parse(&text, &folder.path().join("bakeoff.toml")).unwrap();
    let stop = CancellationToken::new();
    let mut comparison = Comparison::new(file).unwrap();
    let mut experiment = comparison.prepare(&stop, &mut |_| {}).unwrap();
    let mut observe = |event: Event<'_>| {
        if let Event::Measured(turn, _) = event
            && turn.block == 2
        {
            stop.cancel();
        }
    };
    comparison.run(&mut experiment, &stop, &mut observe);
    assert!(experiment.interrupted);
    assert_eq!(experiment.runs.len(), 2);
    assert_eq!(processes_with("marked-424242"), Vec::<String>::new());
}
