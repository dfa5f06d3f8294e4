use std::num::NonZeroUsize;

use bakeoff_qa::{Options, Question};
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::*;
use crate::wire::{asked::Unanswerable, offsets::Offsets};

fn read_text(body: &[u8]) -> Result<Asked, Vec<Problem>> {
    super::read(body, &limits(), Compat::default())
}

fn read(body: &Value) -> Result<Asked, Vec<Problem>> {
    read_text(body.to_string().as_bytes())
}

/// Small limits.
fn limits() -> Limits {
    let non_zero = |limit| NonZeroUsize::new(limit).unwrap();
    Limits {
        max_items: non_zero(3),
        max_question_chars: non_zero(10),
        max_context_chars: non_zero(20),
        ..Limits::default()
    }
}

/// Question and context of each item, or its error.
fn items(body: &Value) -> Vec<Result<(String, String), String>> {
    let texts = |question: Question| {
        (
            question.question().to_owned(),
            question.context().to_owned(),
        )
    };
    let message = |unanswerable: Unanswerable| unanswerable.to_string();
    let asked = read(body).unwrap();
    asked
        .items
        .into_iter()
        .map(|item| item.map(texts).map_err(message))
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "expected values are results")]
fn pair(question: &str, context: &str) -> Result<(String, String), String> {
    Ok((question.to_owned(), context.to_owned()))
}

/// Checks the problems of a body in the JSON format.
fn check(body: &Value, expected: &Value) {
    check_text(&body.to_string(), expected);
}

fn check_text(body: &str, expected: &Value) {
    let problems = read_text(body.as_bytes()).expect_err(body);
    assert_eq!(serde_json::to_value(problems).unwrap(), *expected, "{body}");
}

/// Checks the only problem of a body with a valid question and `key`.
fn check_parameter(key: &str, value: &Value, kind: &str, msg: &str, ctx: Option<Value>) {
    let mut body = json!({ "question": "q", "context": "c" });
    body[key] = value.clone();
    let mut problem = json!({ "type": kind, "loc": ["body", key], "msg": msg, "input": value });
    if let Some(ctx) = ctx {
        problem["ctx"] = ctx;
    }
    check(&body, &json!([problem]));
}

#[test]
fn question_alone_gets_the_defaults_of_the_pipeline() {
    let request = read(&json!({ "question": "q", "context": "c" })).unwrap();
    assert_eq!(request.items, [Ok(Question::new("q", "c").unwrap())]);
    assert_eq!(request.parameters.options, Options::default());
    assert_eq!(request.parameters.offsets, Offsets::CodePoints);
}

#[test]
fn null_parameters_and_unknown_keys_change_nothing() {
    let body = json!({
        "question": "q", "context": "c", "top_k": null, "doc_stride": null, "max_answer_len": null,
        "max_seq_len": null, "max_question_len": null, "handle_impossible_answer": null,
        "align_to_words": null, "temperature": 0.7,
    });
    assert_eq!(read(&body).unwrap().parameters.options, Options::default());
}

#[test]
fn every_parameter_is_taken() {
    let body = json!({
        "question": "q", "context": "c", "top_k": 3, "doc_stride": 0, "max_answer_len": 7.0,
        "max_seq_len": 100, "max_question_len": 20, "handle_impossible_answer": true, "align_to_words": false,
    });
    let expected = Options {
        top_k: NonZeroUsize::new(3).unwrap(),
        doc_stride: Some(0),
        max_answer_len: NonZeroUsize::new(7).unwrap(),
        max_seq_len: NonZeroUsize::new(100),
        handle_impossible_answer: true,
        align_to_words: false,
        ..Options::default()
    };
    assert_eq!(read(&body).unwrap().parameters.options, expected);
}

#[test]
fn white_space_alone_is_a_question() {
    assert_eq!(
        items(&json!({ "question": " ", "context": "\n" })),
        [pair(" ", "\n")]
    );
}

#[test]
fn missing_keys_show_the_whole_body() {
    let body = json!({ "Question": "q" });
    check(
        &body,
        &json!([
            { "type": "missing", "loc": ["body", "question"], "msg": "Field required", "input": body },
            { "type": "missing", "loc": ["body", "context"], "msg": "Field required", "input": body },
        ]),
    );
}

