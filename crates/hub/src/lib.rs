//! Models of the Hugging Face Hub: download, verification, and search in the cache of `huggingface_hub`.
//!
//! The cache has the layout of `huggingface_hub`: `models--OWNER--NAME/` with `blobs/`, files named by their hashes; `snapshots/`, one
//! folder of links to blobs per commit; and `refs/`, the commit of each branch and tag.

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

/// Default branch.
pub const MAIN: &str = "main";

/// Maximum size of the description of a model, in bytes.
const MAX_INFO_BYTES: u64 = 32 << 20;

/// Maximum size of a file other than weights, in bytes. The largest tokenizers are smaller.
const MAX_SMALL_FILE_BYTES: u64 = 200 << 20;

/// Reason not to pull a model.
pub type Objection = Box<dyn std::error::Error + Send + Sync>;

/// A hub and its cache.
#[derive(Debug)]
pub struct Hub {
    cache: PathBuf,
    endpoint: String,
    token: Option<String>,
    offline: bool,
    /// Time without data after which a transfer fails.
    timeout: Duration,
}

/// Progress of the download of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Name of the file in the repository.
    pub file: String,
    /// Downloaded bytes, including those of an earlier try.
    pub bytes: u64,
    /// Size of the whole file in bytes.
    pub of: u64,
}

impl Hub {
    /// Reads the environment as `huggingface_hub` does: `HF_ENDPOINT`; `HF_HUB_CACHE` or `HF_HOME`; `HF_TOKEN` or the
    /// token of `hf auth login`; `HF_HUB_DOWNLOAD_TIMEOUT` in whole seconds; and `HF_HUB_OFFLINE`. Older names of the variables
    /// and `~` in paths are supported.
    pub fn from_env() -> Self {
        environment::read(|name| std::env::var(name).ok())
    }

    /// Folder of the cache.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Folder of a pulled model at the branch, tag or commit `revision`; `None` if it is not complete.
    pub fn find(&self, model: &ModelName, revision: &Revision) -> Option<PathBuf> {
        let cache = Cache::of(&self.cache, model);
        let folder = cache.snapshot(&cache.commit(revision)?);
        Wanted::is_whole(&folder).then_some(folder)
    }

    /// Downloads the missing files of a model into the cache, and returns its folder. Interrupted downloads are resumed.
    ///
    /// `check` gets the folder before the weights are downloaded. It returns the preferred form of weights, or refuses a model that
    /// cannot run.
    ///
    /// # Errors
    /// [`HubError`]. Downloaded files stay in the cache, except files with a wrong hash.
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
        // The branch refers to this commit only when all files are complete.
        cache.refer(revision, &info.commit).map_err(failed)?;
        Ok(folder)
    }
}
