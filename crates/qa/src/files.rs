//! The files of a model, in a folder or compiled in, and what their settings mean.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::Tokenizer;

use crate::error::ModelError;
use crate::guard;

/// Everything of a model but its weights, as read, not yet checked.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    name: String,
    folder: PathBuf,
    config: Cow<'static, [u8]>,
    tokenizer: Cow<'static, [u8]>,
    tokenizer_config: Option<Cow<'static, [u8]>>,
}

/// The file that holds the weights as a graph.
pub(crate) const ONNX: &str = "model.onnx";

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

impl ModelFiles {
    /// The settings and the tokenizer of the bundled model.
    #[cfg(feature = "bundled-model")]
    pub fn embedded() -> Self {
        Self {
            name: "minilm-squad".to_owned(),
            folder: PathBuf::from("the bundled model"),
            config: Cow::Borrowed(bundled::CONFIG),
            tokenizer: Cow::Borrowed(bundled::TOKENIZER),
            tokenizer_config: Some(Cow::Borrowed(bundled::TOKENIZER_CONFIG)),
        }
    }

    /// The contents of `config.json`, `tokenizer.json` and, where there is one, `tokenizer_config.json`, of a model that
    /// is called `name`.
    ///
    /// Nothing is checked yet: [`QuestionAnswering::with_backend`](crate::QuestionAnswering::with_backend) does that.
    /// Errors name the files as if they were in a folder of that name.
    pub fn from_bytes(
        name: impl Into<String>,
        config: impl Into<Cow<'static, [u8]>>,
        tokenizer: impl Into<Cow<'static, [u8]>>,
        tokenizer_config: Option<Cow<'static, [u8]>>,
    ) -> Self {
        let name = name.into();
        Self {
            folder: PathBuf::from(&name),
            name,
            config: config.into(),
            tokenizer: tokenizer.into(),
            tokenizer_config,
        }
    }

    /// Reads `config.json`, `tokenizer.json` and, where there is one, `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`ModelError::NoFolder`], [`ModelError::NoFile`] and [`ModelError::Read`].
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        if !folder.is_dir() {
            return Err(ModelError::NoFolder {
                folder: folder.to_owned(),
            });
        }
        let required = |file: &'static str| {
            read_if_there(&folder.join(file))?.ok_or_else(|| ModelError::NoFile {
                folder: folder.to_owned(),
                file,
            })
        };
        Ok(Self {
            name: name_of(folder),
            folder: folder.to_owned(),
            config: required(CONFIG)?.into(),
            tokenizer: required(TOKENIZER)?.into(),
            tokenizer_config: read_if_there(&folder.join(TOKENIZER_CONFIG))?.map(Cow::Owned),
        })
    }

    /// Whether a model of these files can be run, as far as that is seen without its weights.
    ///
    /// # Errors
    /// [`ModelError`] says what is wrong.
    pub fn check(&self) -> Result<(), ModelError> {
        self.settings()?;
        self.load_tokenizer().map(drop)
    }

    /// What the model is called: the folder's name, or in a cache of the Hugging Face Hub, whose folders are named by commits, the
    /// model's without its owner.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The files' contents, each under its name, in a fixed order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let tokenizer_config = self.tokenizer_config.as_deref();
        [(CONFIG, &*self.config), (TOKENIZER, &*self.tokenizer)]
            .into_iter()
            .chain(tokenizer_config.map(|content| (TOKENIZER_CONFIG, content)))
    }

    /// Where the weights are, or would be.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// config.json, as read.
    #[cfg(feature = "bundled-model")]
    pub(crate) fn config(&self) -> &[u8] {
        &self.config
    }

    /// What config.json and `tokenizer_config.json` say.
    pub(crate) fn settings(&self) -> Result<Settings, ModelError> {
        let config: Config = parse(&self.config, &self.folder.join(CONFIG))?;
        let architecture = config.architecture()?;
        let path = self.folder.join(TOKENIZER_CONFIG);
        let tokenizer: TokenizerConfig = match &self.tokenizer_config {
            Some(bytes) => parse(bytes, &path)?,
            None => TokenizerConfig::default(),
        };
        if tokenizer.padding_side.as_deref() == Some("left") {
            return Err(ModelError::PaddingSide { path });
        }
        Ok(Settings {
            architecture: architecture.name,
            positions: config.positions(architecture),
            // Tokenizers without a limit say 1e30; the cast saturates, so that the other limits decide.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a saturated limit is no limit"
            )]
            model_max_length: tokenizer
                .model_max_length
                .map_or(usize::MAX, |length| length as usize),
            cls_token: tokenizer.cls_token.map(SpecialToken::into_content),
        })
    }

    /// The tokenizer, with truncation and padding off: windows are ours.
    pub(crate) fn load_tokenizer(&self) -> Result<Tokenizer, ModelError> {
        let failed = |source| ModelError::Tokenizer {
            path: self.folder.join(TOKENIZER),
            source,
        };
        guard::no_panic(|| {
            let mut tokenizer = Tokenizer::from_bytes(&self.tokenizer)?;
            tokenizer.with_truncation(None)?;
            tokenizer.with_padding(None);
            Ok(tokenizer)
        })
        .map_err(failed)
    }
}

