//! Models of the Hugging Face Hub: pulled, verified, and found again in the cache that Python's libraries share.
//!
//! The cache has the layout of `huggingface_hub`: `models--OWNER--NAME/` with `blobs/`, named by their hashes, `snapshots/`, which link to
//! them, one folder a commit, and `refs/`, which say what commit a branch or tag is.

mod answer;
mod cache;
mod client;
mod download;
mod environment;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod name;
mod verify;
mod wanted;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::Cache;
use crate::client::Client;
use crate::download::Download;
use crate::error::Cause;
pub use crate::error::HubError;
pub use crate::name::{ModelName, NotAName, NotARevision, Revision};
pub use crate::wanted::Form;
use crate::wanted::Wanted;

/// The branch that is meant where none is named.
pub const MAIN: &str = "main";

/// Length of the longest description of a model that is read.
const MAX_INFO_BYTES: u64 = 32 << 20;

/// Length of the longest file but weights that is pulled: more than the largest tokenizers have.
const MAX_SMALL_FILE_BYTES: u64 = 200 << 20;

/// Why a model is not worth pulling.
pub type Objection = Box<dyn std::error::Error + Send + Sync>;

/// A hub and a cache of it.
#[derive(Debug)]
pub struct Hub {
    cache: PathBuf,
    endpoint: String,
    token: Option<String>,
    offline: bool,
    /// Time after which a hub that sends nothing is given up.
    timeout: Duration,
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
    /// token that `hf auth login` has stored; `HF_HUB_DOWNLOAD_TIMEOUT` in whole seconds; and `HF_HUB_OFFLINE`; also by their older names,
    /// and with `~` in paths.
    pub fn from_env() -> Self {
        environment::read(|name| std::env::var(name).ok())
    }

    /// The folder of the cache.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The folder of a model that was pulled before: of the branch, tag or commit `revision`.
    pub fn find(&self, model: &ModelName, revision: &Revision) -> Option<PathBuf> {
        let cache = Cache::of(&self.cache, model);
        let folder = cache.snapshot(&cache.commit(revision)?);
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
        revision: &Revision,
        check: &dyn Fn(&Path) -> Result<Form, Objection>,
        progress: &mut dyn FnMut(&Pulled),
    ) -> Result<PathBuf, HubError> {
        if self.offline {
            return self.find(model, revision).ok_or_else(|| HubError::Offline {
                model: model.clone(),
                cache: self.cache.clone(),
            });
        }
        let client = Client::of(self)?;
        let cache = Cache::of(&self.cache, model);
        let endpoint = client.endpoint();
        let failed = |cause| HubError::of(cause, model, revision, &endpoint);
        let info = client.info(model, revision).map_err(failed)?;
        let there = info.files;
        let mut wanted = Wanted::of(&there, model)?;
        let folder = cache.snapshot(&info.commit);
        let mut download = Download {
            client: &client,
            cache: &cache,
            model,
            commit: &info.commit,
            progress,
        };
        for file in &wanted.small {
            download.small_file(file).map_err(failed)?;
        }
        let form = check(&folder).map_err(|source| HubError::Unusable {
            model: model.clone(),
            source,
        })?;
        wanted.prefer(form, &there);
        for file in &wanted.weights {
            download.weights(file).map_err(failed)?;
        }
        if let Some(index) = &wanted.index {
            download.small_file(index).map_err(failed)?;
            let shards = wanted::shards(&folder.join(index), &there);
            for shard in shards.map_err(|what| failed(Cause::Answer(what)))? {
                download.weights(&shard).map_err(failed)?;
            }
        }
        // Only now, when all of it is there, does the branch mean this commit.
        cache.refer(revision, &info.commit).map_err(failed)?;
        Ok(folder)
    }
}
