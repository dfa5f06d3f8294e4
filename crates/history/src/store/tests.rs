use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use bakeoff_record::fixture::{empty_experiment, measurement};
use bakeoff_record::run::Second;
use bakeoff_record::{Figures, Source};
use std::time::Duration;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/history.sqlite");
    (folder, path)
}

fn new_run(name: &str) -> NewRun {
    NewRun {
        name: name.to_owned(),
        host: "http://127.0.0.1:8000".to_owned(),
        config: "70 users at 10/s".to_owned(),
        bakeoff_version: "0.1.0".to_owned(),
        machine: empty_experiment(&["one"], "one").machine,
        tags: vec!["begun".to_owned()],
    }
}

/// A run of so many seconds, with a failure and a mark.
fn measured(seconds: u64) -> Measurement {
    let mut measured = measurement("/<script>", &[10, 20, 30], &[40], seconds);
    let first = measured.timeline[0].clone();
    measured.timeline = (0..seconds)
        .map(|second| Second {
            since_start: Duration::from_secs(second),
            requests: second + 1,
            ..first.clone()
        })
        .collect();
    measured
}

#[test]
fn what_was_saved_comes_back() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    for seconds in 1..5 {
        history.save(run, &measured(seconds)).unwrap();
    }
    history.finish(run, &measured(5)).unwrap();
    let test = history.load_test(run).unwrap();
    assert_eq!(test.measurement, measured(5));
    assert_eq!(
        (test.name.as_str(), test.host.as_str()),
        ("shop", "http://127.0.0.1:8000")
    );
    assert_eq!(test.machine, new_run("shop").machine);
    let listed = history.run(run).unwrap();
    assert_eq!(listed.state, RunState::Finished);
    assert_eq!(listed.started_at, Some(measured(5).started_at));
    assert_eq!(
        (listed.figures.requests, listed.figures.failures),
        (4, Some(1))
    );
    assert_eq!(listed.figures, Figures::of(&measured(5)));
}

#[test]
fn a_second_once_saved_is_not_written_again() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.save(run, &measured(3)).unwrap();
    let mut later = measured(4);
    later.timeline[0].requests = 1000;
    history.save(run, &later).unwrap();
    let timeline = history.load_test(run).unwrap().measurement.timeline;
    assert_eq!(timeline, measured(4).timeline);
}

#[test]
fn a_measurement_that_began_anew_replaces_the_former() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.save(run, &measured(5)).unwrap();
    let mut anew = measured(2);
    anew.started_at += Duration::from_secs(5);
    history.save(run, &anew).unwrap();
    assert_eq!(history.load_test(run).unwrap().measurement, anew);
}

#[test]
fn a_run_of_a_dead_process_is_cut_short_and_keeps_its_seconds() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.save(run, &measured(3)).unwrap();
    // Its process id was given to another process since.
    let sql = "UPDATE runs SET owner_started = owner_started + 1";
    history.connection.execute(sql, []).unwrap();
    let next = History::open(&path).unwrap();
    let cut_short: Vec<RunId> = next.cut_short().iter().map(|run| run.id).collect();
    assert_eq!(cut_short, [run]);
    assert_eq!(next.run(run).unwrap().state, RunState::CutShort);
    assert_eq!(next.load_test(run).unwrap().measurement, measured(3));
    assert_eq!(History::open(&path).unwrap().cut_short(), []);
}

#[test]
fn a_run_that_goes_on_is_left_alone() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.save(run, &measured(3)).unwrap();
    let other = History::open(&path).unwrap();
    assert_eq!(other.cut_short(), []);
    assert_eq!(other.run(run).unwrap().state, RunState::Running);
    history.finish(run, &measured(4)).unwrap();
    assert_eq!(other.load_test(run).unwrap().measurement, measured(4));
}

