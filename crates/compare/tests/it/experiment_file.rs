//! Experiment files: their values, and the errors for mistakes.

use std::path::Path;

use bakeoff_compare::{CoreAllocation, ExperimentFile, ExperimentRunner, WarmUp};
use bakeoff_load::Scenario;
use bakeoff_record::{ContenderKind, Restart};

const GOOD: &str = r#"
scenario = "scenarios/hello.toml"
baseline = "two"

[[contender]]
name = "one"
process = ["{bakeoff}", "serve", "--port", "{port}"]

[[contender]]
name = "two"
url = "http://127.0.0.1:9000"
"#;

fn error_of(text: &str) -> String {
    ExperimentFile::parse(text, Path::new("dir/bakeoff.toml"))
        .unwrap_err()
        .to_string()
}

#[test]
fn paths_are_relative_to_the_file_and_defaults_fill_in() {
    let file = ExperimentFile::parse(GOOD, Path::new("dir/bakeoff.toml")).unwrap();
    assert_eq!(file.scenario, Path::new("dir/scenarios/hello.toml"));
    assert_eq!(
        (file.blocks.get(), file.measure.as_secs(), file.same_ratio),
        (10, 5, 0.05)
    );
    assert_eq!(file.baseline, "two");
    let kinds: Vec<_> = file
        .contenders
        .iter()
        .map(|c| (c.kind(), c.detail()))
        .collect();
    let expected = [
        (ContenderKind::Process, "bakeoff serve --port {port}"),
        (ContenderKind::Url, "http://127.0.0.1:9000"),
    ];
    assert_eq!(
        kinds,
        expected.map(|(kind, detail)| (kind, detail.to_owned()))
    );
}

#[test]
fn a_scenario_without_a_name_is_shown_as_the_current_folder() {
    let text = "scenario = \"\"\n[[contender]]\nname = \"a\"\nurl = \"http://x\"\n";
    let file = ExperimentFile::parse(text, Path::new("bakeoff.toml")).unwrap();
    assert_eq!(file.scenario, Path::new("."));
}

#[test]
fn loads_and_costs_are_read() {
    let head = "restart = \"once\"\nwarm_up = { at_least = \"2s\", at_most = \"20s\" }\nslo = \"p99.9 < 1.5s\"\n\
        sweep = true\nopen = [\"50%\", \"80%\"]\nuntil = \"3%\"\nmax_blocks = 4\nprice_per_core_hour = 0.04\ncores = \"split\"\n";
    let file = ExperimentFile::parse(&format!("{head}{GOOD}"), Path::new("bakeoff.toml")).unwrap();
    assert_eq!(file.restart, Restart::Once);
    assert_eq!(
        (
            file.warm_up.at_least.as_secs(),
            file.warm_up.at_most.as_secs()
        ),
        (2, 20)
    );
    let slo = file.slo.unwrap();
    assert!((slo.quantile - 0.999).abs() < 1e-12 && slo.below.as_millis() == 1500);
    assert!(file.sweep && file.cores == CoreAllocation::Split);
    assert_eq!(file.open_ratios, [0.5, 0.8]);
    // `max_blocks` is at least `blocks`.
    assert_eq!((file.blocks.get(), file.max_blocks.get()), (10, 10));
    let fixed =
        ExperimentFile::parse(&format!("warm_up = \"3s\"\n{GOOD}"), Path::new("b")).unwrap();
    assert!(!fixed.warm_up.is_detected());
    let detected =
        ExperimentFile::parse(&format!("warm_up = \"auto\"\n{GOOD}"), Path::new("b")).unwrap();
    assert!(detected.warm_up.is_detected());
    assert_eq!(detected.warm_up, WarmUp::default());
}

#[test]
fn mistakes_are_named_with_file_line_key_and_what_would_be_right() {
    let cases = [
        ("blocks = 0", "nonzero"),
        ("blocks = -1", "nonzero"),
        ("blocks = \"six\"", "expected"),
        ("measure = \"0s\"", "a time above zero is needed"),
        ("measure = \"soon\"", "`soon` is not a time"),
        ("same = \"5 of 100\"", "such as \"5%\""),
        ("users = 0", "nonzero"),
        ("warm_up = \"later\"", "duration"),
        ("warm_up = 1", "duration"),
        (
            "warm_up = { at_least = \"3s\", at_most = \"1s\" }",
            "`at_least` is more",
        ),
        ("warm_up = { at_least = \"3s\" }", "duration such as \"5s\""),
        ("restart = \"never\"", "expected `block` or `once`"),
        (
            "cores = \"mine\"",
            "expected one of `auto`, `shared`, `split`",
        ),
        ("slo = \"fast\"", "write it like \"p95 < 500ms\""),
        ("slo = \"p101 < 500ms\"", "write it like \"p95 < 500ms\""),
        ("slo = \"p95 < 0ms\"", "write it like \"p95 < 500ms\""),
        ("price_per_core_hour = 0.0", "a price above zero"),
        ("until = \"3 of 100\"", "such as \"5%\""),
        ("open = [\"half\"]", "such as \"5%\""),
        ("sweep = 5", "boolean"),
        ("max_blocks = 0", "nonzero"),
        ("seed = -1", "u64"),
        ("seed = \"lucky\"", "u64"),
        ("primary = \"speed\"", "requests_per_second"),
        ("usres = 5", "unknown key `usres`, expected one of"),
    ];
    for (line, expected) in cases {
        let error = error_of(&format!("{line}\n{GOOD}"));
        assert!(error.starts_with("dir/bakeoff.toml:1: "), "{error}");
        assert!(
            error.contains(line) && error.contains(expected),
            "{line} gave {error}"
        );
    }
}

