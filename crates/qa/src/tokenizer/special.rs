//! Special and added tokens in the settings of a tokenizer.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use super::class::{Kind, TokenizerClass};

/// Setting with a list of special tokens.
pub(crate) const ADDITIONAL: &str = "additional_special_tokens";

/// Setting with the added tokens by id.
pub(crate) const ADDED_TOKENS_DECODER: &str = "added_tokens_decoder";

/// Settings with one special token each.
const SETTINGS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// Special token in a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SpecialToken {
    /// Text only. The token is added only if no added token has this text.
    Bare(String),
    /// Text and matching options. They replace those of an added token with the same text.
    Declared(DeclaredToken),
}

/// Token with its matching options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields are those of transformers"
)]
pub(crate) struct DeclaredToken {
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    /// `None` is the opposite of `special`.
    normalized: Option<bool>,
    special: bool,
}

/// All tokens in the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeclaredTokens {
    /// Added tokens by id.
    added: BTreeMap<u64, DeclaredToken>,
    special: Vec<SpecialToken>,
    /// Setting and text of each special token.
    by_setting: Vec<(&'static str, String)>,
}

impl SpecialToken {
    fn content(&self) -> &str {
        match self {
            Self::Bare(content) => content,
            Self::Declared(token) => &token.content,
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(content) => Some(Self::Bare(content.clone())),
            value => DeclaredToken::read(value).map(Self::Declared),
        }
    }
}

impl DeclaredToken {
    fn new(content: &str, special: bool) -> Self {
        Self {
            content: content.to_owned(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: None,
            special,
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let content = value.get("content")?.as_str()?;
        let flag = |name| value.get(name).and_then(Value::as_bool);
        Some(Self {
            single_word: flag("single_word").unwrap_or(false),
            lstrip: flag("lstrip").unwrap_or(false),
            rstrip: flag("rstrip").unwrap_or(false),
            normalized: flag("normalized"),
            ..Self::new(content, flag("special").unwrap_or(false))
        })
    }

    fn as_added(&self) -> AddedToken {
        AddedToken::from(self.content.as_str(), self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized.unwrap_or(!self.special))
    }
}

/// Files of older versions of transformers. They are used if `tokenizer_config.json` does not list the added tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LegacyTokens<'a> {
    /// Content of `special_tokens_map.json`.
    pub(crate) special_tokens_map: Option<&'a Map<String, Value>>,
    /// Content of `added_tokens.json`.
    pub(crate) added_tokens: Option<&'a Map<String, Value>>,
    /// Added tokens in `tokenizer.json`.
    pub(crate) in_tokenizer: &'a [Value],
}

impl DeclaredTokens {
    /// Tokens in `tokenizer_config.json`, in the older files, and of the tokenizer class.
    pub(crate) fn read(
        settings: &Map<String, Value>,
        legacy: LegacyTokens<'_>,
        class: TokenizerClass,
    ) -> Self {
        let mut settings = settings.clone();
        let listed = settings
            .get(ADDED_TOKENS_DECODER)
            .and_then(Value::as_object);
        let added = if let Some(listed) = listed {
            let tokens = listed.iter();
            tokens
                .filter_map(|(id, token)| Some((id.parse().ok()?, DeclaredToken::read(token)?)))
                .collect()
        } else {
            merge_special_tokens_map(&mut settings, legacy.special_tokens_map);
            legacy.added(&settings)
        };
        let mut special = special_tokens(&settings, class, &added);
        let named = special.iter();
        let by_setting = named
            .map(|(setting, token)| (*setting, token.content().to_owned()))
            .collect();
        let mut seen = HashSet::new();
        special.retain(|(_, token)| seen.insert(token.content().to_owned()));
        let special = special.into_iter().map(|(_, token)| token).collect();
        Self {
            added,
            special,
            by_setting,
        }
    }

    /// Special token of a setting, for example `cls_token`.
    pub(crate) fn token(&self, setting: &str) -> Option<&str> {
        let found = self.by_setting.iter().find(|(name, _)| *name == setting);
        found.map(|(_, content)| content.as_str())
    }

