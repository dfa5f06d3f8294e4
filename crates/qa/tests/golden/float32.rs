//! The bundled model in float32, compared with the answers of each version from `reference/parity.py`.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use bakeoff_qa::{Compat, QuestionAnswering};
#[cfg(feature = "bundled-model")]
use bakeoff_qa::{ModelOptions, backend::Dtype};
use tempfile::TempDir;

use crate::cases::{self, Case, Golden};

#[test]
fn answers_of_4_57_are_the_same_in_every_case() {
    let mut golden = golden("parity-4.57.json");
    let squad = |case: &&Case| case.name.starts_with("squad");
    assert!(golden.cases.iter().filter(squad).count() >= 1000);
    assert!(golden.cases.iter().filter(|case| !squad(case)).count() >= 200);
    // The graph is slower than the safetensors: it answers a quarter of the SQuAD cases and all other cases.
    let mut number = 0;
    golden.cases.retain(|case| {
        number += 1;
        !squad(&case) || number % 4 == 0
    });
    golden.check(&FLOAT32, Compat::V4_57);
}

#[test]
fn answers_of_4_52_are_the_same_in_every_case() {
    let golden = golden("parity-4.52.json");
    assert!(golden.cases.len() >= 200);
    golden.check(&FLOAT32, Compat::V4_52);
}

#[cfg(feature = "bundled-model")]
#[test]
fn answers_from_safetensors_are_the_same_in_every_case() {
    let options = ModelOptions {
        dtype: Some(Dtype::F32),
        ..ModelOptions::default()
    };
    let model = QuestionAnswering::embedded_with(&options).unwrap();
    golden("parity-4.57.json").check(&model, Compat::V4_57);
    golden("parity-4.52.json").check(&model, Compat::V4_52);
}

static FLOAT32: LazyLock<QuestionAnswering> = LazyLock::new(|| {
    let folder = float32_folder();
    QuestionAnswering::open(folder.path()).unwrap()
});

/// Folder of the bundled model with a float32 graph. The graph reads the float16 weights in the safetensors file.
fn float32_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bundled = cases::folder().join("../../../models/minilm-squad");
    let copy = |from: PathBuf, to: &str| fs::copy(from, folder.path().join(to)).unwrap();
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        copy(bundled.join(file), file);
    }
    copy(bundled.join("model.safetensors"), "model.onnx_data");
    copy(cases::folder().join("fp32/model.onnx"), "model.onnx");
    folder
}

fn golden(file: &str) -> Golden {
    Golden::read(&cases::folder().join("golden").join(file))
}