#[test]
fn texts_must_be_strings() {
    for value in [json!(5), json!(null), json!({ "q": 1 }), json!(true)] {
        for key in ["question", "context"] {
            check_parameter(
                key,
                &value,
                "string_type",
                "Input should be a valid string or a list of strings",
                None,
            );
        }
    }
}

#[test]
fn texts_must_not_be_empty() {
    for key in ["question", "context"] {
        let message = format!("Value error, `{key}` cannot be empty");
        check_parameter(key, &json!(""), "value_error", &message, None);
    }
}

#[test]
fn counts_must_be_whole_numbers_in_range() {
    let keys = [
        ("top_k", 1),
        ("topk", 1),
        ("max_answer_len", 1),
        ("max_seq_len", 1),
        ("max_question_len", 1),
        ("doc_stride", 0),
    ];
    for (key, least) in keys {
        for value in [json!([]), json!({})] {
            check_parameter(
                key,
                &value,
                "int_type",
                "Input should be a valid integer",
                None,
            );
        }
        let text = "Input should be a valid integer, unable to parse string as an integer";
        check_parameter(key, &json!("five"), "int_parsing", text, None);
        let fraction = "Input should be a valid integer, got a number with a fractional part";
        check_parameter(key, &json!(1.5), "int_from_float", fraction, None);
        let low = format!("Input should be greater than or equal to {least}");
        for value in [json!(-1), json!(i64::MIN), json!(-1e300)] {
            check_parameter(
                key,
                &value,
                "greater_than_equal",
                &low,
                Some(json!({ "ge": least })),
            );
        }
        let high = "Input should be less than or equal to 1000";
        for value in [json!(1001), json!(u64::MAX), json!(1e300)] {
            check_parameter(
                key,
                &value,
                "less_than_equal",
                high,
                Some(json!({ "le": 1000 })),
            );
        }
    }
    check_parameter(
        "top_k",
        &json!(0),
        "greater_than_equal",
        "Input should be greater than or equal to 1",
        Some(json!({ "ge": 1 })),
    );
}

#[test]
fn flags_must_be_true_or_false() {
    for key in ["handle_impossible_answer", "align_to_words"] {
        let message = "Input should be a valid boolean";
        check_parameter(key, &json!([]), "bool_type", message, None);
        let message = "Input should be a valid boolean, unable to interpret input";
        for value in [json!(2), json!("maybe")] {
            check_parameter(key, &value, "bool_parsing", message, None);
        }
    }
}

/// FastAPI uses pydantic, which accepts these values.
#[test]
fn numbers_and_flags_may_be_texts_or_one_another() {
    let asked = read(&json!({
        "question": "q", "context": "c", "top_k": "2", "max_answer_len": true, "align_to_words": "false",
        "handle_impossible_answer": 1,
    }))
    .unwrap();
    let options = asked.parameters.options;
    assert_eq!((options.top_k.get(), options.max_answer_len.get()), (2, 1));
    assert!(!options.align_to_words && options.handle_impossible_answer);
}

#[test]
fn a_body_may_begin_with_a_byte_order_mark_or_be_in_utf_16() {
    let text = r#"{"question": "qé", "context": "c"}"#;
    let expected = [Ok(Question::new("qé", "c").unwrap())];
    let marked = format!("\u{feff}{text}");
    assert_eq!(read_text(marked.as_bytes()).unwrap().items, expected);
    let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read_text(&utf16).unwrap().items, expected);
}

#[test]
fn all_problems_are_reported_at_once() {
    let problems = read(&json!({ "question": "", "context": 1, "top_k": 0, "align_to_words": [] }))
        .unwrap_err();
    let kinds: Vec<&str> = problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(
        kinds,
        [
            "value_error",
            "string_type",
            "greater_than_equal",
            "bool_type"
        ]
    );
}

