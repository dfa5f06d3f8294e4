//! Unusual questions, contexts and options: their answers and errors.

#![cfg(feature = "bundled-model")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::thread;

use bakeoff_qa::backend::BackendError;
use bakeoff_qa::{
    Answer, AnswerError, Backend, Batch, Compat, Logits, ModelFiles, Options, Question,
    QuestionAnswering,
};

/// The bundled model.
static MODEL: LazyLock<QuestionAnswering> =
    LazyLock::new(|| QuestionAnswering::embedded().unwrap());

/// Model with the bundled tokenizer and pseudo-random logits. It is faster than the bundled model.
static FAST: LazyLock<QuestionAnswering> = LazyLock::new(|| with_backend(PseudoRandom));

#[test]
fn an_empty_question_or_context_is_refused() {
    assert!(matches!(
        Question::new("", "a context"),
        Err(AnswerError::EmptyQuestion)
    ));
    assert!(matches!(
        Question::new("a question", ""),
        Err(AnswerError::EmptyContext)
    ));
    assert_eq!(
        Question::new("", "").unwrap_err().to_string(),
        "`question` cannot be empty"
    );
}

#[test]
fn a_question_that_leaves_no_room_for_the_context_is_refused_with_the_limit() {
    let question = "why ".repeat(300);
    let refused = answer(
        &MODEL,
        &question,
        &"because ".repeat(100),
        &Options::default(),
    );
    let message = "question has 300 tokens, limit is 252 with this `max_seq_len` and `doc_stride`";
    assert_eq!(refused.unwrap_err().to_string(), message);
    assert!(answer(&MODEL, &question, "because it fits", &Options::default()).is_ok());
}

#[test]
fn a_question_of_a_megabyte_is_refused() {
    let refused = answer(
        &FAST,
        &"why ".repeat(1 << 18),
        "because",
        &Options::default(),
    );
    assert!(matches!(
        refused,
        Err(AnswerError::QuestionTooLong {
            tokens: 262_144,
            limit: 252
        })
    ));
}

#[test]
fn a_context_of_a_megabyte_is_read_to_its_end() {
    let context = "weather ".repeat(1 << 17) + "zebra";
    let answers = answer(
        &with_backend(FindsZebras),
        "Which animal?",
        &context,
        &Options::default(),
    )
    .unwrap();
    assert_eq!(
        (answers[0].text.as_str(), answers[0].start, answers[0].end),
        ("zebra", 1 << 20, (1 << 20) + 5)
    );
}

#[test]
fn a_context_of_too_many_windows_is_refused_with_the_limit() {
    let context = "weather ".repeat(1 << 12);
    let options = Options {
        doc_stride: Some(377),
        ..Options::default()
    };
    let refused = answer(
        &with_backend(FindsZebras),
        "Which animal?",
        &context,
        &options,
    );
    assert!(matches!(
        refused,
        Err(AnswerError::TooManyWindows { limit: 1024, .. })
    ));
}

#[test]
fn the_bundled_model_finds_an_answer_in_a_late_window() {
    let filler = "Nobody knows what the weather will be. ".repeat(80);
    let context = format!("{filler}The treasure is hidden in Bremen. {filler}");
    let answers = answer(
        &MODEL,
        "Where is the treasure hidden?",
        &context,
        &Options::default(),
    )
    .unwrap();
    assert_eq!(answers[0].text, "Bremen");
    assert_eq!(
        answers[0].start,
        filler.chars().count() + "The treasure is hidden in ".len()
    );
}

#[test]
fn a_word_of_a_megabyte_is_one_answer() {
    let context = "x".repeat(1 << 20);
    let answers = answer(&MODEL, "What?", &context, &Options::default()).unwrap();
    assert_eq!((answers[0].start, answers[0].end), (0, 1 << 20));
}

#[test]
fn a_context_without_tokens_has_the_empty_answer() {
    for context in [" ", "\t\r\n", "\0", "\u{200b}\u{feff}"] {
        let answers = answer(&MODEL, "Where?", context, &Options::default()).unwrap();
        assert_eq!(
            answers,
            [Answer {
                score: 0.0,
                start: 0,
                end: 0,
                text: String::new()
            }],
            "{context:?}"
        );
    }
}

