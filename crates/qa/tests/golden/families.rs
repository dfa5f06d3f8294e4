//! A tiny random model of each family, against version 4.57 as `reference/tiny.py` wrote it: tokenizer, inputs, graph.

use bakeoff_qa::{Compat, QuestionAnswering};

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

fn check(family: &str) {
    let folder = cases::folder().join("tiny").join(family);
    let golden = Golden::read(&folder.join("golden.json"));
    assert!(golden.cases.len() >= 50, "{}", golden.cases.len());
    let model = QuestionAnswering::open(&folder).unwrap();
    golden.check(&model, Compat::V4_57);
}
