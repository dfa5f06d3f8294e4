//! Model families that answer questions here. A new family is one entry in [`FAMILIES`].
//!
//! A family runs from an ONNX file. The encoder runs safetensors of the families in its own table.

use crate::tokenizer::class::{Kind, TokenizerClass};

/// A model family, with its names in transformers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// Class of the question-answering model.
    pub(crate) architecture: &'static str,
    /// `model_type` in `config.json`.
    pub(crate) model_type: &'static str,
    /// Position of the first token.
    pub(crate) positions: Positions,
    /// Class of the tokenizer, unless a settings file names another class.
    pub(crate) tokenizer: TokenizerClass,
}

/// Position of the first token of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positions {
    /// Position 0.
    FromZero,
    /// The position after `pad_token_id`.
    AfterPadding,
}

/// All families, in the order of error messages.
pub(crate) static FAMILIES: [Family; 8] = [
    Family {
        architecture: "BertForQuestionAnswering",
        model_type: "bert",
        positions: Positions::FromZero,
        tokenizer: TokenizerClass::new("BertTokenizer", Kind::WordPiece, true),
    },
    Family {
        architecture: "DistilBertForQuestionAnswering",
        model_type: "distilbert",
        positions: Positions::FromZero,
        tokenizer: TokenizerClass::new("DistilBertTokenizer", Kind::WordPiece, false),
    },
    Family {
        architecture: "ElectraForQuestionAnswering",
        model_type: "electra",
        positions: Positions::FromZero,
        tokenizer: TokenizerClass::new("ElectraTokenizer", Kind::WordPiece, true),
    },
    Family {
        architecture: "MobileBertForQuestionAnswering",
        model_type: "mobilebert",
        positions: Positions::FromZero,
        tokenizer: TokenizerClass::new("MobileBertTokenizer", Kind::WordPiece, true),
    },
    Family {
        architecture: "AlbertForQuestionAnswering",
        model_type: "albert",
        positions: Positions::FromZero,
        tokenizer: TokenizerClass::new("AlbertTokenizer", Kind::Albert, true),
    },
    Family {
        architecture: "RobertaForQuestionAnswering",
        model_type: "roberta",
        positions: Positions::AfterPadding,
        tokenizer: TokenizerClass::new("RobertaTokenizer", Kind::ByteLevel, false),
    },
    Family {
        architecture: "XLMRobertaForQuestionAnswering",
        model_type: "xlm-roberta",
        positions: Positions::AfterPadding,
        tokenizer: TokenizerClass::new("XLMRobertaTokenizer", Kind::XlmRoberta, false),
    },
    Family {
        architecture: "CamembertForQuestionAnswering",
        model_type: "camembert",
        positions: Positions::AfterPadding,
        tokenizer: TokenizerClass::new("CamembertTokenizer", Kind::Camembert, false),
    },
];