    /// Adds missing tokens to `tokenizer`, and applies the matching options of the settings.
    pub(crate) fn add_to(&self, tokenizer: &mut Tokenizer) {
        let mut tokens: Vec<DeclaredToken> = self.added.values().cloned().collect();
        let there = tokenizer.get_added_tokens_decoder();
        let mut known: HashSet<String> = there.into_values().map(|token| token.content).collect();
        known.extend(tokens.iter().map(|token| token.content.clone()));
        for special in &self.special {
            match special {
                SpecialToken::Bare(content) if !known.contains(content) => {
                    tokens.push(DeclaredToken::new(content, true));
                }
                SpecialToken::Declared(token) if !tokens.contains(token) => {
                    tokens.push(token.clone());
                }
                _ => {}
            }
        }
        for token in &mut tokens {
            let is_special = |special: &SpecialToken| special.content() == token.content;
            token.special |= self.special.iter().any(is_special);
        }
        let tokens: Vec<AddedToken> = tokens.iter().map(DeclaredToken::as_added).collect();
        tokenizer.add_tokens(&tokens);
    }
}

impl LegacyTokens<'_> {
    fn added(self, settings: &Map<String, Value>) -> BTreeMap<u64, DeclaredToken> {
        let special: HashSet<String> = SETTINGS
            .iter()
            .filter_map(|setting| settings.get(*setting))
            .chain(additional(settings))
            .filter_map(SpecialToken::read)
            .map(|token| token.content().to_owned())
            .collect();
        let mut added = BTreeMap::new();
        for (content, id) in self.added_tokens.into_iter().flatten() {
            let token = DeclaredToken::new(content, special.contains(content));
            added.extend(id.as_u64().map(|id| (id, token)));
        }
        for token in self.in_tokenizer {
            let id = token.get("id").and_then(Value::as_u64);
            added.extend(id.zip(DeclaredToken::read(token)));
        }
        added
    }
}

/// Replaces settings of `tokenizer_config.json` by those of `special_tokens_map.json`.
fn merge_special_tokens_map(settings: &mut Map<String, Value>, map: Option<&Map<String, Value>>) {
    for (setting, value) in map.into_iter().flatten() {
        let mut value = value.clone();
        if setting == ADDITIONAL {
            let before: Vec<Value> = additional(settings).cloned().collect();
            let more = value.as_array().cloned().unwrap_or_default();
            value = before.into_iter().chain(more).collect();
        }
        let mut tokens = match &mut value {
            Value::Array(list) => list.iter_mut().collect(),
            one => vec![one],
        };
        for token in tokens.iter_mut().filter_map(|token| token.as_object_mut()) {
            token.insert("special".to_owned(), Value::Bool(true));
        }
        settings.insert(setting.clone(), value);
    }
}

fn additional(settings: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let list = settings.get(ADDITIONAL).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// Special tokens with their settings, in the order of the settings.
fn special_tokens(
    settings: &Map<String, Value>,
    class: TokenizerClass,
    added: &BTreeMap<u64, DeclaredToken>,
) -> Vec<(&'static str, SpecialToken)> {
    let defaults = class.special_tokens();
    let default = |setting: &str| {
        let found = defaults.iter().filter(move |(name, _)| *name == setting);
        found.map(|(_, token)| token.clone()).collect::<Vec<_>>()
    };
    let mut special = Vec::new();
    for setting in SETTINGS {
        let Some(value) = settings.get(setting) else {
            special.extend(default(setting).into_iter().map(|token| (setting, token)));
            continue;
        };
        let token = SpecialToken::read(value).map(|token| {
            let declared = added
                .values()
                .find(|added| added.content == token.content());
            declared.map_or(token, |added| SpecialToken::Declared(added.clone()))
        });
        special.extend(token.map(|token| (setting, token)));
    }
    match settings.get(ADDITIONAL) {
        None => special.extend(
            default(ADDITIONAL)
                .into_iter()
                .map(|token| (ADDITIONAL, token)),
        ),
        Some(_) => special.extend(
            additional(settings)
                .filter_map(SpecialToken::read)
                .map(|token| (ADDITIONAL, token)),
        ),
    }
    for (setting, token) in &mut special {
        if let ("mask_token", SpecialToken::Bare(content)) = (*setting, &*token) {
            *token = mask_token(content.clone(), class);
        }
    }
    special
}

/// Mask token of a class. In most classes it includes the space before it, because it stands for a word.
fn mask_token(content: String, class: TokenizerClass) -> SpecialToken {
    let normalized = match class.kind {
        Kind::WordPiece | Kind::Plain => return SpecialToken::Bare(content),
        Kind::ByteLevel | Kind::Albert => Some(false),
        Kind::XlmRoberta | Kind::Camembert => None,
    };
    SpecialToken::Declared(DeclaredToken {
        lstrip: true,
        normalized,
        ..DeclaredToken::new(&content, true)
    })
}