#[test]
fn windows_longer_than_the_model_or_shorter_than_their_stride_are_refused() {
    let longer = Options {
        max_seq_len: NonZeroUsize::new(513),
        ..Options::default()
    };
    let refused = answer(&FAST, "Where?", &"here ".repeat(600), &longer).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`max_seq_len` is 513, this model takes at most 512 tokens, which is too few for this text"
    );
    let stride = Options {
        doc_stride: Some(385),
        ..Options::default()
    };
    let refused = answer(&FAST, "Where?", "Here.", &stride).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`doc_stride` (385) is larger than `max_seq_len` (384)"
    );
}

#[test]
fn a_window_longer_than_the_model_takes_texts_that_fit_the_model() {
    let longer = Options {
        max_seq_len: NonZeroUsize::new(1000),
        ..Options::default()
    };
    // The question has two tokens, and there are three special tokens.
    for (context_tokens, answered) in [(1, true), (507, true), (508, false)] {
        let answers = answer(&FAST, "Where?", &"here ".repeat(context_tokens), &longer);
        assert_eq!(answers.is_ok(), answered, "{context_tokens}");
    }
}

/// By transformers 4.57.6, where numpy has vectors of 256 or 512 bits.
#[cfg(feature = "bundled-model")]
#[test]
fn fewer_spans_than_wanted_are_filled_up_with_spans_without_a_score() {
    let float32 = bakeoff_qa::ModelOptions {
        dtype: Some(bakeoff_qa::backend::Dtype::F32),
        ..bakeoff_qa::ModelOptions::default()
    };
    let model = QuestionAnswering::embedded_with(&float32).unwrap();
    let answers = |context: &str, top_k: usize, max_answer_len: usize| {
        let options = Options {
            top_k: NonZeroUsize::new(top_k).unwrap(),
            max_answer_len: NonZeroUsize::new(max_answer_len).unwrap(),
            ..Options::default()
        };
        let answers = model.answer(&Question::new("Who?", context).unwrap(), &options);
        let answers = answers.unwrap().into_iter();
        answers
            .map(|answer| {
                let score = format!("{:.3}", answer.score);
                (score, answer.start, answer.end, answer.text)
            })
            .collect::<Vec<_>>()
    };
    let found =
        |score: &str, start, end, text: &str| (score.to_owned(), start, end, text.to_owned());
    let (ada, byron) = (found("0.075", 0, 3, "Ada"), found("0.018", 4, 9, "Byron"));
    let (empty, both) = (found("0.000", 0, 0, ""), found("0.000", 0, 9, "Ada Byron"));
    let expected = vec![ada.clone(), byron.clone(), empty.clone(), both];
    assert_eq!(answers("Ada Byron", 5, 1), expected);
    assert_eq!(answers("Ada Byron", 50, 1), expected);
    let scored = found("0.742", 0, 9, "Ada Byron");
    assert_eq!(answers("Ada Byron", 5, 15), [scored, ada, byron, empty]);
}

#[test]
fn options_without_bounds_work() {
    let options = Options {
        top_k: NonZeroUsize::MAX,
        max_answer_len: NonZeroUsize::MAX,
        ..Options::default()
    };
    let answers = answer(&FAST, "Where?", "one two three", &options).unwrap();
    // Six spans of words, and the empty span with score 0.
    assert_eq!(answers.len(), 7);
}

#[test]
fn a_class_token_spelled_out_in_the_question_is_no_answer() {
    let options = Options {
        top_k: NonZeroUsize::new(50).unwrap(),
        ..Options::default()
    };
    for found in answer(&MODEL, "[CLS] where [CLS]?", "in Paris", &options).unwrap() {
        assert!(found.end <= 8 && found.start <= found.end, "{found:?}");
    }
}