#[test]
fn body_must_be_an_object() {
    let message = "Input should be a valid dictionary or object to extract fields from";
    for body in [json!([1]), json!("q"), json!(5), json!(false)] {
        check(
            &body,
            &json!([{ "type": "model_attributes_type", "loc": ["body"], "msg": message, "input": body }]),
        );
    }
}

#[test]
fn no_body_is_a_missing_body() {
    let missing =
        json!([{ "type": "missing", "loc": ["body"], "msg": "Field required", "input": null }]);
    check_text("", &missing);
    check_text("null", &missing);
}

#[test]
fn invalid_json_says_where_and_why() {
    let cases = [
        ("{\"question\": }", 13, "expected value"),
        ("{\"question\": \"q\"", 16, "EOF while parsing an object"),
        ("{\n  \"question\": \"😀\" oops", 20, "expected `,` or `}`"),
        ("question=q&context=c", 0, "expected value"),
        (" ", 1, "EOF while parsing a value"),
    ];
    for (body, position, error) in cases {
        let expected = json!([{
            "type": "json_invalid", "loc": ["body", position], "msg": "JSON decode error",
            "input": {}, "ctx": { "error": error },
        }]);
        check_text(body, &expected);
    }
}

#[test]
fn json_that_is_no_text_or_too_deep_is_refused_not_crashed_on() {
    let deep = [b"{\"question\":".to_vec(), b"[".repeat(1_000_000)].concat();
    let lone_surrogate = br#"{"question":"\ud83d","context":"c"}"#.to_vec();
    let not_utf8 = b"{\"question\":\"\xff\",\"context\":\"c\"}".to_vec();
    let nothing_but_zeros = vec![0; 1_000_000];
    for body in [deep, lone_surrogate, not_utf8, nothing_but_zeros] {
        let problems = read_text(&body).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].kind, "json_invalid");
    }
}

#[test]
fn documented_parameters_are_those_that_are_read() {
    let schema = serde_json::to_value(ParametersBody::schema()).unwrap();
    let documented: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(documented.len(), 9);
    for key in documented {
        let mut body = json!({ "question": "q", "context": "c" });
        body[key] = json!({ "of": "the wrong type" });
        assert_eq!(read(&body).unwrap_err().len(), 1, "{key}");
    }
}

#[test]
fn top_k_goes_by_its_old_name_too_and_wins_over_it() {
    let top_k = |parameters: Value| {
        let mut body = json!({ "question": "q", "context": "c" });
        let parameters = parameters.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(parameters);
        read(&body).unwrap().parameters.options.top_k.get()
    };
    assert_eq!(top_k(json!({ "topk": 5 })), 5);
    assert_eq!(top_k(json!({ "topk": 5, "top_k": null })), 5);
    assert_eq!(top_k(json!({ "topk": 5, "top_k": 2 })), 2);
}

#[test]
fn offsets_are_one_of_three() {
    let offsets = |name| {
        let body = json!({ "question": "q", "context": "c", "offsets": name });
        read(&body).unwrap().parameters.offsets
    };
    for (name, expected) in Offsets::NAMED {
        assert_eq!(offsets(name), expected);
    }
    for value in [json!("utf-16"), json!(16), json!([])] {
        let expected = "'code_points', 'utf16' or 'bytes'";
        check_parameter(
            "offsets",
            &value,
            "literal_error",
            &format!("Input should be {expected}"),
            Some(json!({ "expected": expected })),
        );
    }
}

#[test]
fn compat_is_the_servers() {
    let body = json!({ "question": "q", "context": "c" }).to_string();
    let asked = super::read(body.as_bytes(), &limits(), Compat::V4_52).unwrap();
    assert_eq!(asked.parameters.options.compat, Compat::V4_52);
}

#[test]
fn one_context_goes_for_all_questions() {
    assert_eq!(
        items(&json!({ "question": ["q", "r", "s"], "context": "c" })),
        [pair("q", "c"), pair("r", "c"), pair("s", "c")]
    );
}

#[test]
fn one_context_is_kept_once_however_many_questions_there_are() {
    let asked = read(&json!({ "question": ["q", "r"], "context": "c" })).unwrap();
    let places: Vec<*const u8> = asked
        .items
        .iter()
        .map(|item| item.as_ref().unwrap().context().as_ptr())
        .collect();
    assert_eq!(places[0], places[1]);
}

