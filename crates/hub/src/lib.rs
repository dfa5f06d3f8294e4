//! Models of the Hugging Face Hub: pulled, verified, and found again in the cache that Python's libraries share.
//!
//! The cache has the layout of `huggingface_hub`: `models--OWNER--NAME/` with `blobs/`, named by their hashes, `snapshots/`, which link to
//! them, one folder a commit, and `refs/`, which say what commit a branch or tag is.

mod environment;
mod error;
mod name;
mod verify;
mod wanted;

use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

pub use crate::error::HubError;
pub use crate::name::{ModelName, NotAName};
use crate::wanted::{SMALL_FILES, Wanted};

/// The branch that is meant where none is named.
pub const MAIN: &str = "main";

/// Why a model is not worth pulling.
pub type Objection = Box<dyn std::error::Error + Send + Sync>;

/// A hub and a cache of it.
#[derive(Debug)]
pub struct Hub {
    cache: PathBuf,
    endpoint: String,
    token: Option<String>,
    offline: bool,
}

/// How far the pulling of one file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The file's name in the repository.
    pub file: String,
    /// Bytes that are there, those of an earlier try included.
    pub bytes: u64,
    /// Bytes of the whole file.
    pub of: u64,
}

impl Hub {
    /// The one that the environment names, as `huggingface_hub` reads it: `HF_ENDPOINT`; `HF_HUB_CACHE` or `HF_HOME`; `HF_TOKEN` or the
    /// token that `hf auth login` has stored; and `HF_HUB_OFFLINE`.
    pub fn from_env() -> Self {
        environment::read(|name| std::env::var(name).ok())
    }

    /// The folder of the cache.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The folder of a model that was pulled before: of the branch, tag or commit `revision`.
    pub fn find(&self, model: &ModelName, revision: &str) -> Option<PathBuf> {
        let of_model = Cache::new(self.cache.clone()).repo(repo(model, revision));
        let config = of_model.get(wanted::CONFIG);
        // A commit has no entry in `refs`.
        let config = config.or_else(|| Some(of_model.pointer_path(revision).join(wanted::CONFIG)));
        let folder = config
            .filter(|config| config.is_file())?
            .parent()?
            .to_owned();
        Wanted::is_whole(&folder).then_some(folder)
    }

    /// Brings what is missing of a model into the cache, and returns its folder. A file whose transfer broke off goes on where it did.
    ///
    /// `check` gets the folder when all is there but the weights, so that a model which nobody can run is not pulled for nothing.
    ///
    /// # Errors
    /// [`HubError`]. What was pulled stays, but for files whose hash is wrong.
    pub fn pull(
        &self,
        model: &ModelName,
        revision: &str,
        check: &dyn Fn(&Path) -> Result<(), Objection>,
        progress: &mut dyn FnMut(&Pulled),
    ) -> Result<PathBuf, HubError> {
        if self.offline {
            return self.find(model, revision).ok_or_else(|| HubError::Offline {
                model: model.clone(),
                cache: self.cache.clone(),
            });
        }
        let api = self.api()?;
        let failed = |source| HubError::of(source, model, revision, &self.endpoint);
        let info = api
            .repo(repo(model, revision))
            .info()
            .map_err(|error| failed(error.into()))?;
        if !name::is_plain(&info.sha) {
            return Err(failed(error::Cause::Answer("a commit that is none".into())));
        }
        let there: Vec<String> = info
            .siblings
            .into_iter()
            .map(|file| file.rfilename)
            .collect();
        let wanted = Wanted::of(&there, model)?;
        let pulling = Pulling {
            // By its commit, so that all files are of the same one.
            from: api.repo(repo(model, &info.sha)),
            folder: Cache::new(self.cache.clone())
                .repo(repo(model, &info.sha))
                .pointer_path(&info.sha),
        };
        let mut pull = |file: &str| {
            let pulled = pulling.file(file, &mut *progress);
            pulled.map_err(|error| match error {
                Failed::Pull(error) => failed(error),
                Failed::Hash { file, blob } => HubError::Hash {
                    model: model.clone(),
                    file,
                    blob,
                },
            })
        };
        for file in SMALL_FILES.iter().filter(|file| wanted.has(file)) {
            pull(file)?;
        }
        check(&pulling.folder).map_err(|source| HubError::Unusable {
            model: model.clone(),
            source,
        })?;
        for file in &wanted.weights {
            pull(file)?;
        }
        if let Some(index) = &wanted.index {
            pull(index)?;
            for shard in wanted::shards(&pulling.folder.join(index), &there)
                .map_err(|what| failed(error::Cause::Answer(what)))?
            {
                pull(&shard)?;
            }
        }
        // Only now, when all of it is there, does the branch mean this commit.
        let of_model = Cache::new(self.cache.clone()).repo(repo(model, revision));
        of_model
            .create_ref(&info.sha)
            .map_err(|error| failed(error.into()))?;
        Ok(pulling.folder)
    }

    fn api(&self) -> Result<Api, HubError> {
        ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_user_agent("bakeoff", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|source| HubError::Start(source.to_string()))
    }
}

fn repo(model: &ModelName, revision: &str) -> Repo {
    Repo::with_revision(model.to_string(), RepoType::Model, revision.to_owned())
}

/// The pulling of one commit's files.
struct Pulling {
    from: ApiRepo,
    /// The commit's folder of links.
    folder: PathBuf,
}

/// Why a file is not there.
enum Failed {
    Pull(error::Cause),
    Hash { file: String, blob: PathBuf },
}

impl<E: Into<error::Cause>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Pull(error.into())
    }
}

impl Pulling {
    fn file(&self, file: &str, progress: &mut dyn FnMut(&Pulled)) -> Result<(), Failed> {
        let link = self.folder.join(file);
        if link.is_file() {
            return Ok(());
        }
        let shown = Shown {
            pulled: Pulled {
                file: file.to_owned(),
                bytes: 0,
                of: 0,
            },
            progress,
        };
        self.from.download_with_progress(file, shown)?;
        // The link leads to the blob, whose name is its hash.
        let blob = link.canonicalize()?;
        if verify::is_what_its_name_says(&blob)? {
            return Ok(());
        }
        fs::remove_file(&link)?;
        fs::remove_file(&blob)?;
        Err(Failed::Hash {
            file: file.to_owned(),
            blob,
        })
    }
}

struct Shown<'a> {
    pulled: Pulled,
    progress: &'a mut dyn FnMut(&Pulled),
}

impl Progress for Shown<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.pulled.bytes, self.pulled.of) = (0, size as u64);
        (self.progress)(&self.pulled);
    }

    fn update(&mut self, size: usize) {
        self.pulled.bytes += size as u64;
        (self.progress)(&self.pulled);
    }

    fn finish(&mut self) {}
}
