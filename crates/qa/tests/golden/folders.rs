//! Changed model folders, compared with the answers of version 4.57 from `reference/folders.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bakeoff_qa::backend::Dtype;
use bakeoff_qa::{Compat, ModelOptions, QuestionAnswering};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::cases::{self, Case, Golden};

#[derive(Deserialize)]
struct Folders {
    contexts: Vec<String>,
    folders: Vec<Folder>,
}

/// Folder of a tiny model with changed files.
#[derive(Deserialize)]
struct Folder {
    name: String,
    base: String,
    #[serde(default)]
    merged: BTreeMap<String, Value>,
    #[serde(default)]
    null: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    texts: BTreeMap<String, String>,
    #[serde(default)]
    removed: Vec<String>,
    cases: Vec<Case>,
}

#[test]
fn answers_are_those_of_the_pipeline_whatever_the_folder_looks_like() {
    let path = cases::folder().join("golden/folders.json");
    let Folders { contexts, folders } = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(folders.len() >= 30, "{}", folders.len());
    let options = ModelOptions {
        dtype: Some(Dtype::F32),
        ..ModelOptions::default()
    };
    let mut different = Vec::new();
    for folder in folders {
        let made = folder.make();
        let golden = Golden {
            contexts: contexts.clone(),
            cases: folder.cases,
        };
        let found = match QuestionAnswering::open_with(made.path(), &options) {
            Ok(model) => golden.differences(&model, Compat::V4_57),
            Err(error) => vec![format!("{error}: {:?}", std::error::Error::source(&error))],
        };
        different.extend(
            found
                .into_iter()
                .map(|what| format!("{}, {what}", folder.name)),
        );
    }
    assert!(
        different.is_empty(),
        "{} differ\n{}",
        different.len(),
        different.join("\n")
    );
}

impl Folder {
    fn make(&self) -> TempDir {
        let made = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(cases::folder().join("tiny").join(&self.base)).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, made.path().join(from.file_name().unwrap())).unwrap();
        }
        for file in &self.removed {
            fs::remove_file(made.path().join(file)).unwrap();
        }
        for (file, text) in &self.texts {
            fs::write(made.path().join(file), text).unwrap();
        }
        for (file, patch) in &self.merged {
            rewrite(&made.path().join(file), |content| merge(content, patch));
        }
        for (file, keys) in &self.null {
            rewrite(&made.path().join(file), |content| {
                for key in keys {
                    content[key] = Value::Null;
                }
            });
        }
        made
    }
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut content = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut content);
    fs::write(path, content.to_string()).unwrap();
}

/// Applies a JSON merge patch. Null removes a key.
fn merge(content: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *content = patch.clone();
        return;
    };
    if !content.is_object() {
        *content = Value::Object(serde_json::Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            content.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut content[key], value);
        }
    }
}