#[test]
fn lists_of_the_same_length_are_paired() {
    assert_eq!(
        items(&json!({ "question": ["q", "r"], "context": ["c", "d"] })),
        [pair("q", "c"), pair("r", "d")]
    );
    assert_eq!(
        items(&json!({ "question": ["q"], "context": ["c"] })),
        [pair("q", "c")]
    );
    assert_eq!(items(&json!({ "question": [], "context": [] })), []);
    assert_eq!(items(&json!({ "question": [], "context": "c" })), []);
}

#[test]
fn lists_that_do_not_pair_are_refused_in_the_words_of_the_pipeline() {
    let lengths = "Value error, Questions and contexts don't have the same lengths: 2 and 1";
    let contexts =
        "Value error, Arguments can't be understood: a list of contexts needs a list of questions";
    let cases = [
        (json!(["q", "r"]), json!(["c"]), lengths),
        (json!("q"), json!(["c", "d"]), contexts),
        (json!("q"), json!(["c"]), contexts),
    ];
    for (question, context, message) in cases {
        check(
            &json!({ "question": question, "context": context }),
            &json!([{ "type": "value_error", "loc": ["body"], "msg": message, "input": null }]),
        );
    }
}

#[test]
fn texts_in_lists_must_be_strings() {
    let problem = |key, index, input| {
        json!({
            "type": "string_type", "loc": ["body", key, index], "msg": "Input should be a valid string", "input": input,
        })
    };
    check(
        &json!({ "question": ["q", 5, null], "context": [["c"], "d", "e"] }),
        &json!([
            problem("question", 1, json!(5)),
            problem("question", 2, json!(null)),
            problem("context", 0, json!(["c"])),
        ]),
    );
}

#[test]
fn texts_in_lists_fail_alone() {
    let long_question = "`question` has 11 characters, limit is 10".to_owned();
    let long_context = "`context` has 21 characters, limit is 20".to_owned();
    assert_eq!(
        items(&json!({ "question": ["", "é".repeat(11), "é".repeat(10)], "context": "c" })),
        [
            Err("`question` cannot be empty".to_owned()),
            Err(long_question),
            pair(&"é".repeat(10), "c"),
        ]
    );
    assert_eq!(
        items(&json!({ "question": ["q", "q", "q"], "context": ["", "c".repeat(21), "c"] })),
        [
            Err("`context` cannot be empty".to_owned()),
            Err(long_context),
            pair("q", "c"),
        ]
    );
}

#[test]
fn single_texts_and_lists_that_break_a_limit_are_refused() {
    let problem = |key, message| json!([{ "type": "value_error", "loc": ["body", key], "msg": message, "input": null }]);
    check(
        &json!({ "question": "q".repeat(11), "context": "c" }),
        &problem(
            "question",
            "Value error, `question` has 11 characters, limit is 10",
        ),
    );
    check(
        &json!({ "question": ["q", "r"], "context": "c".repeat(21) }),
        &problem(
            "context",
            "Value error, `context` has 21 characters, limit is 20",
        ),
    );
    check(
        &json!({ "question": ["q", 5, 6, 7], "context": "c" }),
        &json!([{
            "type": "too_long", "loc": ["body", "question"], "msg": "List should have at most 3 items, not 4",
            "input": null, "ctx": { "max_length": 3, "actual_length": 4 },
        }]),
    );
}

#[test]
fn of_a_key_that_is_there_twice_the_last_counts() {
    let asked = read_text(br#"{"question": 5, "context": "c", "question": "q"}"#).unwrap();
    assert_eq!(asked.items, [Ok(Question::new("q", "c").unwrap())]);
}

#[test]
fn numbers_that_are_none_are_refused() {
    for number in [
        "1e999", "-1e999", "NaN", "Infinity", "01", "0x1", "1.", "+1",
    ] {
        let body = format!(r#"{{"question": "q", "context": "c", "top_k": {number}}}"#);
        assert_eq!(read_text(body.as_bytes()).unwrap_err().len(), 1, "{number}");
    }
}
