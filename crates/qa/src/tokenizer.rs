//! Tokenizer of a model, as in transformers: `tokenizer.json` or vocabulary files, with the settings of the folder.
//!
//! Settings override `tokenizer.json`. A missing setting has the default of the tokenizer class and overrides it too.

pub(crate) mod class;
pub(crate) mod special;
mod vocabulary;

use serde_json::{Map, Value};
use tokenizers::utils::padding::PaddingDirection;
use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer};

use self::class::{Kind, TokenizerClass};
use self::special::DeclaredTokens;
use crate::error::BackendError;

pub(crate) use self::vocabulary::{Vocabulary, tokenizer_json};

/// Settings of a tokenizer, including defaults.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the settings are those of transformers"
)]
pub(crate) struct TokenizerSettings {
    pub(crate) class: TokenizerClass,
    pub(crate) tokens: DeclaredTokens,
    /// `model_max_length`: the intended maximum sequence length, in tokens.
    pub(crate) model_max_length: usize,
    /// `true` if the model takes the segment of each token.
    pub(crate) token_types: bool,
    /// `None` if `tokenizer.json` sets the side.
    padding_side: Option<Side>,
    truncation_side: Option<Side>,
    split_special_tokens: bool,
    lowercase: bool,
    strip_accents: Option<bool>,
    handle_chinese_chars: bool,
    add_prefix_space: bool,
    trim_offsets: bool,
}

/// Side of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Tokenizer with the settings that windows depend on.
#[derive(Debug)]
pub(crate) struct LoadedTokenizer {
    pub(crate) tokenizer: Tokenizer,
    /// Side of a context at which the first window leaves out tokens.
    pub(crate) truncation_side: Side,
    pub(crate) padding_side: Side,
    /// `true` if the code points of the first token of a sequence include the space before it.
    pub(crate) keeps_first_space: bool,
}

