//! Files of a model, in a folder or in the binary, and their settings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::ModelError;
use crate::guard;
use crate::tokenizer::class::TokenizerClass;
use crate::tokenizer::special::{ADDED_TOKENS_DECODER, DeclaredTokens, LegacyTokens};
use crate::tokenizer::{LoadedTokenizer, Side, TokenizerSettings, Vocabulary, tokenizer_json};

/// Files of a model without its weights. Their content is not checked.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    name: String,
    folder: PathBuf,
    files: BTreeMap<&'static str, Cow<'static, [u8]>>,
}

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_MAP: &str = "special_tokens_map.json";
const ADDED_TOKENS: &str = "added_tokens.json";
const VOCAB_TXT: &str = "vocab.txt";
const VOCAB_JSON: &str = "vocab.json";
const MERGES: &str = "merges.txt";

/// All files, in the order in which they are hashed.
const ALL: [&str; 8] = [
    CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS_MAP,
    ADDED_TOKENS,
    VOCAB_TXT,
    VOCAB_JSON,
    MERGES,
];

/// First bytes of a Git LFS pointer.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

impl ModelFiles {
    /// Settings and tokenizer of the bundled model.
    #[cfg(feature = "bundled-model")]
    pub fn embedded() -> Self {
        Self {
            folder: PathBuf::from("the bundled model"),
            ..Self::from_bytes(
                "minilm-squad",
                bundled::CONFIG,
                bundled::TOKENIZER,
                Some(Cow::Borrowed(bundled::TOKENIZER_CONFIG)),
            )
        }
    }

    /// Files with the content of `config.json`, `tokenizer.json` and, optionally, `tokenizer_config.json` of the model `name`.
    ///
    /// The content is checked by [`QuestionAnswering::with_backend`](crate::QuestionAnswering::with_backend).
    /// In error messages the files are in a folder called `name`.
    pub fn from_bytes(
        name: impl Into<String>,
        config: impl Into<Cow<'static, [u8]>>,
        tokenizer: impl Into<Cow<'static, [u8]>>,
        tokenizer_config: Option<Cow<'static, [u8]>>,
    ) -> Self {
        let name = name.into();
        let mut files = BTreeMap::from([(CONFIG, config.into()), (TOKENIZER, tokenizer.into())]);
        files.extend(tokenizer_config.map(|content| (TOKENIZER_CONFIG, content)));
        Self {
            folder: PathBuf::from(&name),
            name,
            files,
        }
    }

