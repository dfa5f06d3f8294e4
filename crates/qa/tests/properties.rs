//! Properties of the answers for all questions, contexts, options, logits and tokenizers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;

use bakeoff_qa::backend::BackendError;
use bakeoff_qa::{
    Answer, AnswerError, Backend, Batch, Compat, Logits, ModelFiles, Options, Prepared, Question,
    QuestionAnswering,
};
use proptest::prelude::*;

/// Models with the tokenizer of the bundled model and of every family, and with pseudo-random logits: small ones and extreme ones.
static MODELS: LazyLock<Vec<QuestionAnswering>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tiny = fs::read_dir(root.join("tests/tiny")).unwrap();
    let mut folders = vec![root.join("../../models/minilm-squad")];
    folders.extend(tiny.map(|entry| entry.unwrap().path()));
    folders[1..].sort_unstable();
    assert!(folders.len() >= 7, "{folders:?}");
    let models = folders.iter().flat_map(|folder| {
        let files = ModelFiles::read(folder).unwrap();
        [4.0, f32::MAX].map(|strength| {
            let backend = Box::new(PseudoRandom { strength });
            QuestionAnswering::with_backend(&files, backend).unwrap()
        })
    });
    models.collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn an_answer_is_the_context_from_start_to_end(
        model in prop::sample::select((0..MODELS.len()).collect::<Vec<_>>()),
        question in awkward_text(1..30),
        context in awkward_text(1..400),
        options in any_options(),
        batch_windows in 1_usize..5,
    ) {
        let model = &MODELS[model];
        let asked = Question::new(&*question, &*context).unwrap();
        let prepared = match model.prepare(asked.clone(), options.clone()) {
            Ok(prepared) => prepared,
            Err(
                AnswerError::QuestionTooLong { .. }
                | AnswerError::StrideTooLarge { .. }
                | AnswerError::TooManyWindows { .. },
            ) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let answers = prepared.decode(&logits_backwards(model, &prepared, batch_windows));
        check_answers(&answers, &context, &options)?;
        // Answers do not depend on the order of windows and batches.
        prop_assert_eq!(answers, model.answer(&asked, &options).unwrap());
    }

    #[test]
    fn a_window_is_as_long_as_it_says_and_no_longer_than_asked_for(
        question in awkward_text(1..10),
        context in awkward_text(1..400),
        options in any_options(),
    ) {
        let model = &MODELS[0];
        let asked = Question::new(question, context).unwrap();
        let Ok(prepared) = model.prepare(asked, options.clone()) else { return Ok(()) };
        for window in 0..prepared.windows() {
            let mut batch = Batch::default();
            prepared.append_to(&mut batch, window);
            prop_assert_eq!(batch.input_ids.len(), prepared.tokens(window));
            prop_assert_eq!(batch.token_type_ids.len(), prepared.tokens(window));
            prop_assert_eq!(&batch.cumulative_lengths, &[0, prepared.tokens(window)]);
            prop_assert!(prepared.tokens(window) <= options.max_seq_len.map_or(384, NonZeroUsize::get));
        }
    }
}

/// Logits of every window, from batches of `batch_windows` that begin with the last window.
fn logits_backwards(
    model: &QuestionAnswering,
    prepared: &Prepared,
    batch_windows: usize,
) -> Vec<Logits> {
    let windows: Vec<usize> = (0..prepared.windows()).rev().collect();
    let mut logits = Vec::new();
    for windows in windows.chunks(batch_windows) {
        let mut batch = Batch::default();
        for &window in windows {
            prepared.append_to(&mut batch, window);
        }
        logits.extend(model.forward(&batch).unwrap());
    }
    logits.reverse();
    logits
}

fn check_answers(
    answers: &[Answer],
    context: &str,
    options: &Options,
) -> Result<(), TestCaseError> {
    prop_assert!(!answers.is_empty() && answers.len() <= options.top_k.get());
    let length = context.chars().count();
    for found in answers {
        prop_assert!(
            found.start <= found.end && found.end <= length,
            "{:?}",
            found
        );
        let characters = context.chars().skip(found.start);
        let text: String = characters.take(found.end - found.start).collect();
        prop_assert_eq!(&found.text, &text);
        prop_assert!(found.score.is_finite() && found.score >= 0.0);
    }
    let sorted = answers
        .windows(2)
        .all(|pair| pair[0].score >= pair[1].score);
    prop_assert!(sorted);
    Ok(())
}

/// Text of words and characters that tokenizers treat in special ways, and of random characters.
fn awkward_text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(KNOWN).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => any::<String>(),
        1 => prop::char::range('\0', '\u{9f}').prop_map(String::from),
        1 => prop::char::range('\u{300}', '\u{36f}').prop_map(|mark| format!("a{mark}{mark}")),
        1 => prop::char::range('\u{1f300}', '\u{1faff}').prop_map(String::from),
        1 => prop::char::range('\u{590}', '\u{6ff}').prop_map(String::from),
        1 => (prop::sample::select(KNOWN), 1_usize..60).prop_map(|(part, times)| part.repeat(times).replace(' ', "x")),
    ];
    let text = prop::collection::vec(piece, pieces).prop_map(|pieces| pieces.concat());
    text.prop_filter("empty texts are refused before", |text| !text.is_empty())
}

const KNOWN: &[&str] = &[
    "word",
    " ",
    "It's",
    "antidisestablishmentarianism",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "é",
    "e\u{301}",
    "\u{301}",
    "🎉",
    "👩‍👩‍👧",
    "東京",
    "القاهرة",
    "שָׁלוֹם",
    "İ",
    "ς",
    "ﬁ",
    "\0",
    "\r\n",
    "\u{200d}",
    "\u{202e}",
    "$9.99",
    "\u{10fffd}",
    "<s>",
    "</s>",
    "<mask>",
    "▁",
    "Ġ",
    "\u{feff}",
    "\u{e000}",
];

fn any_options() -> impl Strategy<Value = Options> {
    let size =
        |from: usize, to: usize| (from..to).prop_map(|size| NonZeroUsize::new(size).unwrap());
    (
        prop_oneof![size(1, 8), size(1, 60), Just(NonZeroUsize::MAX)],
        prop::option::of(0_usize..40),
        prop_oneof![size(1, 20), Just(NonZeroUsize::MAX)],
        prop::option::of(size(1, 100)),
        any::<(bool, bool)>(),
        prop::sample::select(vec![Compat::V4_57, Compat::V4_52]),
    )
        .prop_map(
            |(
                top_k,
                doc_stride,
                max_answer_len,
                max_seq_len,
                (handle_impossible_answer, align_to_words),
                compat,
            )| Options {
                top_k,
                doc_stride,
                max_answer_len,
                max_seq_len,
                handle_impossible_answer,
                align_to_words,
                compat,
            },
        )
}

/// Backend with logits up to `strength`. A logit depends only on the token and its position.
#[derive(Debug)]
struct PseudoRandom {
    strength: f32,
}

impl Backend for PseudoRandom {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let logits = |salt: usize| {
            let sequences = batch.sequences();
            let logits = sequences.flat_map(|range| batch.input_ids[range].iter().enumerate());
            let logits = logits.map(|(place, &id)| {
                let logit = (id as usize * 31 + place * salt) % 801;
                (logit as f32 / 400.0 - 1.0) * self.strength
            });
            logits.collect()
        };
        Ok(Logits {
            start: logits(7),
            end: logits(11),
        })
    }
}
