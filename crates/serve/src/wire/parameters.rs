//! Parameters of the pipeline, the same in all APIs.

use std::num::NonZeroUsize;

use bakeoff_qa::{Compat, Options};
use serde::Serialize;
use utoipa::ToSchema;

use super::{fields::Fields, offsets::Offsets};

/// Parsed parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) options: Options,
    pub(crate) offsets: Offsets,
}

impl Parameters {
    /// Reads the parameters from `fields`, which collects the problems. Unknown keys are ignored.
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
        // Only the type is checked. The pipeline ignores the value with fast tokenizers.
        let _: Option<NonZeroUsize> = fields.positive("max_question_len");
        let offsets = fields.choice("offsets", &Offsets::NAMED);
        Self {
            options,
            offsets: offsets.unwrap_or_default(),
        }
    }
}

/// Options for finding answers, with the names and defaults of transformers' question-answering pipeline. Null is the default.
//
// For the description only. `Parameters::read` reads the parameters.
#[derive(Serialize, ToSchema)]
#[schema(as = Parameters, example = json!({ "top_k": 2 }))]
pub(crate) struct ParametersBody {
    /// Maximum number of answers.
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    top_k: Option<usize>,
    /// Old name of `top_k`. If both are given, `top_k` counts.
    #[schema(minimum = 1, maximum = 1000, deprecated)]
    topk: Option<usize>,
    /// Number of tokens that consecutive windows share. The default is half of `max_seq_len`, at most 128.
    #[schema(minimum = 0, maximum = 1000)]
    doc_stride: Option<usize>,
    /// Maximum length of an answer, in tokens.
    #[schema(minimum = 1, maximum = 1000, default = 15)]
    max_answer_len: Option<usize>,
    /// Maximum length of a window in tokens, including the question and special tokens. The default is 384, or less if the model
    /// takes less.
    #[schema(minimum = 1, maximum = 1000)]
    max_seq_len: Option<usize>,
    /// Ignored, as in the pipeline with a fast tokenizer.
    #[schema(minimum = 1, maximum = 1000, default = 64)]
    max_question_len: Option<usize>,
    /// `true` if "no answer" (an empty text) is a possible answer.
    #[schema(default = false)]
    handle_impossible_answer: Option<bool>,
    /// `true` if answers are extended to whole words.
    #[schema(default = true)]
    align_to_words: Option<bool>,
    /// Unit of `start` and `end`: Unicode code points as in Python, UTF-16 code units as in JavaScript, or bytes of UTF-8.
    #[schema(default = "code_points")]
    offsets: Option<OffsetsBody>,
}

/// Unit of `start` and `end`.
#[derive(Serialize, ToSchema)]
#[schema(as = Offsets)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum OffsetsBody {
    CodePoints,
    Utf16,
    Bytes,
}