    /// Reads `config.json`, `tokenizer.json` or the vocabulary files, and the optional settings of the tokenizer.
    ///
    /// # Errors
    /// [`ModelError::NoFolder`], [`ModelError::NoFile`], [`ModelError::LfsPointer`] and [`ModelError::Read`].
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        if !folder.is_dir() {
            return Err(ModelError::NoFolder {
                folder: folder.to_owned(),
            });
        }
        let mut files = Self {
            name: name_of(folder),
            folder: folder.to_owned(),
            files: BTreeMap::new(),
        };
        files.read_required(CONFIG)?;
        files.read_any(TOKENIZER_CONFIG)?;
        if !files.read_any(TOKENIZER)? && !files.read_any(VOCAB_TXT)? {
            if !files.read_any(VOCAB_JSON)? {
                return Err(files.no_file(TOKENIZER));
            }
            files.read_required(MERGES)?;
        }
        let settings = files.json::<Map<String, Value>>(TOKENIZER_CONFIG);
        // Transformers reads the older files only if the newer file does not list the added tokens.
        if settings
            .is_ok_and(|settings| !settings.is_some_and(|it| it.contains_key(ADDED_TOKENS_DECODER)))
        {
            files.read_any(SPECIAL_TOKENS_MAP)?;
            files.read_any(ADDED_TOKENS)?;
        }
        Ok(files)
    }

    fn read_required(&mut self, file: &'static str) -> Result<(), ModelError> {
        if self.read_any(file)? {
            Ok(())
        } else {
            Err(self.no_file(file))
        }
    }

    /// Reads a file if it exists. Returns `true` if it exists.
    fn read_any(&mut self, file: &'static str) -> Result<bool, ModelError> {
        let path = self.folder.join(file);
        match fs::read(&path) {
            Ok(bytes) if bytes.starts_with(LFS_POINTER) => Err(ModelError::LfsPointer { path }),
            Ok(bytes) => {
                self.files.insert(file, bytes.into());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(ModelError::Read { path, source }),
        }
    }

    fn no_file(&self, file: &'static str) -> ModelError {
        ModelError::NoFile {
            folder: self.folder.clone(),
            file,
        }
    }

    /// Checks that the files are those of a supported model, without its weights.
    ///
    /// # Errors
    /// [`ModelError`] names the file and the problem.
    pub fn check(&self) -> Result<(), ModelError> {
        self.load_tokenizer(&self.settings()?).map(drop)
    }

    /// `true` if safetensors of this architecture can be run. ONNX files of every architecture can be run.
    ///
    /// # Errors
    /// See [`ModelFiles::check`].
    pub fn runs_from_safetensors(&self) -> Result<bool, ModelError> {
        Ok(bakeoff_encoder::runs(self.settings()?.architecture))
    }

    /// Name of the model: the name of the folder. In a cache of the Hugging Face Hub, whose folders are named by commits, it is the
    /// name of the model without its owner.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Name and content of each file, in a fixed order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        ALL.into_iter()
            .filter_map(|file| Some((file, &**self.files.get(file)?)))
    }

    /// Folder of the files in error messages.
    #[cfg(feature = "bundled-model")]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Content of `config.json`.
    #[cfg(feature = "bundled-model")]
    pub(crate) fn config(&self) -> &[u8] {
        &self.files[CONFIG]
    }

    /// Settings in the files.
    ///
    /// # Errors
    /// [`ModelError`] names the file and the setting.
    pub(crate) fn settings(&self) -> Result<Settings, ModelError> {
        let config = self
            .json::<Config>(CONFIG)?
            .ok_or_else(|| self.no_file(CONFIG))?;
        let path = self.folder.join(CONFIG);
        let family = config.family()?;
        let file: Map<String, Value> = self.json(TOKENIZER_CONFIG)?.unwrap_or_default();
        let class = match (file.get("tokenizer_class"), &config.tokenizer_class) {
            (Some(Value::String(named)), _) => {
                TokenizerClass::named(named, self.folder.join(TOKENIZER_CONFIG))?
            }
            (_, Some(named)) => TokenizerClass::named(named, path.clone())?,
            (_, None) => family.tokenizer,
        };
        let map = self.json(SPECIAL_TOKENS_MAP)?;
        let added = self.json(ADDED_TOKENS)?;
        let in_tokenizer = self.added_in_tokenizer(&file);
        let legacy = LegacyTokens {
            special_tokens_map: map.as_ref(),
            added_tokens: added.as_ref(),
            in_tokenizer: &in_tokenizer,
        };
        let tokens = DeclaredTokens::read(&file, legacy, class);
        let tokenizer = TokenizerSettings::read(&file, class, tokens);
        Ok(Settings {
            architecture: family.architecture,
            positions: config.positions(family, &path)?,
            vocab_size: config.vocab_size,
            tokenizer: tokenizer.map_err(|what| ModelError::Setting {
                path: self.folder.join(TOKENIZER_CONFIG),
                what,
            })?,
        })
    }

    /// Added tokens in `tokenizer.json`; empty if `settings` list the added tokens.
    fn added_in_tokenizer(&self, settings: &Map<String, Value>) -> Vec<Value> {
        if settings.contains_key(ADDED_TOKENS_DECODER) {
            return Vec::new();
        }
        // Loading the tokenizer reports errors in the file.
        let tokenizer: Option<AddedTokens> = self.json(TOKENIZER).ok().flatten();
        tokenizer.unwrap_or_default().added_tokens
    }

    /// Tokenizer with `settings`.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`], [`ModelError::Vocabulary`] and [`ModelError::PaddingSide`].
    pub(crate) fn load_tokenizer(
        &self,
        settings: &Settings,
    ) -> Result<LoadedTokenizer, ModelError> {
        let made;
        let json = if let Some(json) = self.files.get(TOKENIZER) {
            &**json
        } else {
            made = self.tokenizer_of_vocabulary(settings)?.to_string();
            made.as_bytes()
        };
        let loaded = guard::no_panic(|| settings.tokenizer.load(json)).map_err(|source| {
            ModelError::Tokenizer {
                path: self.tokenizer_path(),
                source,
            }
        })?;
        if loaded.padding_side == Side::Left {
            return Err(ModelError::PaddingSide {
                path: self.padding_path(),
            });
        }
        Ok(loaded)
    }

    fn tokenizer_of_vocabulary(&self, settings: &Settings) -> Result<Value, ModelError> {
        let file = |name| self.files.get(name).map(|content| &**content);
        let vocabulary = match (file(VOCAB_TXT), file(VOCAB_JSON), file(MERGES)) {
            (Some(pieces), _, _) => Vocabulary::WordPiece(pieces),
            (None, Some(pieces), Some(merges)) => Vocabulary::ByteLevel { pieces, merges },
            _ => return Err(self.no_file(TOKENIZER)),
        };
        let class = settings.tokenizer.class;
        let tokens = &settings.tokenizer.tokens;
        let made = class.takes(vocabulary).and_then(|()| {
            tokenizer_json(vocabulary, |setting| {
                tokens.token(setting).map(str::to_owned)
            })
        });
        made.map_err(|why| ModelError::Vocabulary {
            folder: self.folder.clone(),
            why,
        })
    }

    /// Path of the file with the tokenizer.
    fn tokenizer_path(&self) -> PathBuf {
        let file = [TOKENIZER, VOCAB_TXT, VOCAB_JSON].into_iter();
        let file = file.into_iter().find(|file| self.files.contains_key(file));
        self.folder.join(file.unwrap_or(TOKENIZER))
    }

    /// Path of the file that sets the padding side.
    fn padding_path(&self) -> PathBuf {
        let settings: Option<Map<String, Value>> = self.json(TOKENIZER_CONFIG).ok().flatten();
        let is_set = settings.is_some_and(|settings| settings.contains_key("padding_side"));
        self.folder
            .join(if is_set { TOKENIZER_CONFIG } else { TOKENIZER })
    }

    /// Content of a JSON file; `None` if the file does not exist.
    ///
    /// # Errors
    /// [`ModelError::Json`].
    fn json<T: DeserializeOwned>(&self, file: &'static str) -> Result<Option<T>, ModelError> {
        let Some(content) = self.files.get(file) else {
            return Ok(None);
        };
        let parsed = serde_json::from_slice(content).map_err(|source| ModelError::Json {
            path: self.folder.join(file),
            source,
        });
        parsed.map(Some)
    }
}

