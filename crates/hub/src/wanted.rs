//! Which files of a repository make a model.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::HubError;
use crate::name::{ModelName, is_plain};

pub(crate) const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const SAFETENSORS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const ONNX: &str = "model.onnx";

/// What is pulled first, where it is there.
const SMALL_FILES: [&str; 4] = [
    CONFIG,
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
];

/// Where an ONNX file keeps its weights when it does not hold them.
const ONNX_DATA: [&str; 2] = ["model.onnx_data", "model.onnx.data"];

/// The files of a model that are pulled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Settings and the tokenizer, which are pulled first.
    pub(crate) small: Vec<&'static str>,
    /// Files with weights, but for those that `index` names.
    pub(crate) weights: Vec<&'static str>,
    /// The file that names the files with the weights.
    pub(crate) index: Option<&'static str>,
}

impl Wanted {
    /// Of the files `there`.
    pub(crate) fn of(there: &[String], model: &ModelName) -> Result<Self, HubError> {
        let has = |name: &str| there.iter().any(|file| file == name);
        for file in [CONFIG, TOKENIZER] {
            if !has(file) {
                return Err(HubError::NoFile {
                    model: model.clone(),
                    file,
                });
            }
        }
        let small = SMALL_FILES.into_iter().filter(|file| has(file)).collect();
        let (weights, index) = if has(SAFETENSORS) {
            (vec![SAFETENSORS], None)
        } else if has(INDEX) {
            (Vec::new(), Some(INDEX))
        } else if has(ONNX) {
            let data = ONNX_DATA.into_iter().filter(|file| has(file));
            (std::iter::once(ONNX).chain(data).collect(), None)
        } else {
            return Err(HubError::NoWeights {
                model: model.clone(),
            });
        };
        Ok(Self {
            small,
            weights,
            index,
        })
    }

    /// Whether `folder` has everything that a model needs.
    pub(crate) fn is_whole(folder: &Path) -> bool {
        let has = |file: &str| folder.join(file).is_file();
        let sharded = || {
            let there = || shards_of(&folder.join(INDEX));
            there().is_ok_and(|shards| shards.iter().all(|shard| has(shard)))
        };
        has(CONFIG) && has(TOKENIZER) && (has(SAFETENSORS) || has(ONNX) || sharded())
    }
}

/// The files that an index names, which all have to be `there`.
pub(crate) fn shards(index: &Path, there: &[String]) -> Result<BTreeSet<String>, String> {
    let shards = shards_of(index)?;
    match shards.iter().find(|shard| !there.contains(shard)) {
        Some(missing) => Err(format!("{INDEX} names {missing}, which is not there")),
        None => Ok(shards),
    }
}

fn shards_of(index: &Path) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let text = fs::read(index).map_err(|error| format!("{INDEX}: {error}"))?;
    let index: Index =
        serde_json::from_slice(&text).map_err(|error| format!("{INDEX}: {error}"))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    match shards.iter().find(|shard| !is_plain(shard)) {
        Some(path) => Err(format!(
            "{INDEX} names {path}, which is not a file beside it"
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
        let one = with(&[SAFETENSORS, ONNX]).unwrap();
        assert_eq!((one.weights, one.index), (vec![SAFETENSORS], None));
        assert_eq!(one.small, [CONFIG, TOKENIZER]);
        assert_eq!(with(&[INDEX]).unwrap().index, Some(INDEX));
        let onnx = with(&[ONNX, "model.onnx_data"]).unwrap();
        assert_eq!(onnx.weights, [ONNX, "model.onnx_data"]);
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
