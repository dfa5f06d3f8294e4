//! Contenders that work and contenders that fail: real processes on free ports, which end with the experiment.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bakeoff_compare::{CompareError, Event, ExperimentFile, ExperimentRunner};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::setting::{
    SCENARIO, Script, answer_everything, answer_on, processes_with, run, runner, runner_with,
    server,
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
fn contender_that_ends_is_reported_with_its_last_log_lines() {
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
        \"trap '' TERM; setsid sleep 987654 & sleep 987654\"]\n";
    let experiment = run(folder.path(), stubborn).unwrap();
    let what = &experiment.problems[0].what;
    assert!(
        what.contains(
            "not ready within 200ms: GET / was not answered with 200 (connection refused)"
        ),
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
fn first_contender_becomes_the_baseline_if_the_baseline_is_left_out() {
    let folder = TempDir::new().unwrap();
    let missing = "[[contender]]\nname = \"ghost\"\nprocess = [\"no-such-program-anywhere\"]\n";
    let contenders = missing.to_owned() + &server("one") + &server("two");
    fs::write(folder.path().join("scenario.toml"), SCENARIO).unwrap();
    let mut runner = runner(folder.path(), &contenders).unwrap();
    let mut said = Vec::new();
    let mut observe = |event: Event<'_>| {
        if let Event::NewBaseline { left_out, baseline } = event {
            said.push(format!("{baseline} for {left_out}"));
        }
    };
    let experiment = runner
        .prepare(&CancellationToken::new(), &mut observe)
        .unwrap();
    assert_eq!(experiment.plan.baseline, "one");
    assert_eq!(said, ["one for ghost"]);
    let reason = &experiment.left_out[0].reason;
    assert!(reason.contains("one takes its place"), "{reason}");
}

/// Serves one answer on each connection, then closes it.
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
            "no correct answer to request `/`: ",
        ),
        (
            b"\x00\x01 no HTTP at all\r\n\r\n",
            "ready = \"/\"\n",
            "GET / was not answered with 200 (invalid HTTP answer)",
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
        check_unreachable(&format!("url = \"http://{address}\"\n{ready}"), expected);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = listener.local_addr().unwrap();
    drop(listener);
    for ready in ["", "ready = \"/\"\n"] {
        check_unreachable(
            &format!("url = \"http://{refusing}\"\n{ready}"),
            "connection refused",
        );
    }
}

/// Checks that a contender at an address ends the experiment before the first block, with the reason `expected`.
#[track_caller]
fn check_unreachable(contender: &str, expected: &str) {
    let folder = TempDir::new().unwrap();
    let contender =
        format!("[[contender]]\nname = \"there\"\nready_timeout = \"200ms\"\n{contender}");
    let error = run(folder.path(), &(server("one") + &contender)).unwrap_err();
    let what = error.to_string();
    assert!(
        what.starts_with("cannot measure `there` at http://")
            && what.contains("not ready within 200ms: ")
            && what.contains(expected),
        "{what}"
    );
}

#[test]
fn reason_for_the_wait_is_reported_during_the_wait() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let text = format!(
        "[[contender]]\nname = \"there\"\nready_timeout = \"200ms\"\nurl = \"http://{address}\"\n"
    );
    let mut runner = runner(folder.path(), &text).unwrap();
    let mut steps = Vec::new();
    let mut observe = |event: Event<'_>| {
        if let Event::Preparing { step, .. } = event {
            steps.push(step.to_owned());
        }
    };
    let stop = CancellationToken::new();
    assert!(runner.prepare(&stop, &mut observe).is_err());
    assert_eq!(
        steps,
        [
            format!("asking http://{address} for a first correct answer"),
            "waiting for up to 200ms: no correct answer to request `/`: connection refused"
                .to_owned(),
        ]
    );
}

