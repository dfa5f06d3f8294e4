use std::num::NonZeroUsize;

use bakeoff_qa::Compat;
use serde_json::{Value, json};

use super::*;
use crate::config::Limits;

fn limits() -> Limits {
    Limits {
        max_items: NonZeroUsize::new(3).unwrap(),
        max_context_chars: NonZeroUsize::new(20).unwrap(),
        ..Limits::default()
    }
}

/// Questions and contexts of a request, or its problems.
fn pairs(body: &[u8], json_bytes: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let read = read(
        body,
        json_bytes.map(str::as_bytes),
        &limits(),
        Compat::default(),
    );
    let request = read.map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        problems.join("; ")
    })?;
    let pairs = request.asked.items.into_iter().map(|item| {
        let question = item.unwrap();
        (
            question.question().to_owned(),
            question.context().to_owned(),
        )
    });
    Ok(pairs.collect())
}

fn json_pairs(body: &Value) -> Result<Vec<(String, String)>, String> {
    pairs(body.to_string().as_bytes(), None)
}

fn tensor(name: &str, shape: &[usize], data: &Value) -> Value {
    json!({ "name": name, "shape": shape, "datatype": "BYTES", "data": data })
}

fn pair(question: &str, context: &str) -> (String, String) {
    (question.to_owned(), context.to_owned())
}

#[test]
fn shapes_may_have_one_column_and_data_may_be_nested() {
    let context = tensor("context", &[1], &json!(["c"]));
    for (shape, data) in [
        (vec![2], json!(["q", "r"])),
        (vec![2, 1], json!(["q", "r"])),
        (vec![2, 1], json!([["q"], ["r"]])),
    ] {
        let body = json!({ "inputs": [context, tensor("question", &shape, &data)] });
        assert_eq!(
            json_pairs(&body).unwrap(),
            [pair("q", "c"), pair("r", "c")],
            "{body}"
        );
    }
}

#[test]
fn as_many_contexts_as_questions_are_paired() {
    let context = tensor("context", &[2], &json!(["c", "d"]));
    let question = tensor("question", &[2], &json!(["q", "r"]));
    assert_eq!(
        json_pairs(&json!({ "inputs": [question, context] })).unwrap(),
        [pair("q", "c"), pair("r", "d")]
    );
    let one = tensor("question", &[1], &json!(["q"]));
    assert_eq!(
        json_pairs(&json!({ "inputs": [one, context] })).unwrap_err(),
        "inputs: Questions and contexts don't have the same lengths: 1 and 2"
    );
}

#[test]
fn invalid_inputs_have_a_reason() {
    let question = tensor("question", &[1], &json!(["q"]));
    let with = |tensor: Value| json!({ "inputs": [question, tensor] });
    let context = |shape: Value, data: Value| {
        with(json!({ "name": "context", "shape": shape, "datatype": "BYTES", "data": data }))
    };
    let cases = [
        (json!({}), "inputs: Field required"),
        (
            json!({ "inputs": {} }),
            "inputs: Input should be a valid list",
        ),
        (
            json!({ "inputs": [question] }),
            "inputs: there is no input `context`",
        ),
        (
            json!({ "inputs": vec![json!({}); 3] }),
            "inputs: List should have at most 2 items, not 3",
        ),
        (
            json!({ "inputs": [5] }),
            "inputs[0]: Input should be a valid dictionary",
        ),
        (
            with(question.clone()),
            "inputs[1].name: `question` is there twice",
        ),
        (
            with(json!({ "name": "x" })),
            "inputs[1].name: the inputs are `question` and `context`",
        ),
        (
            with(json!({ "name": "context", "shape": [1], "datatype": "FP32", "data": [1.0] })),
            "inputs[1].datatype: `context` should be BYTES",
        ),
        (
            context(json!([1, 2]), json!(["c", "d"])),
            "inputs[1].shape: should be [n] or [n, 1]",
        ),
        (
            context(json!([-1]), json!(["c"])),
            "inputs[1].shape: should be [n] or [n, 1]",
        ),
        (
            context(json!([]), json!("c")),
            "inputs[1].shape: should be [n] or [n, 1]",
        ),
        (
            context(json!([4]), json!(["c"])),
            "inputs[1].shape: `context` has 4 elements, limit is 3",
        ),
        (
            context(json!([1]), json!(["c", "d"])),
            "inputs[1].data: has 2 elements, the shape says 1",
        ),
        (
            context(json!([1]), json!([5])),
            "inputs[1].data: should hold strings only",
        ),
        (
            context(json!([1]), json!([["c", "d"]])),
            "inputs[1].data: should hold one string in each row",
        ),
        (
            context(json!([1]), json!(null)),
            "inputs[1].data: should be a list of strings",
        ),
        (
            context(json!([1]), json!([""])),
            "inputs: `context` cannot be empty",
        ),
        (
            context(json!([1]), json!(["c".repeat(21)])),
            "inputs: `context` has 21 characters, limit is 20",
        ),
    ];
    for (body, error) in cases {
        let found = json_pairs(&body).unwrap_err();
        assert!(found.starts_with(error), "{found} instead of {error}");
    }
}