#[test]
fn search_finds_every_word_in_any_field_newest_first() {
    let (_folder, path) = folder();
    let history = History::open(&path).unwrap();
    let [shop, bank, other] =
        ["Shop 100%", "bank", "BANK"].map(|name| history.begin(&new_run(name)).unwrap());
    history.set_notes(shop, "Before the fix").unwrap();
    history
        .set_tags(bank, &["Nightly".to_owned(), "  ".to_owned()])
        .unwrap();
    let found = |search: &str| -> Vec<RunId> {
        let runs = history.list(search).unwrap();
        runs.iter().map(|run| run.id).collect()
    };
    assert_eq!(found(""), [other, bank, shop]);
    for (search, expected) in [
        ("bank", vec![other, bank]),
        ("bank nightly", vec![bank]),
        ("FIX shop", vec![shop]),
        ("100%", vec![shop]),
        ("%", vec![shop]),
        ("70 users", vec![other, bank, shop]),
        ("begun", vec![other, shop]),
        ("absent", vec![]),
    ] {
        assert_eq!(found(search), expected, "{search}");
    }
    assert_eq!(history.run(bank).unwrap().tags, ["Nightly"]);
}

#[test]
fn a_deleted_run_is_gone_with_its_seconds() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.save(run, &measured(3)).unwrap();
    history.delete(run).unwrap();
    let seconds: i64 = history
        .connection
        .query_row("SELECT count(*) FROM seconds", [], |row| row.get(0))
        .unwrap();
    assert_eq!(seconds, 0);
    let gone = |result: Result<(), HistoryError>| {
        assert!(matches!(result, Err(HistoryError::NoSuchRun { .. })));
    };
    gone(history.load_test(run).map(|_| ()));
    gone(history.save(run, &measured(4)));
    gone(history.set_notes(run, "late"));
    gone(history.delete(run));
}

#[test]
fn a_run_that_was_never_saved_says_so() {
    let (_folder, path) = folder();
    let history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    let error = history.load_test(run).unwrap_err();
    assert!(matches!(
        error,
        HistoryError::Damaged {
            source: DamagedRun::Empty,
            ..
        }
    ));
}

#[test]
fn damaged_bytes_are_errors_that_name_the_run() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.finish(run, &measured(3)).unwrap();
    for sql in [
        "UPDATE seconds SET record = x'00ff' WHERE second = 1",
        "UPDATE seconds SET record = x''",
        "UPDATE runs SET measurement = x'0300'",
        "UPDATE runs SET machine = '{}'",
    ] {
        history.connection.execute(sql, []).unwrap();
        let error = history.load_test(run).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read run 1 of the history "),
            "{error}"
        );
    }
    history
        .connection
        .execute("UPDATE runs SET tags = 'no', requests = -1", [])
        .unwrap();
    assert_eq!(history.list("").unwrap().len(), 1);
}

#[test]
fn files_that_are_no_history_are_refused() {
    let (folder, path) = folder();
    let text = folder.path().join("text");
    std::fs::write(&text, "no database, but more than enough bytes".repeat(200)).unwrap();
    let error = History::open(&text).unwrap_err();
    assert!(matches!(error, HistoryError::Database { .. }), "{error}");
    assert!(error.to_string().contains("text"), "{error}");

    let foreign = folder.path().join("foreign");
    let connection = Connection::open(&foreign).unwrap();
    connection.execute_batch("CREATE TABLE runs (id)").unwrap();
    let error = History::open(&foreign).unwrap_err();
    assert!(matches!(error, HistoryError::Foreign { .. }), "{error}");

    let history = History::open(&path).unwrap();
    history
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = History::open(&path).unwrap_err();
    assert!(
        matches!(error, HistoryError::Newer { found: 99, .. }),
        "{error}"
    );
}

