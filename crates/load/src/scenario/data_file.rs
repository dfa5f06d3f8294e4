//! Files whose content is in the requests of a scenario.

use std::path::PathBuf;

use super::task::Task;

/// A file whose content is in requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Path of the file: the folder of the scenario file, then the name in that file.
    pub path: PathBuf,
    /// Number of rows; `None` for a file that is a body as a whole.
    pub rows: Option<usize>,
}

/// Files that tasks take their rows from and requests their bodies, each once, in the order of the scenario file.
pub(super) fn all<'a>(tasks: impl Iterator<Item = &'a Task>) -> Vec<DataFile> {
    let mut files: Vec<DataFile> = Vec::new();
    for task in tasks {
        let rows = task.data_file.iter().map(|path| DataFile {
            path: path.clone(),
            rows: Some(task.rows),
        });
        let bodies = task.requests.iter().flat_map(|request| &request.body_files);
        let bodies = bodies.map(|path| DataFile {
            path: path.clone(),
            rows: None,
        });
        for file in rows.chain(bodies) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::scenario::Scenario;

    use super::*;

    #[test]
    fn files_and_time_limits_of_a_scenario_are_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.jsonl"), "{\"a\": 1}\n{\"a\": 2}\n").unwrap();
        std::fs::write(folder.path().join("body.bin"), "x").unwrap();
        let text = r#"
            [[user]]
            name = "it"
            [[user.on_start]]
            path = "/login"
            body_file = "body.bin"
            [[user.task]]
            path = "/${a}"
            data = { file = "rows.jsonl" }
            timeout = "2s"
            [[user.task]]
            data = { file = "rows.jsonl" }
            [[user.task.request]]
            path = "/first/${a}"
            timeout = "500ms"
            [[user.task.request]]
            path = "/second"
            body_file = "body.bin"
        "#;
        let scenario = Scenario::parse(text, &folder.path().join("scenario.toml")).unwrap();
        let file = |name, rows| DataFile {
            path: folder.path().join(name),
            rows,
        };
        assert_eq!(
            scenario.data_files(),
            [file("body.bin", None), file("rows.jsonl", Some(2))]
        );
        let seconds = [0.5, 2.0, 30.0].map(Duration::from_secs_f64);
        assert_eq!(scenario.timeouts(), seconds);
    }
}