/// Added tokens in `tokenizer.json`.
#[derive(Debug, Default, Deserialize)]
struct AddedTokens {
    #[serde(default)]
    added_tokens: Vec<Value>,
}

/// Settings in the files of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Class of the model in transformers.
    pub(crate) architecture: &'static str,
    /// Maximum sequence length that the model has positions for, in tokens.
    pub(crate) positions: usize,
    /// Number of tokens in the model's vocabulary; `None` if `config.json` does not set it.
    pub(crate) vocab_size: Option<usize>,
    pub(crate) tokenizer: TokenizerSettings,
}

/// Checks that a file is not a Git LFS pointer.
///
/// # Errors
/// [`ModelError::LfsPointer`] and [`ModelError::Read`].
pub(crate) fn refuse_lfs_pointer(path: &Path) -> Result<(), ModelError> {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| {
        let mut file = io::Read::take(file, LFS_POINTER.len() as u64);
        io::Read::read_to_end(&mut file, &mut start)
    });
    match read {
        Ok(_) if start == LFS_POINTER => Err(ModelError::LfsPointer {
            path: path.to_owned(),
        }),
        Ok(_) => Ok(()),
        Err(source) => Err(ModelError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The folder that a file lies in; `.` for a name alone, whose parent is an empty path.
pub(crate) fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn name_of(folder: &Path) -> String {
    // `.` and `..` have no file name.
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

/// Files of the bundled model in the repository.
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