#[test]
fn outputs_are_those_asked_for_or_all() {
    let inputs = json!([
        tensor("question", &[1], &json!(["q"])),
        tensor("context", &[1], &json!(["c"]))
    ]);
    let outputs = |more: Value| {
        let mut body = json!({ "inputs": inputs });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let read = read(
            body.to_string().as_bytes(),
            None,
            &limits(),
            Compat::default(),
        );
        let request = read.map_err(|problems| problems[0].to_string())?;
        let named = request
            .form
            .outputs
            .iter()
            .map(|output| (output.name.name(), output.binary));
        Ok::<_, String>(named.collect::<Vec<_>>())
    };
    let all = |binary| OutputName::ALL.map(|(name, _)| (name, binary)).to_vec();
    assert_eq!(outputs(json!({})), Ok(all(false)));
    assert_eq!(outputs(json!({ "outputs": [] })), Ok(all(false)));
    assert_eq!(
        outputs(json!({ "parameters": { "binary_data_output": true } })),
        Ok(all(true))
    );
    assert_eq!(
        outputs(json!({
            "parameters": { "binary_data_output": true },
            "outputs": [{ "name": "end", "parameters": { "binary_data": false } }, { "name": "score" }],
        })),
        Ok(vec![("end", false), ("score", true)])
    );
    assert_eq!(
        outputs(json!({ "outputs": vec![json!({}); 6] })),
        Err("outputs: List should have at most 5 items, not 6".to_owned())
    );
    assert_eq!(
        outputs(json!({ "outputs": [{ "name": "logits" }] })),
        Err(
            "outputs[0].name: Input should be 'output', 'answer', 'score', 'start' or 'end'"
                .to_owned()
        )
    );
}

/// Request with a binary question and a context in JSON, and the length of its JSON.
fn binary_question(size: usize, data: &[u8]) -> (Vec<u8>, String) {
    let question = json!({
        "name": "question", "shape": [2], "datatype": "BYTES", "parameters": { "binary_data_size": size },
    });
    let json = json!({ "inputs": [question, tensor("context", &[1], &json!(["c"]))] }).to_string();
    let length = json.len().to_string();
    ([json.as_bytes(), data].concat(), length)
}

#[test]
fn binary_texts_stand_behind_their_lengths() {
    let (body, length) = binary_question(11, b"\x01\0\0\0q\x02\0\0\0\xc3\xa9");
    assert_eq!(
        pairs(&body, Some(&length)).unwrap(),
        [pair("q", "c"), pair("é", "c")]
    );
}

#[test]
fn invalid_binary_data_has_a_reason() {
    let cases: [(usize, &[u8], &str); 7] = [
        (
            11,
            b"",
            "inputs[0].data: there is less binary data than binary_data_size says",
        ),
        (
            5,
            b"\x01\0\0\0q\x01\0\0\0r",
            "inputs[0].data: has 1 elements, the shape says 2",
        ),
        (
            10,
            b"\x01\0\0\0q\x01\0\0\0r?",
            "inputs: 1 bytes of binary data belong to no input",
        ),
        (
            10,
            b"\xff\xff\xff\xffq\x01\0\0\0r",
            "inputs[0].data: an element is longer than the binary data",
        ),
        (
            10,
            b"\x01\0\0\0q\x01\0\0\0\xff",
            "inputs[0].data: an element is not UTF-8",
        ),
        (
            7,
            b"\x01\0\0\0q\x01\0",
            "inputs[0].data: the binary data ends within the length of an element",
        ),
        (
            15,
            b"\x01\0\0\0q\x01\0\0\0r\x01\0\0\0s",
            "inputs[0].data: has more elements than the 2",
        ),
    ];
    for (size, data, error) in cases {
        let (body, length) = binary_question(size, data);
        let found = pairs(&body, Some(&length)).unwrap_err();
        assert!(found.starts_with(error), "{found} instead of {error}");
    }
}

#[test]
fn header_that_is_no_length_of_the_body_is_refused() {
    let (body, _) = binary_question(0, b"");
    let too_much = (body.len() + 1).to_string();
    for header in ["", "-1", "ten", "1e3", &too_much, "99999999999999999999999"] {
        let error = pairs(&body, Some(header)).unwrap_err();
        assert!(
            error
                .starts_with("header: inference-header-content-length should be a number of bytes"),
            "{error}"
        );
    }
}
