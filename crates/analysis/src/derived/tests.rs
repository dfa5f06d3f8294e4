use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use bakeoff_record::experiment::RunLoad;
use bakeoff_record::fixture;
use bakeoff_record::{ContenderKind, LoadTest, LoadTestRecord, Problem, RecordError, Run};

type Document = ExperimentRecord<DerivedRecord>;

const EXPERIMENT_SCHEMA: &str = include_str!("../../../record/schema/experiment.schema.json");
const RUN_SCHEMA: &str = include_str!("../../../record/schema/run.schema.json");

fn load_test() -> LoadTest {
    let experiment = fixture::plausible_experiment();
    LoadTest {
        name: "a load".to_owned(),
        host: "http://127.0.0.1:8000".to_owned(),
        bakeoff_version: "0.1.0".to_owned(),
        machine: experiment.machine,
        measurement: fixture::measurement("/a", &[1, 2], &[3], 1),
    }
}

fn validator(schema: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

/// The first complaint about `document`.
fn complaint(schema: &jsonschema::Validator, document: &Value) -> Option<String> {
    let mut errors = schema.iter_errors(document);
    errors
        .next()
        .map(|error| format!("{}: {error}", error.instance_path()))
}

#[test]
fn experiments_obey_their_schema() {
    let failing = {
        let mut experiment = fixture::experiment(&[("a", &[100; 6]), ("b", &[100; 6])], "a");
        experiment.runs[7].measurement = fixture::measurement("/answer", &[], &[1], 1);
        experiment
    };
    for experiment in [
        fixture::plausible_experiment(),
        fixture::experiment(&[("a", &[100; 2]), ("b", &[100; 2])], "a"),
        fixture::empty_experiment(&["a"], "b"),
        failing,
    ] {
        let json = experiment_record(&experiment).to_json();
        assert_eq!(
            complaint(
                &validator(EXPERIMENT_SCHEMA),
                &serde_json::from_str(&json).unwrap()
            ),
            None
        );
    }
}

#[test]
fn load_tests_obey_their_schema() {
    let json = LoadTestRecord::from_load_test(&load_test()).to_json();
    assert_eq!(
        complaint(
            &validator(RUN_SCHEMA),
            &serde_json::from_str(&json).unwrap()
        ),
        None
    );
}

/// Every object of the document, as a path to it.
fn objects(document: &Value, path: &str, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            found.push(path.to_owned());
            fields
                .iter()
                .for_each(|(name, field)| objects(field, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                objects(first, &format!("{path}/0"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn schemas_refuse_a_missing_and_an_unknown_field_everywhere() {
    let mut experiment = fixture::experiment(&[("a", &[50; 6]), ("b", &[50; 6])], "a");
    let plausible = fixture::plausible_experiment();
    experiment.left_out = plausible.left_out;
    experiment.problems = plausible.problems;
    experiment.runs[0].measurement = fixture::measurement("/answer", &[1], &[1], 1);
    let documents = [
        (EXPERIMENT_SCHEMA, experiment_record(&experiment).to_json()),
        (
            RUN_SCHEMA,
            LoadTestRecord::from_load_test(&load_test()).to_json(),
        ),
    ];
    for (schema, json) in documents {
        let schema = validator(schema);
        let document: Value = serde_json::from_str(&json).unwrap();
        let mut paths = Vec::new();
        objects(&document, "", &mut paths);
        assert!(paths.len() > 8);
        for path in paths {
            let mut extended = document.clone();
            extended.pointer_mut(&path).unwrap()["surplus"] = Value::Null;
            assert!(
                complaint(&schema, &extended).is_some(),
                "a surplus field in {path:?}"
            );
            let mut cut = document.clone();
            let fields = cut.pointer_mut(&path).unwrap().as_object_mut().unwrap();
            let first = fields.keys().next().cloned().unwrap();
            fields.remove(&first);
            assert!(
                complaint(&schema, &cut).is_some(),
                "{path:?} without {first}"
            );
        }
    }
}

#[test]
fn reader_and_schema_refuse_the_same_surplus() {
    let mut document: Value =
        serde_json::from_str(&LoadTestRecord::from_load_test(&load_test()).to_json()).unwrap();
    document["machine"]["gpu"] = Value::Null;
    let error = LoadTestRecord::from_json(&document.to_string()).unwrap_err();
    assert!(matches!(error, RecordError::Shape(cause) if cause.to_string().contains("gpu")));
}

#[test]
fn another_version_is_called_that() {
    let error = Document::from_json(r#"{"schema_version": 2, "new_in_2": true}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "record has schema version 2, this program reads version 1"
    );
}

#[test]
fn impossible_values_are_refused_by_name() {
    let json = experiment_record(&fixture::experiment(&[("a", &[10])], "a")).to_json();
    for (path, value, expected) in [
        (
            "/started_at",
            Value::from("yesterday"),
            "started_at is yesterday, expected a moment like",
        ),
        (
            "/plan/warm_up_ms",
            Value::from(-1),
            "warm_up_ms is -1, expected 0 or more",
        ),
        (
            "/runs/0/cold_start_ms",
            Value::from(1e300),
            "cold_start_ms is 1",
        ),
        (
            "/runs/0/measurement/lag/hdr_v2_base64",
            Value::from("!"),
            "lag is something else, expected base64",
        ),
        (
            "/runs/0/measurement/timeline/0/response_times/min_us",
            Value::from(u64::MAX),
            "response_times is",
        ),
    ] {
        let mut document: Value = serde_json::from_str(&json).unwrap();
        *document.pointer_mut(path).unwrap() = value;
        let record = Document::from_json(&document.to_string()).unwrap();
        let error = Experiment::try_from(record).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_record_of_version_1_can_still_be_read() {
    let record =
        Document::from_json(include_str!("../../tests/fixtures/experiment-v1.json")).unwrap();
    let experiment = Experiment::try_from(record).unwrap();
    let mut expected = fixture::experiment(&[("a", &[20; 2]), ("b", &[30; 2])], "a");
    expected.plan.warm_up_limit = Duration::ZERO;
    expected.plan.measure_limit = Duration::ZERO;
    assert_eq!(experiment, expected);
}

/// Removes the sentences, which may change from version to version.
fn without_sentences(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            for sentences in ["interpretation", "obstacle", "gates", "by", "how"] {
                fields.remove(sentences);
            }
            fields.values_mut().for_each(without_sentences);
        }
        Value::Array(items) => items.iter_mut().for_each(without_sentences),
        _ => {}
    }
}

#[test]
fn an_experiment_of_the_first_version_gives_the_same_figures_to_the_last_byte() {
    let packed = include_bytes!("../../tests/fixtures/experiment-0.1.0.json.gz");
    let mut json = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut json)
        .unwrap();
    let experiment = Experiment::try_from(Document::from_json(&json).unwrap()).unwrap();
    let again = experiment_record(&experiment).to_json();
    let figures = |json: &str| {
        let mut document: Value = serde_json::from_str(json).unwrap();
        without_sentences(&mut document);
        serde_json::to_string_pretty(&document).unwrap()
    };
    let (then, now) = (figures(&json), figures(&again));
    let differing = then
        .lines()
        .zip(now.lines())
        .find(|(then, now)| then != now);
    assert_eq!(differing, None);
    assert_eq!(then.len(), now.len());
}

#[test]
fn a_load_test_of_version_1_can_still_be_read() {
    let record = LoadTestRecord::from_json(include_str!("../../tests/fixtures/run-v1.json"));
    assert_eq!(LoadTest::try_from(record.unwrap()).unwrap(), load_test());
}

#[test]
fn the_json_of_a_small_experiment() {
    insta::assert_snapshot!(
        experiment_record(&fixture::experiment(
            &[("a", &[20; 2]), ("b", &[30; 2])],
            "a"
        ))
        .to_json()
    );
}

#[test]
fn a_whole_experiment_comes_back_as_it_was() {
    let experiment = fixture::plausible_experiment();
    let json = experiment_record(&experiment).to_json();
    let back = Experiment::try_from(Document::from_json(&json).unwrap()).unwrap();
    assert_eq!(back, experiment);
    let again = experiment_record(&back).to_json();
    assert_eq!(
        again
            .lines()
            .zip(json.lines())
            .find(|(again, first)| again != first),
        None
    );
}

prop_compose! {
    fn any_experiment()(
        name in ".*",
        since in 0_u64..1 << 37,
        nanoseconds in 0_u32..1_000_000_000,
        primary in prop::sample::select(Metric::primary().collect::<Vec<_>>()),
        kind in prop::sample::select(vec![
            ContenderKind::Process,
            ContenderKind::Docker,
            ContenderKind::Url,
            ContenderKind::Other("ssh".to_owned()),
        ]),
        warm_up_ns in 0_u64..1 << 50,
        cold_start_ns in proptest::option::of(0_u64..1 << 50),
        ok_ms in proptest::collection::vec(0_u64..700_000, 0..20),
        failed_ms in proptest::collection::vec(0_u64..700_000, 0..20),
        seed: u64,
        same_percent in 0_u32..200,
        interrupted: bool,
        what in ".*",
    ) -> Experiment {
        let mut experiment = fixture::empty_experiment(&["a"], &name);
        experiment.started_at = SystemTime::UNIX_EPOCH + Duration::new(since, nanoseconds);
        experiment.plan.primary = primary;
        experiment.plan.seed = seed;
        experiment.plan.same_ratio = f64::from(same_percent) / 100.0;
        experiment.plan.warm_up = Duration::from_nanos(warm_up_ns);
        experiment.contenders[0].kind = kind;
        experiment.contenders[0].detail.clone_from(&what);
        experiment.interrupted = interrupted;
        experiment.problems.push(Problem { contender: name.clone(), block: 1, load: RunLoad::Users, what });
        experiment.runs.push(Run {
            contender: "a".to_owned(),
            block: 1,
            load: RunLoad::Arrivals { per_second: 12.5 },
            cold_start: cold_start_ns.map(Duration::from_nanos),
            usage: None,
            generator: None,
            settled: false,
            measurement: fixture::measurement(&name, &ok_ms, &failed_ms, 3),
        });
        experiment
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(experiment in any_experiment()) {
        let json = experiment_record(&experiment).to_json();
        let back = Experiment::try_from(Document::from_json(&json).unwrap());
        prop_assert_eq!(back.unwrap(), experiment);
    }
}
