//! Valid and invalid model folders, and their errors.

#![cfg(feature = "bundled-model")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use bakeoff_qa::backend::RtenBackend;
use bakeoff_qa::backend::{Dtype, Isa};
use bakeoff_qa::{
    Backend, Batch, ModelError, ModelOptions, Options, Question, QuestionAnswering, Weights,
};
use tempfile::TempDir;

#[test]
fn a_folder_with_the_bundled_files_answers_like_the_bundled_model() {
    let question = Question::new("Where do I live?", "I live in Berlin, not in Bonn.").unwrap();
    let opened = QuestionAnswering::open(&bundled()).unwrap();
    let embedded = QuestionAnswering::embedded().unwrap();
    assert_eq!(
        (opened.name(), embedded.name()),
        ("minilm-squad", "minilm-squad")
    );
    assert_eq!((opened.max_seq_len(), embedded.max_seq_len()), (512, 512));
    let answers = opened.answer(&question, &Options::default()).unwrap();
    assert_eq!(answers[0].text, "Berlin");
    assert_eq!(
        answers,
        embedded.answer(&question, &Options::default()).unwrap()
    );
}

#[test]
fn a_model_says_what_it_is() {
    let opened = QuestionAnswering::open(&bundled()).unwrap();
    let embedded = QuestionAnswering::embedded().unwrap();
    assert_eq!(opened.architecture(), "BertForQuestionAnswering");
    assert_eq!(opened.revision(), embedded.revision());
    assert_eq!(opened.revision().len(), 12);
    assert!(
        opened
            .revision()
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
    );
}

#[test]
fn a_revision_changes_with_every_file_that_matters_and_with_no_other() {
    let tiny = tiny();
    let revision_with = |file: &str| {
        let folder = tempfile::tempdir().unwrap();
        for name in MODEL_FILES {
            fs::copy(tiny.join(name), folder.path().join(name)).unwrap();
        }
        let path = folder.path().join(file);
        let mut content = fs::read(&path).unwrap_or_default();
        // A JSON file can end with white space, and a graph can have an unknown empty field.
        content.extend(if file == "model.onnx" {
            [0xf2, 0x7f, 0].as_slice()
        } else {
            b"\n\n"
        });
        fs::write(&path, content).unwrap();
        QuestionAnswering::open(folder.path())
            .unwrap()
            .revision()
            .to_owned()
    };
    let unchanged = revision_with("golden.json");
    let onnx = ModelOptions {
        weights: Some(Weights::Onnx),
        ..ModelOptions::default()
    };
    let tiny = QuestionAnswering::open_with(&tiny, &onnx).unwrap();
    assert_eq!(unchanged, tiny.revision());
    for file in MODEL_FILES.into_iter().chain(["model.onnx_data"]) {
        assert_ne!(revision_with(file), unchanged, "{file}");
    }
}

#[test]
fn safetensors_are_run_where_there_are_any_unless_told_otherwise() {
    let options = |weights, dtype| ModelOptions {
        weights,
        dtype,
        ..ModelOptions::default()
    };
    let float32 = options(None, Some(Dtype::F32));
    let both = copy_without("golden.json");
    let onnx = QuestionAnswering::open(both.path()).unwrap();
    let of_either = [float32, options(Some(Weights::Safetensors), None)];
    for options in &of_either {
        let refused = QuestionAnswering::open_with(both.path(), options)
            .expect_err("the folder has no safetensors");
        assert!(matches!(refused, ModelError::OnnxOnly { .. }), "{refused}");
    }
    fs::copy(
        tiny().join("model.safetensors"),
        both.path().join("model.safetensors"),
    )
    .unwrap();
    let unchosen = QuestionAnswering::open(both.path()).unwrap();
    assert_ne!(unchosen.revision(), onnx.revision());
    for options in &of_either {
        let chosen = QuestionAnswering::open_with(both.path(), options).unwrap();
        assert_eq!(chosen.revision(), unchosen.revision());
    }
    let told = QuestionAnswering::open_with(both.path(), &options(Some(Weights::Onnx), None));
    assert_eq!(told.unwrap().revision(), onnx.revision());
    fs::remove_file(both.path().join("model.onnx")).unwrap();
    let none = QuestionAnswering::open_with(both.path(), &options(Some(Weights::Onnx), None));
    let none = none.expect_err("the folder has no graph");
    assert!(matches!(none, ModelError::NoGraph { .. }), "{none}");
    let alone = QuestionAnswering::open(both.path()).unwrap();
    assert_eq!(alone.revision(), unchosen.revision());
    let question = Question::new("Where?", "In Berlin.").unwrap();
    let answer = |model: &QuestionAnswering| {
        let answers = model.answer(&question, &Options::default()).unwrap();
        answers[0].text.clone()
    };
    assert_eq!(answer(&unchosen), answer(&onnx));
}