#[test]
fn contenders_must_make_sense() {
    let contender = |lines: &str| format!("scenario = \"s.toml\"\n\n[[contender]]\n{lines}\n");
    let cases = [
        (
            contender("name = \"a\""),
            "exactly one of `process`, `docker` and `url`",
        ),
        (
            contender("name = \"a\"\nurl = \"http://x\"\nprocess = [\"y\"]"),
            "exactly one of",
        ),
        (
            contender("name = \"a b\"\nurl = \"http://x\""),
            "use letters, digits",
        ),
        (
            contender("name = \"a\"\nurl = \"ftp://x\""),
            "is no address of a server",
        ),
        (
            contender("name = \"a\"\nurl = \"http://x:99999\""),
            "is no address of a server",
        ),
        (
            contender("name = \"a\"\nurl = \"http://x\"\nready_timeout = \"0s\""),
            "a time above zero is needed",
        ),
        (
            contender("name = \"a\"\nurl = \"http://x\"\nready_timeout = \"soon\""),
            "`soon` is not a time",
        ),
        (
            contender("name = \"a\"\nurl = \"http://x\"\nready = \"health\""),
            "must begin with /",
        ),
        (
            contender("name = \"a\"\ndocker = { port = 80 }"),
            "exactly one of `image` and `build`",
        ),
        (
            contender("name = \"a\"\ndocker = { image = \"i\", port = 0 }"),
            "nonzero",
        ),
        (
            contender("name = \"a\"\ndocker = { image = \"i\", port = 1, network = \"mesh\" }"),
            "`bridge` or `host`",
        ),
        (
            contender(
                "name = \"a\"\nurl = \"http://x\"\n[[contender]]\nname = \"a\"\nurl = \"http://y\"",
            ),
            "two contenders",
        ),
        (
            format!(
                "baseline = \"nobody\"\n{}",
                contender("name = \"a\"\nurl = \"http://x\"")
            ),
            "contenders are a",
        ),
        ("scenario = \"s.toml\"".to_owned(), "at least one"),
        (
            "[[contender]]\nname = \"a\"\nurl = \"http://x\"".to_owned(),
            "missing key `scenario`",
        ),
    ];
    for (text, expected) in cases {
        let error = error_of(&text);
        assert!(error.contains(expected), "{text} gave {error}");
    }
}

#[test]
fn commands_need_a_program() {
    for (lines, expected) in [
        ("process = []", "is empty"),
        ("process = [\"\"]", "is empty"),
        ("process = [\"x\"]\nsetup = [[\"\"]]", "empty command"),
        (
            "process = [\"x\"]\nversion = [\"\"]",
            "`version` of `a` is empty",
        ),
    ] {
        let text = format!("scenario = \"s.toml\"\n\n[[contender]]\nname = \"a\"\n{lines}\n");
        let error = error_of(&text);
        assert!(error.contains(expected), "{text} gave {error}");
    }
}

