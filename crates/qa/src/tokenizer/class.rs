//! Tokenizer classes of transformers, with their defaults.

use std::path::PathBuf;

use super::Vocabulary;
use super::special::{ADDITIONAL, SpecialToken};
use crate::error::ModelError;
use crate::family::FAMILIES;

/// Tokenizer class of transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenizerClass {
    name: &'static str,
    pub(crate) kind: Kind,
    /// Default of whether the model takes the segment of each token.
    pub(crate) token_types: bool,
}

/// Settings and files of a tokenizer class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// BERT: settings `do_lower_case`, `strip_accents` and `tokenize_chinese_chars`; file `vocab.txt`.
    WordPiece,
    /// RoBERTa: settings `add_prefix_space` and `trim_offsets`; files `vocab.json` and `merges.txt`.
    ByteLevel,
    /// ALBERT: based on a `sentencepiece` model.
    Albert,
    /// XLM-R: based on a `sentencepiece` model.
    XlmRoberta,
    /// Camembert: like XLM-R, with three more special tokens.
    Camembert,
    /// Only `tokenizer.json`, without settings.
    Plain,
}

/// Class of tokenizers that have no class of their own.
const PLAIN: TokenizerClass = TokenizerClass::new("PreTrainedTokenizer", Kind::Plain, true);

/// Classes that are not the default of a family.
const OTHERS: [TokenizerClass; 7] = [
    PLAIN,
    TokenizerClass::new("ConvBertTokenizer", Kind::WordPiece, true),
    TokenizerClass::new("LayoutLMTokenizer", Kind::WordPiece, true),
    TokenizerClass::new("LxmertTokenizer", Kind::WordPiece, true),
    TokenizerClass::new("SqueezeBertTokenizer", Kind::WordPiece, true),
    TokenizerClass::new("LongformerTokenizer", Kind::ByteLevel, false),
    // Version 5 of transformers writes this name.
    TokenizerClass::new("TokenizersBackend", Kind::Plain, true),
];

impl TokenizerClass {
    /// A class whose models take the segment of each token if `token_types` is `true`.
    pub(crate) const fn new(name: &'static str, kind: Kind, token_types: bool) -> Self {
        Self {
            name,
            kind,
            token_types,
        }
    }

    /// The class that a settings file names, with or without `Fast` at the end. `path` names the file in errors.
    ///
    /// # Errors
    /// [`ModelError::TokenizerClass`].
    pub(crate) fn named(name: &str, path: PathBuf) -> Result<Self, ModelError> {
        let plain = name.strip_suffix("Fast").unwrap_or(name);
        let known = || FAMILIES.iter().map(|family| family.tokenizer);
        let found = known().chain(OTHERS).find(|class| class.name == plain);
        found.ok_or_else(|| ModelError::TokenizerClass {
            path,
            found: name.to_owned(),
            supported: known().chain([PLAIN]).map(|class| class.name).collect(),
        })
    }

    /// Checks that the class has this kind of vocabulary files.
    ///
    /// # Errors
    /// Name of the class and the files.
    pub(crate) fn takes(self, vocabulary: Vocabulary<'_>) -> Result<(), String> {
        match (self.kind, vocabulary) {
            (Kind::WordPiece, Vocabulary::WordPiece(_))
            | (Kind::ByteLevel, Vocabulary::ByteLevel { .. }) => Ok(()),
            (_, Vocabulary::WordPiece(_)) => Err(format!("{} cannot use vocab.txt", self.name)),
            (_, Vocabulary::ByteLevel { .. }) => Err(format!(
                "{} cannot use vocab.json and merges.txt",
                self.name
            )),
        }
    }

    /// Default special tokens of the class, each with its setting.
    pub(crate) fn special_tokens(self) -> Vec<(&'static str, SpecialToken)> {
        let [bos, eos, unknown, separator, padding, class, mask] = match self.kind {
            Kind::Plain => return Vec::new(),
            Kind::WordPiece => ["", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"],
            Kind::Albert => [
                "[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]",
            ],
            Kind::ByteLevel | Kind::XlmRoberta | Kind::Camembert => {
                ["<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"]
            }
        };
        let mut tokens: Vec<_> = [
            ("bos_token", bos),
            ("eos_token", eos),
            ("unk_token", unknown),
            ("sep_token", separator),
            ("pad_token", padding),
            ("cls_token", class),
            ("mask_token", mask),
        ]
        .into_iter()
        .filter(|(_, content)| !content.is_empty())
        .map(|(setting, content)| (setting, SpecialToken::Bare(content.to_owned())))
        .collect();
        if self.kind == Kind::Camembert {
            let unused = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"];
            let unused = unused.map(|content| {
                let setting = ADDITIONAL;
                (setting, SpecialToken::Bare(content.to_owned()))
            });
            tokens.extend(unused);
        }
        tokens
    }
}
