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
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use crate::error::Cause;
pub use crate::error::HubError;
pub use crate::name::{ModelName, NotAName};
pub use crate::wanted::Form;
use crate::wanted::Wanted;

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
    /// token that `hf auth login` has stored; and `HF_HUB_OFFLINE`; also by their older names, and with `~` in paths.
    pub fn from_env() -> Self {
        environment::read(|name| std::env::var(name).ok())
    }

    /// The folder of the cache.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The folder of a model that was pulled before: of the branch, tag or commit `revision`.
    pub fn find(&self, model: &ModelName, revision: &str) -> Option<PathBuf> {
        let of_model = self.cached(model, revision);
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
    /// `check` gets the folder when all is there but the weights, and says which of them are wanted where there are several, so that a
    /// model which nobody can run is not pulled for nothing.
    ///
    /// # Errors
    /// [`HubError`]. What was pulled stays, but for files whose hash is wrong.
    pub fn pull(
        &self,
        model: &ModelName,
        revision: &str,
        check: &dyn Fn(&Path) -> Result<Form, Objection>,
        progress: &mut dyn FnMut(&Pulled),
    ) -> Result<PathBuf, HubError> {
        if self.offline {
            return self.find(model, revision).ok_or_else(|| HubError::Offline {
                model: model.clone(),
                cache: self.cache.clone(),
            });
        }
        let api = self.api()?;
        let failed = |cause| HubError::of(cause, model, revision, &self.endpoint);
        let info = api.repo(repo(model, revision)).info();
        let info = info.map_err(|error| failed(error.into()))?;
        if !name::is_plain(&info.sha) {
            let what = format!("it says that the commit is {:?}", info.sha);
            return Err(failed(Cause::Answer(what)));
        }
        let names = info.siblings.into_iter().map(|file| file.rfilename);
        let there: Vec<String> = names.collect();
        let mut wanted = Wanted::of(&there, model)?;
        // By its commit, so that all files are of the same one.
        let pulling = Pulling {
            from: api.repo(repo(model, &info.sha)),
            to: self.cached(model, &info.sha),
            folder: self.cached(model, &info.sha).pointer_path(&info.sha),
            api,
        };
        let mut pull = |file: &str| pulling.file(file, &mut *progress).map_err(failed);
        for file in &wanted.small {
            pull(file)?;
        }
        let form = check(&pulling.folder).map_err(|source| HubError::Unusable {
            model: model.clone(),
            source,
        })?;
        wanted.prefer(form, &there);
        for file in &wanted.weights {
            pull(file)?;
        }
        if let Some(index) = &wanted.index {
            pull(index)?;
            let shards = wanted::shards(&pulling.folder.join(index), &there);
            for shard in shards.map_err(|what| failed(Cause::Answer(what)))? {
                pull(&shard)?;
            }
        }
        // Only now, when all of it is there, does the branch mean this commit.
        let of_branch = self.cached(model, revision).create_ref(&info.sha);
        of_branch.map_err(|error| failed(error.into()))?;
        Ok(pulling.folder)
    }

    fn cached(&self, model: &ModelName, revision: &str) -> CacheRepo {
        Cache::new(self.cache.clone()).repo(repo(model, revision))
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
    api: Api,
    from: ApiRepo,
    to: CacheRepo,
    /// The commit's folder of links.
    folder: PathBuf,
}

impl Pulling {
    fn file(&self, file: &str, progress: &mut dyn FnMut(&Pulled)) -> Result<(), Cause> {
        let link = self.folder.join(file);
        if link.is_file() {
            return Ok(());
        }
        let mut download = || {
            let pulled = Pulled {
                file: file.to_owned(),
                bytes: 0,
                of: 0,
            };
            let shown = Shown {
                pulled,
                progress: &mut *progress,
            };
            self.from.download_with_progress(file, shown)
        };
        match download() {
            Err(error) if has_nothing_to_add(&error) => {
                // All of it came, but it was never given its name; or more than all.
                let etag = self.api.metadata(&self.from.url(file))?.etag().to_owned();
                fs::remove_file(self.to.blob_path(&etag).with_extension(PART))?;
                download()?;
            }
            downloaded => {
                downloaded?;
            }
        }
        // The link leads to the blob, whose name is its hash.
        let blob = link.canonicalize()?;
        if verify::is_what_its_name_says(&blob)? {
            return Ok(());
        }
        fs::remove_file(&link)?;
        fs::remove_file(&blob)?;
        Err(Cause::Hash {
            file: file.to_owned(),
            blob,
        })
    }
}

/// What the client adds to the name of a blob that is not whole yet.
const PART: &str = "part";

/// Whether there is no more of a file than is here.
fn has_nothing_to_add(error: &ApiError) -> bool {
    match error {
        ApiError::InvalidResume => true,
        // Range not satisfiable.
        ApiError::RequestError(error) => matches!(**error, ureq::Error::StatusCode(416)),
        _ => false,
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
