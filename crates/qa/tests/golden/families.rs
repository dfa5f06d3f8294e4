//! A tiny random model of each family, against version 4.57 as `reference/tiny.py` wrote it: tokenizer, inputs, graph.

use bakeoff_qa::backend::Dtype;
use bakeoff_qa::{Compat, ModelOptions, QuestionAnswering, Weights};

use crate::cases::{self, Golden};

#[test]
fn bert_answers_like_the_reference() {
    check("bert");
}

#[test]
fn distilbert_answers_like_the_reference() {
    check("distilbert");
}

#[test]
fn roberta_answers_like_the_reference() {
    check("roberta");
}

#[test]
fn electra_answers_like_the_reference() {
    check("electra");
}

#[test]
fn albert_answers_like_the_reference() {
    check("albert");
}

#[test]
fn mobilebert_answers_like_the_reference() {
    check("mobilebert");
}

#[test]
fn bert_answers_like_the_reference_from_safetensors() {
    check_safetensors("bert");
}

/// Saved without the prefix of its names.
#[test]
fn distilbert_answers_like_the_reference_from_safetensors() {
    check_safetensors("distilbert");
}

/// Saved in two files with an index.
#[test]
fn roberta_answers_like_the_reference_from_safetensors() {
    check_safetensors("roberta");
}

fn check(family: &str) {
    let options = ModelOptions {
        weights: Some(Weights::Onnx),
        ..ModelOptions::default()
    };
    check_with(family, &options);
}

/// The folders have an ONNX file too: naming a precision chooses the safetensors.
fn check_safetensors(family: &str) {
    let options = ModelOptions {
        dtype: Some(Dtype::F32),
        ..ModelOptions::default()
    };
    check_with(family, &options);
}

fn check_with(family: &str, options: &ModelOptions) {
    let folder = cases::folder().join("tiny").join(family);
    let golden = Golden::read(&folder.join("golden.json"));
    assert!(golden.cases.len() >= 50, "{}", golden.cases.len());
    let model = QuestionAnswering::open_with(&folder, options).unwrap();
    golden.check(&model, Compat::V4_57);
}