/// The encoder does not run ELECTRA.
#[test]
fn a_graph_is_run_where_its_safetensors_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let electra = tiny().join("../electra");
    for file in MODEL_FILES {
        fs::copy(electra.join(file), folder.path().join(file)).unwrap();
    }
    let alone = QuestionAnswering::open(folder.path()).unwrap();
    fs::copy(
        tiny().join("model.safetensors"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    let both = QuestionAnswering::open(folder.path()).unwrap();
    assert_eq!(both.revision(), alone.revision());
}

#[test]
fn safetensors_of_another_family_say_what_to_do() {
    let folder = copy_with(
        "config.json",
        &fs::read(tiny().join("../electra/config.json")).unwrap(),
    );
    fs::rename(
        folder.path().join("model.onnx"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    let error = error(folder.path());
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.starts_with("cannot run ElectraForQuestionAnswering from safetensors, only Bert")
            && source.contains("export the model to ONNX"),
        "{source}"
    );
}

#[test]
fn instructions_that_the_cpu_lacks_are_refused() {
    let options = |isa| ModelOptions {
        dtype: Some(Dtype::Bf16),
        isa: Some(isa),
        ..ModelOptions::default()
    };
    assert!(QuestionAnswering::open_with(&tiny(), &options(Isa::Portable)).is_ok());
    let refused = QuestionAnswering::open_with(&tiny(), &options(Isa::Avx2));
    assert!(matches!(refused, Err(ModelError::Weights { .. })));
}

#[test]
fn a_missing_folder_is_named() {
    check(
        Path::new("/nowhere/model"),
        "cannot open the model folder /nowhere/model: there is no such folder",
    );
}

#[test]
fn a_folder_without_config_or_tokenizer_is_no_model_folder() {
    for file in ["config.json", "tokenizer.json"] {
        let folder = copy_without(file);
        let wanted = "a model folder has config.json, a tokenizer (tokenizer.json, vocab.txt, or vocab.json with \
                      merges.txt), and weights (model.safetensors or model.onnx)";
        check(
            folder.path(),
            &format!(
                "cannot load the model in {}: it has no {file}; {wanted}",
                folder.path().display()
            ),
        );
    }
}

#[test]
fn settings_that_are_not_json_are_named() {
    for (file, content) in [
        ("config.json", "{"),
        (
            "config.json",
            r#"{"architectures": "BertForQuestionAnswering"}"#,
        ),
        ("tokenizer_config.json", "[]"),
    ] {
        let folder = copy_with(file, content.as_bytes());
        let path = folder.path().join(file);
        check(
            folder.path(),
            &format!("cannot read the model settings in {}", path.display()),
        );
    }
}

#[test]
fn an_unreadable_file_is_named() {
    let folder = copy_without("config.json");
    fs::create_dir(folder.path().join("config.json")).unwrap();
    check(
        folder.path(),
        &format!(
            "cannot read {}",
            folder.path().join("config.json").display()
        ),
    );
}

#[test]
fn missing_weights_say_where_and_how() {
    let folder = copy_without("model.onnx");
    let message = error(folder.path()).to_string();
    assert!(
        message.starts_with(&format!(
            "cannot load the model in {}: it has no weights (model.safetensors, model.onnx, onnx/model.onnx, model_quantized.onnx or \
             onnx/model_quantized.onnx); save the model with transformers' `save_pretrained`",
            folder.path().display()
        )),
        "{message}"
    );
}

#[test]
fn another_architecture_is_named_with_those_that_work() {
    let folder = copy_with("config.json", br#"{"architectures": ["GPT2LMHeadModel"]}"#);
    let message = error(folder.path()).to_string();
    assert!(
        message.starts_with("cannot run GPT2LMHeadModel; supported architectures: Bert"),
        "{message}"
    );
    assert!(
        message.contains("BertForQuestionAnswering, DistilBertForQuestionAnswering"),
        "{message}"
    );
    let folder = copy_with("config.json", b"{}");
    assert!(
        error(folder.path())
            .to_string()
            .contains("names no architecture")
    );
}

#[test]
fn the_wrong_architecture_is_said_before_missing_weights() {
    let folder = copy_with(
        "config.json",
        br#"{"architectures": ["T5ForConditionalGeneration"]}"#,
    );
    fs::remove_file(folder.path().join("model.onnx")).unwrap();
    assert!(matches!(
        error(folder.path()),
        ModelError::Architecture { .. }
    ));
}

#[test]
fn a_model_that_reads_the_context_first_is_refused() {
    let folder = copy_with("tokenizer_config.json", br#"{"padding_side": "left"}"#);
    assert!(matches!(
        error(folder.path()),
        ModelError::PaddingSide { .. }
    ));
}

#[test]
fn a_broken_tokenizer_is_named() {
    let folder = copy_with("tokenizer.json", b"{}");
    check(
        folder.path(),
        &format!(
            "cannot load the tokenizer from {}",
            folder.path().join("tokenizer.json").display()
        ),
    );
}

#[test]
fn broken_weights_are_named() {
    for content in [&b""[..], b"not a graph", &[0x0a; 4096]] {
        let folder = copy_with("model.onnx", content);
        let path = folder.path().join("model.onnx");
        let message = error(folder.path()).to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
}

#[test]
fn a_graph_for_another_task_is_refused_by_its_outputs() {
    let graph = onnx::graph(&[("input_ids", "last_hidden_state")]);
    let folder = copy_with("model.onnx", &graph);
    let path = folder.path().join("model.onnx");
    check(
        folder.path(),
        &format!(
            "cannot use the graph in {}: it has no output `start_logits`, only last_hidden_state; export it with \
             `--task question-answering`",
            path.display()
        ),
    );
}

#[test]
fn a_graph_with_unknown_inputs_is_refused_by_them() {
    let graph = onnx::graph(&[
        ("input_ids", "start_logits"),
        ("pixel_values", "end_logits"),
    ]);
    let folder = copy_with("model.onnx", &graph);
    let path = folder.path().join("model.onnx");
    check(
        folder.path(),
        &format!(
            "cannot use the graph in {}: it has the input `pixel_values`; supported inputs: input_ids, attention_mask, token_type_ids",
            path.display()
        ),
    );
}

#[test]
fn a_graph_gets_the_inputs_that_it_declares_and_no_others() {
    let graph = onnx::graph(&[
        ("input_ids", "start_logits"),
        ("attention_mask", "end_logits"),
    ]);
    let folder = copy_with("model.onnx", &graph);
    let backend = RtenBackend::open(&folder.path().join("model.onnx")).unwrap();
    let batch = Batch {
        input_ids: vec![7, 8, 9, 4, 5],
        token_type_ids: vec![0, 1, 1, 0, 1],
        cumulative_lengths: vec![0, 3, 5],
    };
    let logits = backend.forward(&batch).unwrap();
    assert_eq!(
        (logits.start, logits.end),
        (vec![7.0, 8.0, 9.0, 4.0, 5.0], vec![1.0; 5])
    );
}

#[test]
fn roberta_has_two_positions_less_than_it_says() {
    let config = br#"{"architectures": ["RobertaForQuestionAnswering"], "max_position_embeddings": 514, "pad_token_id": 1}"#;
    let folder = copy_with("config.json", config);
    assert_eq!(
        QuestionAnswering::open(folder.path())
            .unwrap()
            .max_seq_len(),
        512
    );
}

#[test]
fn tokenizer_settings_may_be_missing_or_say_no_limit() {
    let question = Question::new("Where?", "In Berlin.").unwrap();
    let expected = QuestionAnswering::open(copy_without("golden.json").path())
        .unwrap()
        .answer(&question, &Options::default())
        .unwrap();
    let settings = br#"{"model_max_length": 1000000000000000019884624838656, "cls_token": {"content": "[CLS]"}}"#;
    for folder in [
        copy_without("tokenizer_config.json"),
        copy_with("tokenizer_config.json", settings),
    ] {
        let model = QuestionAnswering::open(folder.path()).unwrap();
        assert_eq!(
            model.answer(&question, &Options::default()).unwrap(),
            expected
        );
    }
}

const MODEL_FILES: [&str; 4] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.onnx",
];

fn check(folder: &Path, expected: &str) {
    assert_eq!(error(folder).to_string(), expected);
}

fn error(folder: &Path) -> ModelError {
    QuestionAnswering::open(folder).expect_err("the folder is broken")
}

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/minilm-squad")
}

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny/bert")
}

/// Folder of a tiny model without one of its files.
fn copy_without(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in MODEL_FILES {
        if name != file {
            fs::copy(tiny().join(name), folder.path().join(name)).unwrap();
        }
    }
    folder
}

/// Folder of a tiny model with other content in one of its files.
fn copy_with(file: &str, content: &[u8]) -> TempDir {
    let folder = copy_without(file);
    fs::write(folder.path().join(file), content).unwrap();
    folder
}

/// Tiny ONNX graphs.
mod onnx {
    /// Graph that casts each integer input to a float output.
    pub(super) fn graph(casts: &[(&str, &str)]) -> Vec<u8> {
        let nodes = casts
            .iter()
            .flat_map(|(input, output)| field(1, &cast(input, output)));
        let inputs = casts
            .iter()
            .flat_map(|(input, _)| field(11, &value_info(input, 7)));
        let outputs = casts
            .iter()
            .flat_map(|(_, output)| field(12, &value_info(output, 1)));
        let graph: Vec<u8> = nodes
            .chain(field(2, b"graph"))
            .chain(inputs)
            .chain(outputs)
            .collect();
        let opset = [field(1, b""), number(2, 17)].concat();
        [number(1, 8), field(7, &graph), field(8, &opset)].concat()
    }

    fn cast(input: &str, output: &str) -> Vec<u8> {
        let to_float = [field(1, b"to"), number(3, 1), number(20, 2)].concat();
        [
            field(1, input.as_bytes()),
            field(2, output.as_bytes()),
            field(4, b"Cast"),
            field(5, &to_float),
        ]
        .concat()
    }

    fn value_info(name: &str, element_type: u8) -> Vec<u8> {
        let dimension = |name: &str| field(1, &field(2, name.as_bytes()));
        let shape = [dimension("batch"), dimension("sequence")].concat();
        let tensor = [number(1, element_type), field(2, &shape)].concat();
        [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
    }

    /// Field with a length in a protocol buffer, shorter than 16 KiB: the length has two digits to base 128.
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let digit = |value: usize| u8::try_from(value).unwrap();
        let length = vec![digit(bytes.len() % 128 + 128), digit(bytes.len() / 128)];
        [key(tag, 2), length, bytes.to_vec()].concat()
    }

    /// Field with a small number in a protocol buffer.
    fn number(tag: u8, value: u8) -> Vec<u8> {
        [key(tag, 0), vec![value]].concat()
    }

    fn key(tag: u8, wire_type: u8) -> Vec<u8> {
        let key = tag << 3 | wire_type;
        if key < 0x80 {
            vec![key]
        } else {
            vec![key & 0x7f | 0x80, 1]
        }
    }
}
