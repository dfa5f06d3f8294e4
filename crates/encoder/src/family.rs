//! Model families whose weights the encoder reads. A new family is one entry in [`FAMILIES`].

/// A model family: its names in transformers, the names of its weights, and the defaults of its `config.json`.
#[derive(Debug, PartialEq)]
pub(crate) struct Family {
    /// Class of the question-answering model in transformers.
    pub(crate) architecture: &'static str,
    /// `model_type` in `config.json`.
    pub(crate) model_type: &'static str,
    /// Prefix of all weight names except the head's. A model saved without its head's class lacks the prefix.
    pub(crate) prefix: &'static str,
    /// Weight names within a layer.
    pub(crate) names: Names,
    /// Default number of layers.
    pub(crate) layers: usize,
    /// Default number of tokens in the vocabulary.
    pub(crate) vocabulary: usize,
    /// Position of the first token.
    pub(crate) positions: Positions,
    /// Default number of token types; `None` if the family has no token types.
    pub(crate) token_types: Option<usize>,
    /// `true` if `config.json` sets the epsilon of layer normalization.
    pub(crate) epsilon_is_a_setting: bool,
}

/// Position of the first token of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positions {
    /// Position 0.
    FromZero,
    /// The position after `pad_token_id`. Padding tokens have the position `pad_token_id`.
    AfterPadding,
}

/// Weight names within a layer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// Name of a layer, without its index.
    pub(crate) layer: &'static str,
    /// Query, key and value.
    pub(crate) projections: [&'static str; 3],
    pub(crate) attention_output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) output_norm: &'static str,
}

/// All families, in the order of error messages.
pub(crate) static FAMILIES: [Family; 5] = [
    BERT,
    Family {
        architecture: "DistilBertForQuestionAnswering",
        model_type: "distilbert",
        prefix: "distilbert.",
        names: Names {
            layer: "transformer.layer",
            projections: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
            attention_output: "attention.out_lin",
            attention_norm: "sa_layer_norm",
            up: "ffn.lin1",
            down: "ffn.lin2",
            output_norm: "output_layer_norm",
        },
        layers: 6,
        token_types: None,
        epsilon_is_a_setting: false,
        ..BERT
    },
    ROBERTA,
    Family {
        architecture: "XLMRobertaForQuestionAnswering",
        model_type: "xlm-roberta",
        ..ROBERTA
    },
    Family {
        architecture: "CamembertForQuestionAnswering",
        model_type: "camembert",
        ..ROBERTA
    },
];

const BERT: Family = Family {
    architecture: "BertForQuestionAnswering",
    model_type: "bert",
    prefix: "bert.",
    names: Names {
        layer: "encoder.layer",
        projections: [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
        ],
        attention_output: "attention.output.dense",
        attention_norm: "attention.output.LayerNorm",
        up: "intermediate.dense",
        down: "output.dense",
        output_norm: "output.LayerNorm",
    },
    layers: 12,
    vocabulary: 30_522,
    positions: Positions::FromZero,
    token_types: Some(2),
    epsilon_is_a_setting: true,
};

const ROBERTA: Family = Family {
    architecture: "RobertaForQuestionAnswering",
    model_type: "roberta",
    prefix: "roberta.",
    vocabulary: 50_265,
    positions: Positions::AfterPadding,
    ..BERT
};

/// `true` if the encoder runs models of `architecture`, a class of transformers such as `BertForQuestionAnswering`.
pub fn runs(architecture: &str) -> bool {
    FAMILIES
        .iter()
        .any(|family| family.architecture == architecture)
}

/// Class names of all families, for error messages.
pub(crate) fn supported() -> String {
    let names: Vec<&str> = FAMILIES.iter().map(|family| family.architecture).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
