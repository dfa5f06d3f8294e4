//! What an experiment file may say, and what is said of one that may not.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::path::Path;

use bakeoff_compare::{ExperimentFile, Launch};

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
        (6, 5, 0.05)
    );
    assert_eq!(file.baseline, "two");
    assert!(
        matches!(&file.contenders[1].launch, Launch::Url(url) if url == "http://127.0.0.1:9000")
    );
}

#[test]
fn mistakes_are_named_with_file_line_key_and_what_would_be_right() {
    let cases = [
        ("blocks = 0", "nonzero"),
        ("blocks = -1", "nonzero"),
        ("blocks = \"six\"", "expected"),
        ("measure = \"0s\"", "a time above zero is needed"),
        ("measure = \"soon\"", "write it like \"5s\""),
        ("same = \"5\"", "such as \"5%\""),
        ("users = 0", "nonzero"),
        ("primary = \"speed\"", "requests_per_second"),
        ("usres = 5", "unknown field `usres`, expected one of"),
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
            "must begin with http://",
        ),
        (contender("name = \"a\"\nprocess = []"), "is empty"),
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
            "missing field `scenario`",
        ),
    ];
    for (text, expected) in cases {
        let error = error_of(&text);
        assert!(error.contains(expected), "{text} gave {error}");
    }
}

#[test]
fn only_keeps_the_named_and_knows_the_rest() {
    let mut file = ExperimentFile::parse(GOOD, Path::new("bakeoff.toml")).unwrap();
    let error = file.only(&["three".to_owned()]).unwrap_err().to_string();
    assert_eq!(error, "no contender is named `three`; there are one, two");
    file.only(&["one".to_owned()]).unwrap();
    assert_eq!((file.contenders.len(), file.baseline.as_str()), (1, "one"));
}
