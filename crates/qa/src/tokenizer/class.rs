//! The tokenizer classes of transformers: what each sets, whatever `tokenizer.json` says.

use std::path::{Path, PathBuf};

use super::Vocabulary;
use super::special::{ADDITIONAL, SpecialToken};
use crate::error::ModelError;

/// A class of tokenizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenizerClass {
    name: &'static str,
    pub(crate) kind: Kind,
    /// `true` if models get the segment of each token unless the settings say otherwise.
    pub(crate) token_types: bool,
}

/// The settings and files that a class has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// BERT's: `do_lower_case`, `strip_accents` and `tokenize_chinese_chars`; `vocab.txt`.
    WordPiece,
    /// RoBERTa's: `add_prefix_space` and `trim_offsets`; `vocab.json` and `merges.txt`.
    ByteLevel,
    /// ALBERT's, from a model of `sentencepiece`.
    Albert,
    /// Of XLM-R, from a model of `sentencepiece`.
    XlmRoberta,
    /// As XLM-R's, with three more special tokens.
    Camembert,
    /// Anything that `tokenizer.json` describes.
    Plain,
}

const CLASSES: [TokenizerClass; 15] = {
    const fn class(name: &'static str, kind: Kind, token_types: bool) -> TokenizerClass {
        TokenizerClass {
            name,
            kind,
            token_types,
        }
    }
    [
        class("BertTokenizer", Kind::WordPiece, true),
        class("DistilBertTokenizer", Kind::WordPiece, false),
        class("ElectraTokenizer", Kind::WordPiece, true),
        class("MobileBertTokenizer", Kind::WordPiece, true),
        class("AlbertTokenizer", Kind::Albert, true),
        class("RobertaTokenizer", Kind::ByteLevel, false),
        class("XLMRobertaTokenizer", Kind::XlmRoberta, false),
        class("CamembertTokenizer", Kind::Camembert, false),
        class("PreTrainedTokenizer", Kind::Plain, true),
        class("ConvBertTokenizer", Kind::WordPiece, true),
        class("LayoutLMTokenizer", Kind::WordPiece, true),
        class("LxmertTokenizer", Kind::WordPiece, true),
        class("SqueezeBertTokenizer", Kind::WordPiece, true),
        class("LongformerTokenizer", Kind::ByteLevel, false),
        // What version 5 of transformers writes.
        class("TokenizersBackend", Kind::Plain, true),
    ]
};

impl TokenizerClass {
    /// The class that a settings file names, with or without `Fast` at the end; `path` names the file in errors.
    ///
    /// # Errors
    /// [`ModelError::TokenizerClass`].
    pub(crate) fn named(name: &str, path: PathBuf) -> Result<Self, ModelError> {
        let plain = name.strip_suffix("Fast").unwrap_or(name);
        let known = CLASSES.iter().find(|class| class.name == plain);
        known.copied().ok_or_else(|| ModelError::TokenizerClass {
            path,
            found: name.to_owned(),
            supported: CLASSES[..9].iter().map(|class| class.name).collect(),
        })
    }

    /// The class of a model type where no settings file names one.
    pub(crate) fn of_model_type(model_type: &str) -> Self {
        let name = match model_type {
            "distilbert" => "DistilBertTokenizer",
            "electra" => "ElectraTokenizer",
            "mobilebert" => "MobileBertTokenizer",
            "albert" => "AlbertTokenizer",
            "roberta" => "RobertaTokenizer",
            "xlm-roberta" => "XLMRobertaTokenizer",
            "camembert" => "CamembertTokenizer",
            _ => "BertTokenizer",
        };
        Self::named(name, Path::new(name).to_owned()).unwrap_or(CLASSES[0])
    }

    /// # Errors
    /// Says that the class does not take such a vocabulary.
    pub(crate) fn takes(self, vocabulary: Vocabulary<'_>) -> Result<(), String> {
        match (self.kind, vocabulary) {
            (Kind::WordPiece, Vocabulary::WordPiece(_))
            | (Kind::ByteLevel, Vocabulary::ByteLevel { .. }) => Ok(()),
            (_, Vocabulary::WordPiece(_)) => Err(format!("{} takes no vocab.txt", self.name)),
            (_, Vocabulary::ByteLevel { .. }) => {
                Err(format!("{} takes no vocab.json and merges.txt", self.name))
            }
        }
    }

    /// The special tokens that the class has unless the settings name others, each under its setting.
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
