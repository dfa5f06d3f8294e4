//! Tiny random models of each family, compared with the answers of version 4.57 from `reference/tiny.py`.

use std::fs;

use bakeoff_qa::backend::Dtype;
use bakeoff_qa::{Compat, ModelOptions, QuestionAnswering, Weights};

use crate::cases::{self, Golden};

/// Families with a folder in `tests/tiny`.
const FEWEST_FAMILIES: usize = 6;

/// Families with safetensors: BERT in one file, DistilBERT without the prefix of its names, RoBERTa in two files with an index.
const FEWEST_SAFETENSORS: usize = 3;

#[test]
fn every_family_answers_like_the_reference_from_onnx() {
    let options = ModelOptions {
        weights: Some(Weights::Onnx),
        ..ModelOptions::default()
    };
    check_all("model.onnx", &options, FEWEST_FAMILIES);
}

#[test]
fn every_family_answers_like_the_reference_from_safetensors() {
    // The folders have an ONNX file too. A precision selects the safetensors.
    let options = ModelOptions {
        dtype: Some(Dtype::F32),
        ..ModelOptions::default()
    };
    check_all(".safetensors", &options, FEWEST_SAFETENSORS);
}

/// Checks the models that have a file whose name ends in `ending`.
fn check_all(ending: &str, options: &ModelOptions, fewest: usize) {
    let folders = fs::read_dir(cases::folder().join("tiny")).unwrap();
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| {
        let mut files = fs::read_dir(folder).unwrap().map(Result::unwrap);
        files.any(|file| file.file_name().to_string_lossy().ends_with(ending))
    });
    assert!(folders.len() >= fewest, "{folders:?}");
    for folder in folders {
        let golden = Golden::read(&folder.join("golden.json"));
        assert!(golden.cases.len() >= 50, "{}", folder.display());
        let model = QuestionAnswering::open_with(&folder, options).unwrap();
        let different = golden.differences(&model, Compat::V4_57);
        assert!(different.is_empty(), "{}: {different:#?}", folder.display());
    }
}