#[test]
fn info_is_a_path() {
    let error = error_of(
        "scenario = \"s.toml\"\n[[contender]]\nname = \"a\"\nurl = \"http://x\"\ninfo = \"info\"\n",
    );
    let expected = "`info` of `a` is `info`; it must begin with /";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn only_keeps_the_named_and_knows_the_rest() {
    let mut file = ExperimentFile::parse(GOOD, Path::new("bakeoff.toml")).unwrap();
    let error = file.only(&["three".to_owned()]).unwrap_err().to_string();
    assert_eq!(
        error,
        "no contender is named `three`; the contenders are one, two"
    );
    file.only(&["one".to_owned()]).unwrap();
    assert_eq!((file.contenders.len(), file.baseline.as_str()), (1, "one"));
}

#[test]
fn every_file_that_comes_with_bakeoff_is_valid() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let in_folder = |folder: &str| std::fs::read_dir(root.join(folder)).unwrap();
    let files = in_folder(".")
        .chain(in_folder("experiments"))
        .chain(in_folder("bench"))
        .chain(in_folder("scenarios"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
    let mut experiments = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("[[contender]]") {
            let file = ExperimentFile::open(&path).unwrap();
            ExperimentRunner::new(file).unwrap();
            experiments += 1;
        } else if text.contains("[[task]]") || text.contains("[task.json]") {
            Scenario::open(&path).unwrap();
        }
    }
    assert!(
        experiments >= 3,
        "only {experiments} experiments were found"
    );
}

/// An experiment file with this number of contenders.
fn experiment_of(contenders: u32, head: &str) -> ExperimentFile {
    let contenders = (1..=contenders).map(|number| {
        format!("[[contender]]\nname = \"c{number}\"\nprocess = [\"serve\", \"{{port}}\"]\n")
    });
    let contenders: String = contenders.collect();
    let text = format!("scenario = \"s.toml\"\n{head}{contenders}");
    ExperimentFile::parse(&text, Path::new("bakeoff.toml")).unwrap()
}

#[test]
fn a_plan_that_cannot_come_to_a_verdict_says_how_many_blocks_would() {
    let missing = |contenders, head| {
        let missing = experiment_of(contenders, head).blocks_missing();
        missing.map(std::num::NonZeroU32::get)
    };
    for (contenders, head, expected) in [
        (2, "blocks = 5\n", Some(6)),
        (2, "blocks = 6\n", None),
        // The smallest p of six blocks is 0.031, and 0.094 for three comparisons.
        (4, "blocks = 6\n", Some(7)),
        (4, "blocks = 7\n", None),
        (4, "blocks = 1\nuntil = \"3%\"\n", None),
        (4, "blocks = 1\nuntil = \"3%\"\nmax_blocks = 6\n", Some(7)),
        (1, "blocks = 1\n", None),
        (4, "", None),
    ] {
        assert_eq!(missing(contenders, head), expected, "{contenders} {head}");
    }
    let error = experiment_of(4, "blocks = 6\n").check_blocks().unwrap_err();
    assert_eq!(
        error.to_string(),
        "6 blocks cannot show a difference between 4 contenders, whatever they measure: a verdict needs 7"
    );
}

#[test]
fn blocks_that_the_file_does_not_ask_for_are_enough_for_a_verdict() {
    // With thirty comparisons, the smallest p of ten blocks is 0.059.
    for (contenders, expected) in [(2, 10), (26, 10), (31, 11)] {
        let file = experiment_of(contenders, "");
        assert_eq!(file.blocks.get(), expected, "{contenders}");
        assert_eq!(file.blocks_missing(), None);
    }
}

#[test]
fn one_that_runs_already_has_less_time_to_answer_than_one_that_is_started() {
    let timeouts = |contenders: &str| {
        let text = format!("scenario = \"s.toml\"\n{contenders}");
        let file = ExperimentFile::parse(&text, Path::new("b")).unwrap();
        file.contenders[0].ready_timeout.as_secs()
    };
    let url = "[[contender]]\nname = \"a\"\nurl = \"http://127.0.0.1:9\"\n";
    let process = "[[contender]]\nname = \"a\"\nprocess = [\"serve\"]\n";
    assert_eq!((timeouts(url), timeouts(process)), (10, 120));
    assert_eq!(timeouts(&format!("{url}ready_timeout = \"90s\"\n")), 90);
}

/// Page of the documentation about the file.
const PAGE: &str = include_str!("../../../../docs/comparing.md");

/// Keys of a table of the file, from the parser's error about an unknown key.
fn keys_of(table: &str) -> Vec<String> {
    let error = error_of(table);
    let (_, expected) = error.split_once("expected one of ").unwrap();
    let keys = expected.split('`').skip(1).step_by(2);
    keys.map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_file_stands_in_its_documentation() {
    let head = "scenario = \"s.toml\"\n";
    let tables = [
        (format!("{head}unknown = 1\n"), "extra_blocks"),
        (
            format!("{head}[[contender]]\nunknown = 1\n"),
            "ready_timeout",
        ),
        (
            format!("{head}[[contender]]\nname = \"a\"\ndocker = {{ unknown = 1 }}\n"),
            "dockerfile",
        ),
        (format!("{head}answers = [{{ unknown = 1 }}]\n"), "within"),
    ];
    for (table, one_of_them) in tables {
        let keys = keys_of(&table);
        assert!(keys.iter().any(|key| key == one_of_them), "{keys:?}");
        for key in keys.iter().filter(|key| *key != "contender") {
            let assigned = |line: &str| line.contains(&format!("{key} = "));
            let is_there = PAGE.contains(&format!("`{key}`")) || PAGE.lines().any(assigned);
            assert!(is_there, "{key} does not stand in docs/comparing.md");
        }
    }
}

#[test]
fn every_example_of_the_documentation_is_a_file_that_is_accepted() {
    let blocks: Vec<&str> = PAGE
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let file = ExperimentFile::parse(block, Path::new("bakeoff.toml"));
        let file = file.unwrap_or_else(|error| panic!("{error}"));
        file.check_blocks().unwrap();
    }
}

#[test]
fn the_fewest_blocks_of_the_documentation_are_those_of_the_code() {
    let fewest = |contenders| {
        let missing = experiment_of(contenders, "blocks = 1\n").blocks_missing();
        missing.unwrap().get()
    };
    assert_eq!([2, 3, 4, 5, 6, 7, 8].map(fewest), [6, 7, 7, 8, 8, 8, 9]);
    assert!(
        PAGE.contains("six for two contenders, seven for three or four, eight for five to seven")
    );
}
