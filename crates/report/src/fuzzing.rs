//! Bodies of this crate's fuzz targets. They panic when something is wrong, and only then.
//!
//! The tests feed them what earlier fuzzing found, so that a mended fault stays mended.

use std::time::SystemTime;

use serde_json::Value;

use bakeoff_analysis::derived::DerivedRecord;
use bakeoff_analysis::interpretation::render_so_far;
use bakeoff_history::import::{self, Format, Texts};
use bakeoff_record::coarse::CoarseRun;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::json::{CoarseRecord, ExperimentRecord, LoadTestRecord};
use bakeoff_record::run::LoadTest;
use bakeoff_record::stored::{Detail, Figures, RunId, RunState, StoredRun};

use crate::gate::Gates;
use crate::terminal::Terminal;

/// Records that the `record` target changes.
const EXPERIMENT: &str = include_str!("../../analysis/tests/fixtures/experiment-v1.json");
const LOAD_TEST: &str = include_str!("../../analysis/tests/fixtures/run-v1.json");

/// Number of ways in which an experiment is shown.
const WAYS: usize = 7;

const TERMINAL: Terminal = Terminal {
    width: 100,
    color: true,
};

/// Reads `data` as a file of another program, and shows what it holds. After the first NUL comes Locust's history, after the
/// second one its failures.
///
/// # Panics
/// When a run has more failures than requests, or cannot be kept in the history.
pub fn import(data: &[u8]) {
    let mut texts = data.splitn(3, |&byte| byte == 0).map(str::from_utf8);
    let Some(Ok(main)) = texts.next() else {
        return;
    };
    let texts = Texts {
        name: "imported",
        main,
        locust_history: texts.next().and_then(Result::ok),
        locust_failures: texts.next().and_then(Result::ok),
    };
    match import::detect(main) {
        Ok(Format::Record) => load_test(main),
        Ok(Format::Foreign(source)) => {
            if let Ok(run) = import::read(source, &texts) {
                coarse(run);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Reads `data` as a record of an experiment or of a load test, and shows it: a load test in every way, an experiment, which takes long
/// to analyse, in one of [`WAYS`] that follows from the number of bytes.
///
/// Where it is no JSON object, its first line names the kind of record that its other lines change: each is a JSON pointer and,
/// after a space, the value to put there; without a value the field is removed.
///
/// # Panics
/// When what was read cannot be written and read again.
pub fn record(data: &[u8]) {
    shown_record(data, data.len() % WAYS);
}

fn shown_record(data: &[u8], way: usize) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if text.starts_with('{') {
        load_test(text);
        experiment(text, way);
        return;
    }
    let (kind, changes) = text.split_once('\n').unwrap_or((text, ""));
    match kind {
        "experiment" => experiment(&changed(EXPERIMENT, changes), way),
        "run" => load_test(&changed(LOAD_TEST, changes)),
        _ => {}
    }
}

fn coarse(run: CoarseRun) {
    let rows = run.rows.iter().chain([&run.total]);
    for row in rows {
        let failures = row.failures.unwrap_or_default();
        assert!(failures <= row.requests, "{failures} of {}", row.requests);
    }
    let json = serde_json::to_string(&CoarseRecord::from(&run)).expect("a record can be written");
    let kept: CoarseRecord = serde_json::from_str(&json).expect("a record can be read");
    let kept = kept.into_run(run.name.clone());
    assert_eq!(
        kept.expect("a kept run can be read").total.requests,
        run.total.requests
    );
    crate::runs::show(&run, TERMINAL);
    let stored = StoredRun {
        id: RunId(1),
        name: run.name.clone(),
        host: run.host.clone().unwrap_or_default(),
        config: String::new(),
        started_at: run.started_at,
        state: RunState::Finished,
        source: Some(run.source),
        notes: String::new(),
        tags: Vec::new(),
        figures: Figures::from(&run),
    };
    let run = (stored, Detail::Coarse(Box::new(run)));
    compare(&[run.clone(), run]);
}

/// Shows stored runs in the ways that `bakeoff runs` has.
fn compare(runs: &[(StoredRun, Detail)]) {
    crate::runs::list(&[runs[0].0.clone()], TERMINAL);
    crate::runs::compare(runs, TERMINAL);
    crate::runs::compare_html(runs);
    crate::runs::compare_markdown(runs);
    crate::runs::caveats(runs);
}

fn load_test(json: &str) {
    let read = |json: &str| LoadTest::try_from(LoadTestRecord::from_json(json)?);
    let Ok(test) = read(json) else {
        return;
    };
    let again = crate::json::render_load_test(&test);
    let again = read(&again).expect("a record that was written can be read");
    assert_eq!(again.measurement.requests, test.measurement.requests);
    let measured = &test.measurement;
    crate::html::render_load_test(&test);
    crate::markdown::render_load_test(&test, &[]);
    crate::junit::render(&test, &[]);
    crate::terminal::render_measurement(measured, TERMINAL);
    crate::terminal::render_live(measured, TERMINAL);
    crate::locust_csv::stats(measured);
    crate::locust_csv::failures(measured);
    crate::locust_csv::stats_history(measured, true);
    crate::locust_json::render(measured);
    crate::prometheus::render(measured, measured.users, "running");
    crate::otlp::render(measured, measured.users, "0", SystemTime::UNIX_EPOCH);
    let figures = Figures::of(measured);
    let stored = StoredRun {
        id: RunId(1),
        name: test.name.clone(),
        host: test.host.clone(),
        config: String::new(),
        started_at: Some(measured.started_at),
        state: RunState::Finished,
        source: None,
        notes: String::new(),
        tags: Vec::new(),
        figures,
    };
    let run = (stored, Detail::Full(Box::new(test)));
    compare(&[run.clone(), run]);
}

fn experiment(json: &str, way: usize) {
    let read =
        |json: &str| Experiment::try_from(ExperimentRecord::<DerivedRecord>::from_json(json)?);
    let Ok(experiment) = read(json) else {
        return;
    };
    match way {
        0 => {
            let again = crate::json::render_experiment(&experiment);
            let again = read(&again).expect("a record that was written can be read");
            assert_eq!(again.runs.len(), experiment.runs.len());
        }
        1 => drop(crate::html::render_experiment(&experiment)),
        2 => drop(crate::terminal::render_experiment(&experiment, TERMINAL)),
        3 => drop(crate::markdown::render_experiment(&experiment)),
        4 => drop(crate::csv::render_experiment(&experiment)),
        5 => {
            let gates = Gates {
                worse_ratio: Some(0.1),
                margin_ratio: Some(0.1),
            };
            crate::junit::render_experiment(&experiment, gates);
        }
        _ => drop(render_so_far(&experiment)),
    }
}

/// The record with its fields changed; lines that are no change of a field are left out.
fn changed(record: &str, changes: &str) -> String {
    let mut record: Value = serde_json::from_str(record).expect("the fixture is JSON");
    for line in changes.lines() {
        let (pointer, value) = line.split_once(' ').unwrap_or((line, ""));
        let Some((parent, field)) = pointer.rsplit_once('/') else {
            continue;
        };
        match (record.pointer_mut(parent), serde_json::from_str(value)) {
            (Some(Value::Object(fields)), Ok(value)) => {
                fields.insert(field.to_owned(), value);
            }
            (Some(Value::Object(fields)), Err(_)) => {
                fields.remove(field);
            }
            (Some(Value::Array(items)), Ok(value)) => match field.parse::<usize>() {
                Ok(index) if index < items.len() => items[index] = value,
                _ => items.push(value),
            },
            (Some(Value::Array(items)), Err(_)) => {
                items.pop();
            }
            _ => {}
        }
    }
    record.to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn replay(target: &str, body: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let folder = folder.join(target);
        let entries = fs::read_dir(&folder).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // Shown when the test fails: the last one did it.
            println!("{}", file.display());
            body(&fs::read(&file).unwrap());
        }
    }

    #[test]
    fn saved_files_of_others_do_no_harm() {
        replay("import", import);
    }

    #[test]
    fn saved_records_do_no_harm() {
        replay("record", |data| {
            for way in 0..WAYS {
                shown_record(data, way);
            }
        });
    }

    #[test]
    fn fields_are_changed_added_and_removed() {
        let changes = "/a 2\n/b/0 \"x\"\n/b/9 1\n/c\n/d null\nnonsense\n/e/f 1";
        let record = changed(r#"{"a": 1, "b": [0], "c": 3}"#, changes);
        assert_eq!(record, r#"{"a":2,"b":["x",1],"d":null}"#);
    }

    #[test]
    fn the_records_to_be_changed_can_be_read() {
        for (json, is_read) in [
            (
                EXPERIMENT,
                ExperimentRecord::<DerivedRecord>::from_json(EXPERIMENT).is_ok(),
            ),
            (LOAD_TEST, LoadTestRecord::from_json(LOAD_TEST).is_ok()),
        ] {
            assert!(is_read, "{json}");
        }
    }
}
