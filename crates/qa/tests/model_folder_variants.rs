//! Model folders with other files and settings, and their errors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use bakeoff_qa::{AnswerError, ModelError, ModelOptions, Options, Question, QuestionAnswering};
use tempfile::TempDir;

#[test]
fn a_graph_is_found_where_exporters_put_it() {
    let places = [
        "model.onnx",
        "onnx/model.onnx",
        "model_quantized.onnx",
        "onnx/model_quantized.onnx",
    ];
    let expected = answer(copy("albert", &[]).path());
    for place in places {
        let folder = copy("albert", &[]);
        let (from, to) = (folder.path().join("model.onnx"), folder.path().join(place));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(from, to).unwrap();
        assert_eq!(answer(folder.path()), expected, "{place}");
    }
}

#[test]
fn a_git_lfs_pointer_is_named() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 133466304\n";
    for (base, file) in [
        ("bert", "model.safetensors"),
        ("bert", "tokenizer.json"),
        ("bert", "config.json"),
        ("albert", "model.onnx"),
        ("roberta", "model-00002-of-00002.safetensors"),
        ("roberta", "model.safetensors.index.json"),
    ] {
        let folder = copy(base, &[(file, pointer)]);
        let expected = format!(
            "cannot read {}: it is a Git LFS pointer, not the file itself; fetch the file with `git lfs pull`",
            folder.path().join(file).display()
        );
        assert_eq!(error(folder.path()).to_string(), expected);
    }
}

#[test]
fn tokens_that_the_model_does_not_know_are_told_of() {
    let model = QuestionAnswering::open(&tiny("bert")).unwrap();
    assert_eq!(model.unknown_tokens(), [] as [&str; 0]);
    let added = r#"{"added_tokens_decoder": {"900": {"content": "<ent>"}}}"#;
    let folder = copy("bert", &[("tokenizer_config.json", added)]);
    let model = QuestionAnswering::open(folder.path()).unwrap();
    assert_eq!(model.unknown_tokens(), ["<ent>"]);
    let asked = |context: &str| {
        let question = Question::new("Who?", context).unwrap();
        model.answer(&question, &Options::default())
    };
    assert!(asked("Ada Byron.").is_ok());
    let refused = asked("Ada <ent> Byron.").unwrap_err();
    assert!(
        matches!(refused, AnswerError::UnknownToken { .. }),
        "{refused}"
    );
    let says = refused.to_string();
    assert!(says.ends_with("the model knows only 420 tokens"), "{says}");
}

#[test]
fn settings_that_cannot_be_obeyed_are_named() {
    for (base, file, content, expected) in [
        (
            "bert",
            "tokenizer_config.json",
            r#"{"tokenizer_class": "BertJapaneseTokenizer"}"#,
            "cannot use the tokenizer class BertJapaneseTokenizer in",
        ),
        (
            "bert",
            "tokenizer_config.json",
            r#"{"do_lower_case": "no"}"#,
            "`do_lower_case` is \"no\", not true or false",
        ),
        (
            "bert",
            "tokenizer_config.json",
            r#"{"truncation_side": "both"}"#,
            "`truncation_side` is \"both\", not \"left\" or \"right\"",
        ),
        (
            "roberta",
            "config.json",
            r#"{"model_type": "roberta", "pad_token_id": null}"#,
            "`pad_token_id` is no token",
        ),
        (
            "bert",
            "config.json",
            r#"{"model_type": "gpt2"}"#,
            "cannot run a model of the type `gpt2`",
        ),
    ] {
        let folder = copy(base, &[(file, content)]);
        let says = error(folder.path()).to_string();
        assert!(says.contains(expected), "{says}");
    }
}

#[test]
fn a_tokenizer_that_pads_on_the_left_is_refused_wherever_that_is_said() {
    let folder = copy("bert", &[]);
    let path = folder.path().join("tokenizer.json");
    let json = fs::read_to_string(&path).unwrap();
    let padding = r#""padding": {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": null,
                     "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}"#;
    let changed = json.replace(r#""padding": null"#, padding);
    assert_ne!(changed, json);
    fs::write(&path, changed).unwrap();
    let refused = error(folder.path());
    assert!(
        matches!(&refused, ModelError::PaddingSide { path: named } if *named == path),
        "{refused}"
    );
}

#[test]
fn a_vocabulary_without_its_other_half_or_its_special_tokens_is_named() {
    let folder = copy("roberta", &[("vocab.json", "{}")]);
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    assert!(
        error(folder.path())
            .to_string()
            .contains("it has no merges.txt")
    );
    let folder = copy("bert", &[("vocab.txt", "[PAD]\n[UNK]\n[SEP]\nada\n")]);
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let says = error(folder.path()).to_string();
    assert!(
        says.ends_with("vocab.txt has no `[CLS]`, the `cls_token`"),
        "{says}"
    );
    let folder = copy("roberta", &[("vocab.txt", "<s>\n</s>\n")]);
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let says = error(folder.path()).to_string();
    assert!(
        says.ends_with("RobertaTokenizer cannot use vocab.txt"),
        "{says}"
    );
}

#[test]
fn another_activation_is_named_with_those_that_work() {
    let config = fs::read_to_string(tiny("bert").join("config.json")).unwrap();
    let folder = copy(
        "bert",
        &[("config.json", &config.replace("\"gelu\"", "\"silu\""))],
    );
    let refused = error(folder.path());
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(
        why.starts_with(
            "cannot run the activation `silu` from safetensors, only gelu, gelu_python, gelu_new,"
        ),
        "{why}"
    );
}

fn answer(folder: &Path) -> String {
    let model = QuestionAnswering::open_with(folder, &ModelOptions::default()).unwrap();
    let question = Question::new("Who?", "Ada Byron wrote it.").unwrap();
    let answers = model.answer(&question, &Options::default()).unwrap();
    format!("{answers:?}")
}

fn error(folder: &Path) -> ModelError {
    QuestionAnswering::open(folder).expect_err("the folder cannot be used")
}

fn tiny(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tiny")
        .join(name)
}

/// Folder of a tiny model with other content in some of its files.
fn copy(base: &str, changed: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(tiny(base)).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
    }
    for (file, content) in changed {
        fs::write(folder.path().join(file), content).unwrap();
    }
    folder
}