/// What the settings files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The class of transformers' that the model is.
    pub(crate) architecture: &'static str,
    /// The longest sequence that the model has positions for, in tokens.
    pub(crate) positions: usize,
    /// The longest sequence that its makers meant, in tokens.
    pub(crate) model_max_length: usize,
    /// The token that stands for the whole sequence, where the settings name it.
    pub(crate) cls_token: Option<String>,
}

/// A class of transformers' that works here.
#[derive(Debug, Clone, Copy)]
struct Architecture {
    name: &'static str,
    positions: Positions,
}

/// Where the positions of an architecture start.
#[derive(Debug, Clone, Copy)]
enum Positions {
    FromZero,
    AfterPadding,
}

const ARCHITECTURES: [Architecture; 8] = {
    const fn from_zero(name: &'static str) -> Architecture {
        let positions = Positions::FromZero;
        Architecture { name, positions }
    }
    const fn after_padding(name: &'static str) -> Architecture {
        let positions = Positions::AfterPadding;
        Architecture { name, positions }
    }
    [
        from_zero("BertForQuestionAnswering"),
        from_zero("DistilBertForQuestionAnswering"),
        from_zero("ElectraForQuestionAnswering"),
        from_zero("MobileBertForQuestionAnswering"),
        from_zero("AlbertForQuestionAnswering"),
        after_padding("RobertaForQuestionAnswering"),
        after_padding("XLMRobertaForQuestionAnswering"),
        after_padding("CamembertForQuestionAnswering"),
    ]
};

/// The part of config.json that matters here.
#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    #[serde(default = "default_pad_token_id")]
    pad_token_id: usize,
}

impl Config {
    fn architecture(&self) -> Result<&'static Architecture, ModelError> {
        let known = ARCHITECTURES
            .iter()
            .find(|known| self.architectures.iter().any(|found| found == known.name));
        known.ok_or_else(|| ModelError::Architecture {
            found: match self.architectures.as_slice() {
                [] => "a model whose config.json names no architecture".to_owned(),
                found => found.join(", "),
            },
            supported: ARCHITECTURES.iter().map(|known| known.name).collect(),
        })
    }

    fn positions(&self, architecture: &Architecture) -> usize {
        match architecture.positions {
            Positions::FromZero => self.max_position_embeddings,
            Positions::AfterPadding => self
                .max_position_embeddings
                .saturating_sub(self.pad_token_id.saturating_add(1)),
        }
    }
}

/// BERT's own default, for a config.json that leaves it out.
fn default_positions() -> usize {
    512
}

/// RoBERTa's own default; no other architecture here asks for it.
fn default_pad_token_id() -> usize {
    1
}

/// The part of `tokenizer_config.json` that matters here.
#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
    padding_side: Option<String>,
    cls_token: Option<SpecialToken>,
}

/// A special token: bare, or with how it is matched.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SpecialToken {
    Bare(String),
    Added { content: String },
}

impl SpecialToken {
    fn into_content(self) -> String {
        match self {
            Self::Bare(content) | Self::Added { content } => content,
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, ModelError> {
    serde_json::from_slice(bytes).map_err(|source| ModelError::Json {
        path: path.to_owned(),
        source,
    })
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ModelError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ModelError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn name_of(folder: &Path) -> String {
    // `.` and `..` have no name of their own.
    let resolved = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let hub = || {
        let snapshots = resolved.parent()?;
        let model = name(snapshots.parent()?)?;
        let model = model.strip_prefix("models--")?.rsplit("--").next()?;
        (name(snapshots)? == "snapshots").then(|| model.to_owned())
    };
    hub()
        .or_else(|| name(&resolved))
        .unwrap_or_else(|| folder.display().to_string())
}

/// The bundled model, as it lies in the repository.
#[cfg(feature = "bundled-model")]
pub(crate) mod bundled {
    macro_rules! bundled {
        ($file:literal) => {
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../models/minilm-squad/",
                $file
            ))
        };
    }

    pub(crate) const CONFIG: &[u8] = bundled!("config.json");
    pub(crate) const TOKENIZER: &[u8] = bundled!("tokenizer.json");
    pub(crate) const TOKENIZER_CONFIG: &[u8] = bundled!("tokenizer_config.json");
    pub(crate) static WEIGHTS: &[u8] = bundled!("model.safetensors");
}