impl TokenizerSettings {
    /// Settings in `tokenizer_config.json`, with the defaults of `class`.
    ///
    /// # Errors
    /// Name and value of the invalid setting.
    pub(crate) fn read(
        settings: &Map<String, Value>,
        class: TokenizerClass,
        tokens: DeclaredTokens,
    ) -> Result<Self, String> {
        let flag = |name: &str, default: bool| match settings.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| format!("`{name}` is {value}, not true or false")),
        };
        let inputs = settings.get("model_input_names").and_then(Value::as_array);
        let strip_accents = match settings.get("strip_accents") {
            None | Some(Value::Null) => None,
            Some(_) => Some(flag("strip_accents", false)?),
        };
        Ok(Self {
            class,
            tokens,
            model_max_length: model_max_length(settings),
            token_types: inputs.map_or(class.token_types, |inputs| {
                inputs.iter().any(|name| name == "token_type_ids")
            }),
            padding_side: Side::read(settings, "padding_side")?,
            truncation_side: Side::read(settings, "truncation_side")?,
            split_special_tokens: flag("split_special_tokens", false)?,
            lowercase: flag("do_lower_case", true)?,
            strip_accents,
            handle_chinese_chars: flag("tokenize_chinese_chars", true)?,
            add_prefix_space: flag("add_prefix_space", false)?,
            trim_offsets: flag("trim_offsets", true)?,
        })
    }

    /// Tokenizer of a `tokenizer.json` with these settings, without truncation and padding.
    ///
    /// # Errors
    /// Errors of the tokenizers library.
    pub(crate) fn load(&self, json: &[u8]) -> Result<LoadedTokenizer, BackendError> {
        let mut tokenizer = Tokenizer::from_bytes(json)?;
        let truncation = tokenizer
            .get_truncation()
            .map(|truncation| truncation.direction);
        let padding = tokenizer.get_padding().map(|padding| padding.direction);
        tokenizer.with_truncation(None)?;
        tokenizer.with_padding(None);
        self.tokens.add_to(&mut tokenizer);
        self.set_prefix_space(&mut tokenizer);
        match self.class.kind {
            Kind::WordPiece => self.set_normalizer(&mut tokenizer),
            Kind::ByteLevel => self.set_post_processor(&mut tokenizer),
            Kind::Albert | Kind::XlmRoberta | Kind::Camembert | Kind::Plain => {}
        }
        tokenizer.set_encode_special_tokens(self.split_special_tokens);
        let truncation = truncation.map(|direction| match direction {
            TruncationDirection::Left => Side::Left,
            TruncationDirection::Right => Side::Right,
        });
        let padding = padding.map(|direction| match direction {
            PaddingDirection::Left => Side::Left,
            PaddingDirection::Right => Side::Right,
        });
        Ok(LoadedTokenizer {
            keeps_first_space: tokenizer
                .get_post_processor()
                .is_some_and(keeps_first_space),
            tokenizer,
            truncation_side: self.truncation_side.or(truncation).unwrap_or(Side::Right),
            padding_side: self.padding_side.or(padding).unwrap_or(Side::Right),
        })
    }

    fn set_prefix_space(&self, tokenizer: &mut Tokenizer) {
        if let Some(PreTokenizerWrapper::ByteLevel(byte_level)) = tokenizer.get_pre_tokenizer() {
            let byte_level = byte_level.add_prefix_space(self.add_prefix_space);
            tokenizer.with_pre_tokenizer(Some(byte_level));
        }
    }

    fn set_normalizer(&self, tokenizer: &mut Tokenizer) {
        if let Some(NormalizerWrapper::BertNormalizer(bert)) = tokenizer.get_normalizer() {
            let mut bert = *bert;
            bert.lowercase = self.lowercase;
            bert.strip_accents = self.strip_accents;
            bert.handle_chinese_chars = self.handle_chinese_chars;
            tokenizer.with_normalizer(Some(bert));
        }
    }

    fn set_post_processor(&self, tokenizer: &mut Tokenizer) {
        let changed = match tokenizer.get_post_processor() {
            Some(PostProcessorWrapper::Roberta(roberta)) => {
                let roberta = roberta.clone().add_prefix_space(self.add_prefix_space);
                PostProcessorWrapper::from(roberta.trim_offsets(self.trim_offsets))
            }
            Some(PostProcessorWrapper::ByteLevel(byte_level)) => {
                let byte_level = byte_level.add_prefix_space(self.add_prefix_space);
                PostProcessorWrapper::from(byte_level.trim_offsets(self.trim_offsets))
            }
            _ => return,
        };
        tokenizer.with_post_processor(Some(changed));
    }
}

fn keeps_first_space(post_processor: &PostProcessorWrapper) -> bool {
    match post_processor {
        PostProcessorWrapper::Roberta(roberta) => roberta.trim_offsets && roberta.add_prefix_space,
        PostProcessorWrapper::ByteLevel(bytes) => bytes.trim_offsets && bytes.add_prefix_space,
        PostProcessorWrapper::Sequence(several) => several.as_ref().iter().any(keeps_first_space),
        PostProcessorWrapper::Bert(_) | PostProcessorWrapper::Template(_) => false,
    }
}

impl Side {
    fn read(settings: &Map<String, Value>, name: &str) -> Result<Option<Self>, String> {
        match settings.get(name) {
            None => Ok(None),
            Some(value) if value == "right" => Ok(Some(Self::Right)),
            Some(value) if value == "left" => Ok(Some(Self::Left)),
            Some(value) => Err(format!("`{name}` is {value}, not \"left\" or \"right\"")),
        }
    }
}

/// `model_max_length`, called `max_len` in older versions of transformers.
fn model_max_length(settings: &Map<String, Value>) -> usize {
    let length = settings
        .get("model_max_length")
        .or_else(|| settings.get("max_len"));
    // Tokenizers without a limit have 1e30 here. The cast saturates, so that the other limits apply.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a saturated limit is no limit"
    )]
    length
        .and_then(Value::as_f64)
        .map_or(usize::MAX, |length| length as usize)
}
