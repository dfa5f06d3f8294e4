//! Files of a repository that belong to a model.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::{HubError, quoted};
use crate::name::{ModelName, is_plain};

pub(crate) const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const SAFETENSORS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Files of older models that replace `tokenizer.json`.
const VOCABULARIES: [&[&str]; 2] = [&["vocab.txt"], &["vocab.json", "merges.txt"]];

/// Usual places of an ONNX graph, each with the names of the file for weights outside the graph.
const GRAPHS: [[&str; 3]; 4] = [
    ["model.onnx", "model.onnx_data", "model.onnx.data"],
    [
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "onnx/model.onnx.data",
    ],
    [
        "model_quantized.onnx",
        "model_quantized.onnx_data",
        "model_quantized.onnx.data",
    ],
    [
        "onnx/model_quantized.onnx",
        "onnx/model_quantized.onnx_data",
        "onnx/model_quantized.onnx.data",
    ],
];

/// Files that are pulled first, if they exist.
const SMALL_FILES: [&str; 5] = [
    CONFIG,
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
];

/// Preferred form of weights for a model that has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Safetensors, else an ONNX graph.
    SafetensorsFirst,
    /// ONNX graph, else safetensors.
    OnnxFirst,
}

/// Files of a model to pull.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Configuration and tokenizer, which are pulled first.
    pub(crate) small: Vec<&'static str>,
    /// Files with weights, without those that `index` names.
    pub(crate) weights: Vec<&'static str>,
    /// File that names the files with the weights.
    pub(crate) index: Option<&'static str>,
}

impl Wanted {
    /// Selects files from the files `there` of a repository.
    pub(crate) fn of(there: &[String], model: &ModelName) -> Result<Self, HubError> {
        let has = |name: &str| there.iter().any(|file| file == name);
        let no_file = |file| HubError::NoFile {
            model: model.clone(),
            file,
        };
        if !has(CONFIG) {
            return Err(no_file(CONFIG));
        }
        let mut small: Vec<_> = SMALL_FILES.into_iter().filter(|file| has(file)).collect();
        if !has(TOKENIZER) {
            let mut vocabularies = VOCABULARIES.into_iter();
            let whole = vocabularies.find(|files| files.iter().all(|file| has(file)));
            small.extend(whole.ok_or_else(|| no_file(TOKENIZER))?);
        }
        let mut wanted = Self {
            small,
            weights: Vec::new(),
            index: None,
        };
        if !wanted.take_safetensors(there) && !wanted.take_graph(there) {
            return Err(HubError::NoWeights {
                model: model.clone(),
            });
        }
        Ok(wanted)
    }

    /// Selects the weights of `form`, if they are `there`.
    pub(crate) fn prefer(&mut self, form: Form, there: &[String]) {
        match form {
            Form::SafetensorsFirst => self.take_safetensors(there),
            Form::OnnxFirst => self.take_graph(there),
        };
    }

    fn take_safetensors(&mut self, there: &[String]) -> bool {
        let has = |name: &str| there.iter().any(|file| file == name);
        (self.weights, self.index) = match (has(SAFETENSORS), has(INDEX)) {
            (true, _) => (vec![SAFETENSORS], None),
            (false, true) => (Vec::new(), Some(INDEX)),
            (false, false) => return false,
        };
        true
    }

    fn take_graph(&mut self, there: &[String]) -> bool {
        let has = |name: &str| there.iter().any(|file| file == name);
        let Some(files) = GRAPHS.into_iter().find(|[graph, ..]| has(graph)) else {
            return false;
        };
        self.weights = files.into_iter().filter(|file| has(file)).collect();
        self.index = None;
        true
    }

    /// `true` if `folder` has all files of a model.
    pub(crate) fn is_whole(folder: &Path) -> bool {
        let has = |file: &str| folder.join(file).is_file();
        let sharded = || {
            let there = || shards_of(&folder.join(INDEX));
            there().is_ok_and(|shards| shards.iter().all(|shard| has(shard)))
        };
        let mut vocabularies = VOCABULARIES.into_iter();
        let tokenizer =
            has(TOKENIZER) || vocabularies.any(|files| files.iter().all(|file| has(file)));
        let graph = || GRAPHS.iter().any(|[graph, ..]| has(graph));
        has(CONFIG) && tokenizer && (has(SAFETENSORS) || graph() || sharded())
    }
}