#[test]
fn the_plan_is_reported_with_its_duration() {
    let folder = TempDir::new().unwrap();
    let contenders = server("one") + &server("two");
    let stop = CancellationToken::new();
    let mut runner = runner_with(
        folder.path(),
        "blocks = 6\nextra_blocks = 2\nmeasure = \"5s\"\nopen = [\"50%\"]\n",
        &contenders,
    )
    .unwrap();
    let mut experiment = runner.prepare(&stop, &mut |_| {}).unwrap();
    let mut plan = Vec::new();
    runner.run(&mut experiment, &stop, &mut |event| {
        if let Event::Planned(lines) = event {
            plan = lines.to_vec();
        }
        stop.cancel();
    });
    assert_eq!(
        plan,
        [
            "plan: 6 blocks of 3 turns (one again is the control); each turn has 2 users, 1s to 10s of warm-up and 5s of measuring",
            "plan: then 6 blocks of 3 turns with arrivals at 50 % of the slowest contender's rate",
            // 36 turns of 6.25 s; 18 of them with warm-ups of 10 s.
            "plan: this takes about 3m 45s, up to 6m 30s if rates settle late, plus a start in each turn and \
             up to 2 blocks that replace disturbed ones",
        ]
    );
}

#[test]
fn name_without_an_address_ends_the_experiment_at_once() {
    let folder = TempDir::new().unwrap();
    // DNS allows no label of 64 letters, so the lookup fails without a network.
    let name = "x".repeat(64);
    for ready in ["", "ready = \"/\"\n"] {
        let lost = format!(
            "[[contender]]\nname = \"lost\"\nurl = \"http://{name}\"\nready_timeout = \"1h\"\n{ready}"
        );
        let error = run(folder.path(), &(server("one") + &lost)).unwrap_err();
        let what = error.to_string();
        assert!(
            what.contains(&format!(": cannot resolve `{name}")),
            "{what}"
        );
    }
}

#[test]
fn server_elsewhere_that_goes_away_is_a_problem_of_its_turns_alone() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = "[[contender]]\nname = \"there\"\nready_timeout = \"200ms\"\n";
    let going = format!("{answers}url = \"http://{address}\"\n");
    // It answers the check before the first block, and nothing after it.
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        drop(listener);
        answer_on(stream, &Script::default());
    });
    let experiment = run(folder.path(), &(server("one") + &going)).unwrap();
    assert!(!experiment.interrupted);
    let measured: Vec<_> = experiment.runs.iter().map(|run| run.block).collect();
    // The baseline and its control, in each block.
    assert_eq!(measured, [1, 1, 2, 2]);
    let lost: Vec<_> = experiment.problems.iter().map(|lost| lost.block).collect();
    assert_eq!(lost, [1, 2]);
    let what = &experiment.problems[0].what;
    assert!(what.contains("connection refused"), "{what}");
}

#[test]
fn request_that_can_never_be_sent_is_an_error_before_any_start() {
    let folder = TempDir::new().unwrap();
    let there = "[[contender]]\nname = \"there\"\nurl = \"http://127.0.0.1:99999\"\n";
    let error = runner(folder.path(), there).unwrap_err().to_string();
    assert!(error.contains("is no address of a server"), "{error}");
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
fn set_up_that_fails_is_explained_by_its_output() {
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
    let mut runner = runner(folder.path(), &server("marked-434343")).unwrap();
    let mut experiment = runner.prepare(&stop, &mut |_| {}).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runner.run(&mut experiment, &stop, &mut |event| {
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
    let mut runner = ExperimentRunner::new(file).unwrap();
    let mut experiment = runner.prepare(&stop, &mut |_| {}).unwrap();
    let mut observe = |event: Event<'_>| {
        if let Event::Measured(turn, _) = event
            && turn.block == 2
        {
            stop.cancel();
        }
    };
    runner.run(&mut experiment, &stop, &mut observe);
    assert!(experiment.interrupted);
    assert_eq!(experiment.runs.len(), 2);
    assert_eq!(processes_with("marked-424242"), Vec::<String>::new());
}
