//! Writes folders of tiny BERT models with made-up weights.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

const HIDDEN: usize = 24;
const INTERMEDIATE: usize = 40;
const VOCABULARY: usize = 50;
const POSITIONS: usize = 64;

const CONFIG: &str = r#"{"architectures": ["BertForQuestionAnswering"], "hidden_size": 24, "num_hidden_layers": 2,
"num_attention_heads": 2, "intermediate_size": 40, "vocab_size": 50, "max_position_embeddings": 64, "type_vocab_size": 2,
"layer_norm_eps": 1e-12, "hidden_act": "gelu"}"#;

/// How weights are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Float {
    F32,
    F16,
    Bf16,
}

/// A model before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Tiny {
    weights: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    float: Float,
    files: usize,
    prefix: &'static str,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let mut tiny = Self {
            weights: BTreeMap::new(),
            float: Float::F32,
            files: 1,
            prefix: "bert.",
        };
        tiny.add("embeddings.word_embeddings.weight", &[VOCABULARY, HIDDEN]);
        tiny.add(
            "embeddings.position_embeddings.weight",
            &[POSITIONS, HIDDEN],
        );
        tiny.add("embeddings.token_type_embeddings.weight", &[2, HIDDEN]);
        tiny.add_pair("embeddings.LayerNorm", &[HIDDEN]);
        for layer in 0..2 {
            let name = |part: &str| format!("encoder.layer.{layer}.{part}");
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                tiny.add_pair(&name(&format!("attention.{part}")), &[HIDDEN, HIDDEN]);
            }
            tiny.add_pair(&name("attention.output.LayerNorm"), &[HIDDEN]);
            tiny.add_pair(&name("intermediate.dense"), &[INTERMEDIATE, HIDDEN]);
            tiny.add_pair(&name("output.dense"), &[HIDDEN, INTERMEDIATE]);
            tiny.add_pair(&name("output.LayerNorm"), &[HIDDEN]);
        }
        tiny.add_pair("qa_outputs", &[2, HIDDEN]);
        tiny
    }

    pub(crate) fn float(mut self, float: Float) -> Self {
        self.float = float;
        self
    }

    pub(crate) fn files(mut self, files: usize) -> Self {
        self.files = files;
        self
    }

    pub(crate) fn prefix(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.weights.remove(name).unwrap();
        self
    }

    /// With one value of a weight in place of what it was.
    pub(crate) fn poisoned(mut self, name: &str, value: f32) -> Self {
        let weight = &mut self.weights.get_mut(name).unwrap().1;
        let middle = weight.len() / 2;
        weight[middle] = value;
        self
    }

    pub(crate) fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), CONFIG).unwrap();
        let names: Vec<&String> = self.weights.keys().collect();
        let mut map = serde_json::Map::new();
        for (index, names) in names.chunks(names.len().div_ceil(self.files)).enumerate() {
            let file = match self.files {
                1 => "model.safetensors".to_owned(),
                files => format!("model-{index}-of-{files}.safetensors"),
            };
            for name in names {
                map.insert(self.full(name), file.clone().into());
            }
            fs::write(folder.path().join(file), self.file(names)).unwrap();
        }
        if self.files > 1 {
            let index = serde_json::json!({"metadata": {}, "weight_map": map});
            fs::write(
                folder.path().join("model.safetensors.index.json"),
                index.to_string(),
            )
            .unwrap();
        }
        folder
    }

    fn add(&mut self, name: &str, shape: &[usize]) {
        let count: usize = shape.iter().product();
        // Different for each name, and spread about zero; norms are about one.
        let mut state = name.bytes().fold(17_u32, |state, byte| {
            state.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        let about = if name.ends_with("LayerNorm.weight") {
            1.0
        } else {
            0.0
        };
        let numbers = (0..count).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            about + (state >> 8) as f32 / 16_777_216.0 - 0.5
        });
        self.weights
            .insert(name.to_owned(), (shape.to_owned(), numbers.collect()));
    }

    /// A weight, and a bias for each of its rows.
    fn add_pair(&mut self, name: &str, shape: &[usize]) {
        self.add(&format!("{name}.weight"), shape);
        self.add(&format!("{name}.bias"), &shape[..1]);
    }

    fn full(&self, name: &str) -> String {
        let prefix = if name.starts_with("qa_outputs") {
            ""
        } else {
            self.prefix
        };
        format!("{prefix}{name}")
    }

    fn file(&self, names: &[&String]) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".into(), serde_json::json!({"format": "pt"}));
        let mut data = Vec::new();
        for name in names {
            let (shape, numbers) = &self.weights[*name];
            let start = data.len();
            let dtype = match self.float {
                Float::F32 => "F32",
                Float::F16 => "F16",
                Float::Bf16 => "BF16",
            };
            for number in numbers {
                match self.float {
                    Float::F32 => data.extend(number.to_le_bytes()),
                    Float::F16 => data.extend(half::f16::from_f32(*number).to_le_bytes()),
                    Float::Bf16 => data.extend(half::bf16::from_f32(*number).to_le_bytes()),
                }
            }
            let entry = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
            header.insert(self.full(name), entry);
        }
        let header = serde_json::Value::Object(header).to_string();
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            &data,
        ]
        .concat()
    }
}

/// Sets `key` in a folder's config.json to the JSON `value`.
pub(crate) fn change_config(folder: &Path, key: &str, value: &str) {
    let path = folder.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = serde_json::from_str(value).unwrap();
    fs::write(path, config.to_string()).unwrap();
}