#[test]
fn a_file_with_damaged_pages_never_panics() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.finish(run, &measured(50)).unwrap();
    drop(history);
    let whole = std::fs::read(&path).unwrap();
    for start in (100..whole.len()).step_by(1500) {
        let mut damaged = whole.clone();
        let end = damaged.len().min(start + 700);
        damaged[start..end].fill(0xa5);
        std::fs::write(&path, &damaged).unwrap();
        if let Ok(mut history) = History::open(&path) {
            let _ = (history.list(""), history.load_test(run));
            let _ = history.save(run, &measured(51));
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (folder, _) = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = History::open(&file.join("sub/history.sqlite")).unwrap_err();
    assert!(matches!(error, HistoryError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("file/sub"), "{error}");
}

fn wrk_text() -> CoarseRun {
    let texts = crate::import::Texts {
        name: "old",
        main: include_str!("../../tests/fixtures/import/wrk_timeouts.txt"),
        ..crate::import::Texts::default()
    };
    crate::import::read(Source::WrkText, &texts).unwrap()
}

#[test]
fn a_coarse_run_comes_back_with_what_is_not_known_left_open() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.import_coarse(&wrk_text()).unwrap();
    let listed = history.run(run).unwrap();
    assert_eq!(listed.source, Some(Source::WrkText));
    assert_eq!((listed.started_at, listed.figures.failures), (None, None));
    assert_eq!(listed.figures, Figures::from(&wrk_text()));
    assert_eq!(history.list("wrk").unwrap().len(), 1);
    let detail = history.detail(run).unwrap();
    assert_eq!(detail, Detail::Coarse(Box::new(wrk_text())));
    let error = history.load_test(run).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read the record of run 1: it is coarse: imported from wrk text;"),
        "{error}"
    );
    history.delete(run).unwrap();
    assert!(history.detail(run).is_err());
}

#[test]
fn a_history_of_the_first_version_is_read_and_goes_on() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.finish(run, &measured(3)).unwrap();
    let first_version = "ALTER TABLE runs DROP COLUMN source; PRAGMA user_version = 1;";
    history.connection.execute_batch(first_version).unwrap();
    drop(history);
    let mut history = History::open(&path).unwrap();
    assert_eq!(history.load_test(run).unwrap().measurement, measured(3));
    assert_eq!(history.run(run).unwrap().source, None);
    history.import_coarse(&wrk_text()).unwrap();
    assert_eq!(History::open(&path).unwrap().list("").unwrap().len(), 2);
}

#[test]
fn a_history_of_the_first_version_gives_the_same_run_to_the_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.sqlite");
    let file = include_bytes!("../../tests/fixtures/history-v2.sqlite");
    std::fs::write(&path, file).unwrap();
    let history = History::open(&path).unwrap();
    let [listed] = &history.list("").unwrap()[..] else {
        panic!("one run was stored");
    };
    let test = history.load_test(listed.id).unwrap();
    let json = bakeoff_record::LoadTestRecord::from_load_test(&test).to_json();
    let then = include_str!("../../tests/fixtures/run-0.1.0.json");
    let differing = then
        .lines()
        .zip(json.lines())
        .find(|(then, now)| then != now);
    assert_eq!(differing, None);
    assert_eq!(then.len(), json.len());
}

#[test]
fn a_read_only_history_shows_what_a_writer_has_not_yet_put_into_the_file() {
    let (folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.finish(run, &measured(2)).unwrap();
    let read = || {
        let history = History::read_only(&path).unwrap();
        let test = history.load_test(run).unwrap();
        (test.measurement, history.list("shop").unwrap().len())
    };
    assert_eq!(read(), (measured(2), 1));
    drop(history);
    assert_eq!(read(), (measured(2), 1));
    // Nothing is left beside it.
    let files = std::fs::read_dir(folder.path().join("data")).unwrap();
    assert_eq!(files.count(), 1);
}

#[test]
fn a_read_only_history_shows_dead_runs_as_cut_short_and_is_not_changed() {
    let (_folder, path) = folder();
    let mut history = History::open(&path).unwrap();
    let run = history.begin(&new_run("shop")).unwrap();
    history.save(run, &measured(2)).unwrap();
    let sql = "UPDATE runs SET owner_started = owner_started - 1";
    history.connection.execute(sql, []).unwrap();
    drop(history);
    let before = std::fs::read(&path).unwrap();
    let history = History::read_only(&path).unwrap();
    assert_eq!(history.cut_short().len(), 1);
    assert_eq!(history.run(run).unwrap().state, RunState::CutShort);
    assert_eq!(history.list("").unwrap()[0].state, RunState::CutShort);
    let error = history.set_notes(run, "x").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot write to the history "),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_read_only_history_of_the_first_version_says_what_it_needs() {
    let (_folder, path) = folder();
    drop(History::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let error = History::read_only(&path).unwrap_err().to_string();
    assert!(
        error.contains("version is 1") && error.contains("read-only"),
        "{error}"
    );
}