/// Files that an index names. All of them must be `there`.
pub(crate) fn shards(index: &Path, there: &[String]) -> Result<BTreeSet<String>, String> {
    let shards = shards_of(index)?;
    match shards.iter().find(|shard| !there.contains(shard)) {
        Some(missing) => Err(format!(
            "{INDEX} names {}, which is not there",
            quoted(missing)
        )),
        None => Ok(shards),
    }
}

fn shards_of(index: &Path) -> Result<BTreeSet<String>, String> {
    let text = fs::read(index).map_err(|error| format!("{INDEX}: {error}"))?;
    shards_in(&text)
}

/// Files in the text of an index, all in its own folder.
pub(crate) fn shards_in(index: &[u8]) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let index: Index =
        serde_json::from_slice(index).map_err(|error| format!("{INDEX}: {error}"))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    match shards.iter().find(|shard| !is_plain(shard)) {
        Some(path) => Err(format!(
            "{INDEX} names {}, which is not a file beside it",
            quoted(path)
        )),
        None => Ok(shards),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(there: &[&str]) -> Result<Wanted, HubError> {
        let there: Vec<String> = there.iter().map(ToString::to_string).collect();
        Wanted::of(&there, &"a/b".parse().unwrap())
    }

    #[test]
    fn safetensors_come_before_onnx_and_nothing_else_is_pulled() {
        let common = [CONFIG, TOKENIZER, "pytorch_model.bin", "README.md"];
        let with = |more: &[&'static str]| wanted(&[&common, more].concat());
        let both = [SAFETENSORS, "model.onnx"];
        let mut one = with(&both).unwrap();
        assert_eq!((&*one.weights, one.index), (&[SAFETENSORS][..], None));
        assert_eq!(one.small, [CONFIG, TOKENIZER]);
        one.prefer(Form::OnnxFirst, &both.map(str::to_owned));
        assert_eq!(one.weights, ["model.onnx"]);
        one.prefer(Form::SafetensorsFirst, &both.map(str::to_owned));
        assert_eq!(one.weights, [SAFETENSORS]);
        assert_eq!(with(&[INDEX]).unwrap().index, Some(INDEX));
        let onnx = with(&["model.onnx", "model.onnx_data"]).unwrap();
        assert_eq!(onnx.weights, ["model.onnx", "model.onnx_data"]);
        assert!(matches!(with(&[]), Err(HubError::NoWeights { .. })));
        assert!(matches!(
            wanted(&[CONFIG, SAFETENSORS]),
            Err(HubError::NoFile {
                file: TOKENIZER,
                ..
            })
        ));
    }

    #[test]
    fn graphs_are_found_where_exporters_put_them() {
        for [graph, data, _] in GRAPHS {
            let found = wanted(&[CONFIG, TOKENIZER, graph, data, "onnx/model_fp16.onnx"]).unwrap();
            assert_eq!(found.weights, [graph, data]);
        }
    }

    #[test]
    fn a_vocabulary_stands_in_for_the_tokenizer() {
        let whole = wanted(&[
            CONFIG,
            SAFETENSORS,
            "vocab.json",
            "merges.txt",
            "added_tokens.json",
        ]);
        let expected = [CONFIG, "added_tokens.json", "vocab.json", "merges.txt"];
        assert_eq!(whole.unwrap().small, expected);
        assert!(wanted(&[CONFIG, SAFETENSORS, "vocab.json"]).is_err());
        let folder = tempfile::tempdir().unwrap();
        for file in [CONFIG, "vocab.txt"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert!(!Wanted::is_whole(folder.path()));
        fs::create_dir(folder.path().join("onnx")).unwrap();
        fs::write(folder.path().join("onnx/model.onnx"), "").unwrap();
        assert!(Wanted::is_whole(folder.path()));
    }

    #[test]
    fn an_index_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join(INDEX);
        for (name, fits) in [
            ("a.safetensors", true),
            ("../a", false),
            ("/etc/passwd", false),
        ] {
            fs::write(&index, format!(r#"{{"weight_map": {{"x": "{name}"}}}}"#)).unwrap();
            assert_eq!(shards(&index, &[name.to_owned()]).is_ok(), fits, "{name}");
        }
        assert!(shards(&index, &[]).is_err());
    }
}
