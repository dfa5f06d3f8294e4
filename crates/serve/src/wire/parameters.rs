//! How to look for answers: the pipeline's parameters, which every API takes.

use std::num::NonZeroUsize;

use bakeoff_qa::{Compat, Options};
use serde::Serialize;
use utoipa::ToSchema;

use super::offsets::Offsets;
use crate::fields::Fields;

/// Parameters as read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) options: Options,
    pub(crate) offsets: Offsets,
}

impl Parameters {
    /// Takes the parameters from `fields` and leaves its problems there. Keys without a meaning are ignored.
    pub(crate) fn read(fields: &mut Fields, compat: Compat) -> Self {
        let defaults = Options::default();
        let old_name = fields.positive("topk");
        let options = Options {
            top_k: fields
                .positive("top_k")
                .or(old_name)
                .unwrap_or(defaults.top_k),
            doc_stride: fields.count("doc_stride"),
            max_answer_len: fields
                .positive("max_answer_len")
                .unwrap_or(defaults.max_answer_len),
            max_seq_len: fields.positive("max_seq_len"),
            handle_impossible_answer: fields
                .flag("handle_impossible_answer")
                .unwrap_or(defaults.handle_impossible_answer),
            align_to_words: fields
                .flag("align_to_words")
                .unwrap_or(defaults.align_to_words),
            compat,
        };
        // The pipeline takes it, and fast tokenizers take no notice of it: only its type is checked.
        let _: Option<NonZeroUsize> = fields.positive("max_question_len");
        let offsets = fields.choice("offsets", &Offsets::NAMED);
        Self {
            options,
            offsets: offsets.unwrap_or_default(),
        }
    }
}

/// How to look for answers, with the names and defaults of transformers' question-answering pipeline. Null is the default.
//
// As documented; `Parameters::read` reads it.
#[derive(Serialize, ToSchema)]
#[schema(as = Parameters, example = json!({ "top_k": 2 }))]
pub(crate) struct ParametersBody {
    /// How many answers at most.
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    top_k: Option<usize>,
    /// An old name of `top_k`, which wins where both are given.
    #[schema(minimum = 1, maximum = 1000, deprecated)]
    topk: Option<usize>,
    /// Tokens that neighbouring windows share; half of `max_seq_len`, at most 128, unless given.
    #[schema(minimum = 0, maximum = 1000)]
    doc_stride: Option<usize>,
    /// The longest answer, in tokens.
    #[schema(minimum = 1, maximum = 1000, default = 15)]
    max_answer_len: Option<usize>,
    /// The longest window in tokens, question and special tokens included; 384, or less where the model takes less,
    /// unless given.
    #[schema(minimum = 1, maximum = 1000)]
    max_seq_len: Option<usize>,
    /// Accepted for the sake of clients that send it; has no effect, as in the pipeline with a fast tokenizer.
    #[schema(minimum = 1, maximum = 1000, default = 64)]
    max_question_len: Option<usize>,
    /// Whether "no answer" (an empty text) competes with the spans.
    #[schema(default = false)]
    handle_impossible_answer: Option<bool>,
    /// Whether spans grow to whole words.
    #[schema(default = true)]
    align_to_words: Option<bool>,
    /// What `start` and `end` count: Unicode code points, as Python does; UTF-16 code units, as JavaScript does; or bytes
    /// of UTF-8.
    #[schema(default = "code_points")]
    offsets: Option<OffsetsBody>,
}

/// What `start` and `end` count.
#[derive(Serialize, ToSchema)]
#[schema(as = Offsets)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum OffsetsBody {
    CodePoints,
    Utf16,
    Bytes,
}
