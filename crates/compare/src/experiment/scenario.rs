//! Identity of the scenario of an experiment: hashes of its files, and its times.

use std::path::Path;
use std::time::Duration;

use bakeoff_load::{DataFile, Scenario, UserClass};
use bakeoff_record::{DataFileFacts, ScenarioFacts};

use crate::hash::of_file_in_words as hash;

/// Facts about `scenario`, which was read from the file at `path`. `stop_timeout` is the time for requests in flight at the end
/// of a run. There is no spawn rate: users start spread over the time of one request.
pub(super) fn facts(path: &Path, scenario: &Scenario, stop_timeout: Duration) -> ScenarioFacts {
    let folder = path.parent().unwrap_or(Path::new(""));
    ScenarioFacts {
        file: file_name(path),
        sha256: hash(path),
        data_files: scenario
            .data_files()
            .iter()
            .map(|file| data_file(file, folder))
            .collect(),
        wait_times: wait_times(scenario),
        request_timeouts: scenario.timeouts(),
        stop_timeout,
        spawn_rate: None,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn data_file(file: &DataFile, folder: &Path) -> DataFileFacts {
    let name = file.path.strip_prefix(folder).unwrap_or(&file.path);
    DataFileFacts {
        name: name.display().to_string(),
        sha256: hash(&file.path),
        rows: file.rows.and_then(|rows| u64::try_from(rows).ok()),
    }
}

/// Wait times of the users in words, with the names of the classes if they differ.
fn wait_times(scenario: &Scenario) -> Vec<String> {
    let classes = scenario.users();
    let first = classes.first().map(UserClass::wait_time);
    if classes.iter().all(|class| Some(class.wait_time()) == first) {
        return first.iter().map(ToString::to_string).collect();
    }
    let with_name = classes
        .iter()
        .map(|class| format!("{}: {}", class.name(), class.wait_time()));
    with_name.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn files_are_told_by_their_content_and_times_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"
            [[user]]
            name = "reader"
            wait_time = "1s"
            [[user.task]]
            path = "/${a}"
            data = { file = "data/rows.jsonl" }
            timeout = "2s"
            [[user]]
            name = "robot"
            [[user.task]]
            path = "/"
            body_file = "abc"
        "#;
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/rows.jsonl"), "{\"a\": 1}\n").unwrap();
        std::fs::write(folder.path().join("abc"), "abc").unwrap();
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, text).unwrap();
        let facts = facts(
            &path,
            &Scenario::open(&path).unwrap(),
            Duration::from_secs(7),
        );
        assert_eq!(
            (facts.file.as_str(), facts.sha256.len()),
            ("scenario.toml", 64)
        );
        let files: Vec<_> = facts
            .data_files
            .iter()
            .map(|file| (file.name.as_str(), file.rows))
            .collect();
        assert_eq!(files, [("data/rows.jsonl", Some(1)), ("abc", None)]);
        assert!(facts.data_files[1].sha256.starts_with("ba7816bf8f01cfea"));
        assert_eq!(
            facts.wait_times,
            [
                "reader: 1s after every answer",
                "robot: no wait between requests"
            ]
        );
        assert_eq!(facts.request_timeouts, [2, 30].map(Duration::from_secs));
        assert_eq!(
            (facts.spawn_rate, facts.stop_timeout),
            (None, Duration::from_secs(7))
        );
    }
}