#[test]
fn a_failing_backend_is_an_error_with_its_cause() {
    let refused = answer(&with_backend(Fails), "Where?", "Here.", &Options::default()).unwrap_err();
    assert_eq!(
        std::error::Error::source(&refused).unwrap().to_string(),
        "out of order"
    );
    let refused = answer(
        &with_backend(NoLogits),
        "Where?",
        "Here.",
        &Options::default(),
    )
    .unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(
        cause.starts_with("[0, 0] start and end logits for"),
        "{cause}"
    );
}

#[test]
fn logits_that_are_not_numbers_are_an_error() {
    for logit in [f32::NAN, f32::INFINITY] {
        let model = with_backend(Constant(logit));
        let refused = answer(&model, "Where?", "Here.", &Options::default()).unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(cause, "logits that are not finite");
    }
}

#[test]
fn equal_texts_are_one_answer_in_4_57_and_several_in_4_52() {
    let texts = |compat| {
        let options = Options {
            top_k: NonZeroUsize::new(3).unwrap(),
            max_answer_len: NonZeroUsize::MIN,
            compat,
            ..Options::default()
        };
        let answers = answer(
            &with_backend(FindsZebras),
            "Which?",
            "zebra, ZEBRA",
            &options,
        );
        let answers = answers.unwrap().into_iter();
        answers
            .map(|found| (found.text, (found.score * 100.0).round()))
            .collect::<Vec<_>>()
    };
    let text = |text: &str, percent| (text.to_owned(), percent);
    assert_eq!(texts(Compat::V4_57)[0], text("zebra", 50.0));
    assert_eq!(
        texts(Compat::V4_52)[..2],
        [text("zebra", 25.0), text("ZEBRA", 25.0)]
    );
}

#[test]
fn threads_share_a_model_and_get_the_same_answers() {
    let model = Arc::new(QuestionAnswering::embedded().unwrap());
    let ask = |model: &QuestionAnswering| {
        answer(
            model,
            "Where do I live?",
            "I live in Berlin.",
            &Options::default(),
        )
        .unwrap()
    };
    let expected = ask(&model);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let model = Arc::clone(&model);
            thread::spawn(move || ask(&model))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
}

fn answer(
    model: &QuestionAnswering,
    question: &str,
    context: &str,
    options: &Options,
) -> Result<Vec<Answer>, AnswerError> {
    model.answer(&Question::new(question, context)?, options)
}

fn with_backend(backend: impl Backend + 'static) -> QuestionAnswering {
    QuestionAnswering::with_backend(&ModelFiles::embedded(), Box::new(backend)).unwrap()
}

/// Backend with logits from -4 to 4. A logit depends only on the token and its position.
#[derive(Debug)]
struct PseudoRandom;

impl Backend for PseudoRandom {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let logit = |(place, &id): (usize, &u32), salt| {
            ((id as usize * 31 + place * salt) % 801) as f32 / 100.0 - 4.0
        };
        let ids = || batch.input_ids.iter().enumerate();
        Ok(Logits {
            start: ids().map(|token| logit(token, 7)).collect(),
            end: ids().map(|token| logit(token, 11)).collect(),
        })
    }
}

/// Backend with high logits for zebras only.
#[derive(Debug)]
struct FindsZebras;

impl Backend for FindsZebras {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let logits: Vec<f32> = batch
            .input_ids
            .iter()
            .map(|&id| if id == ZEBRA { 20.0 } else { 0.0 })
            .collect();
        Ok(Logits {
            start: logits.clone(),
            end: logits,
        })
    }
}

/// Id of "zebra" in the bundled vocabulary.
const ZEBRA: u32 = 29_145;

/// Backend that fails on every batch.
#[derive(Debug)]
struct Fails;

impl Backend for Fails {
    fn forward(&self, _: &Batch) -> Result<Logits, BackendError> {
        Err("out of order".into())
    }
}

/// Backend without logits.
#[derive(Debug)]
struct NoLogits;

impl Backend for NoLogits {
    fn forward(&self, _: &Batch) -> Result<Logits, BackendError> {
        Ok(Logits::default())
    }
}

/// Backend with the same logit for every token.
#[derive(Debug)]
struct Constant(f32);

impl Backend for Constant {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let logits = vec![self.0; batch.input_ids.len()];
        Ok(Logits {
            start: logits.clone(),
            end: logits,
        })
    }
}
