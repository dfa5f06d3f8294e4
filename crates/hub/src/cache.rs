//! Cache of one model, in the layout of `huggingface_hub`.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Cause;
use crate::name::{Hash, ModelName, Revision};

/// Number of tries to take a lock, and the wait between two tries.
const TRIES: u32 = 50;
const WAIT: Duration = Duration::from_millis(100);

/// Folder of a model. Its paths are made of names that cannot leave it.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    locks: PathBuf,
}

impl Cache {
    /// Folder of `model` in the cache at `path`.
    pub(crate) fn of(path: &Path, model: &ModelName) -> Self {
        let name = format!("models--{}", model.to_string().replace('/', "--"));
        Self {
            locks: path.join(".locks").join(&name),
            folder: path.join(name),
        }
    }

    /// File with this hash.
    pub(crate) fn blob(&self, hash: &Hash) -> PathBuf {
        self.folder.join("blobs").join(hash.as_str())
    }

    /// File of an incomplete download, which Python resumes too.
    pub(crate) fn incomplete(&self, hash: &Hash) -> PathBuf {
        self.blob(hash).with_extension("incomplete")
    }

    /// Folder with the links of a commit.
    pub(crate) fn snapshot(&self, commit: &Hash) -> PathBuf {
        self.folder.join("snapshots").join(commit.as_str())
    }

    /// Commit of a revision at the last pull.
    pub(crate) fn commit(&self, revision: &Revision) -> Option<Hash> {
        revision.commit().or_else(|| {
            let stored = fs::read_to_string(self.reference(revision)).ok()?;
            stored.trim().parse().ok()
        })
    }

    /// Stores `commit` as the commit of a branch or tag.
    pub(crate) fn refer(&self, revision: &Revision, commit: &Hash) -> Result<(), Cause> {
        if self.commit(revision).as_ref() == Some(commit) {
            return Ok(());
        }
        let path = self.reference(revision);
        let folder = path.parent().unwrap_or(&self.folder);
        create(folder)?;
        let write = || {
            let mut file = tempfile::Builder::new()
                // Less what the user's mask takes away.
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(folder)?;
            file.write_all(commit.as_str().as_bytes())?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source: io::Error| Cause::disk(&path, source))
    }

    pub(crate) fn reference(&self, revision: &Revision) -> PathBuf {
        self.folder.join("refs").join(revision.as_str())
    }

    /// Locks a blob against other processes, including Python, until the file is dropped.
    ///
    /// # Errors
    /// [`Cause::Busy`] if another process holds the lock.
    pub(crate) fn lock(&self, hash: &Hash) -> Result<File, Cause> {
        create(&self.locks)?;
        let path = self.locks.join(format!("{}.lock", hash.as_str()));
        let disk = |source| Cause::disk(&path, source);
        let open = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = open.map_err(disk)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(WAIT),
                Err(TryLockError::Error(source)) => return Err(disk(source)),
            }
        }
        Err(Cause::Busy)
    }

    /// Links `file` of `commit` to its blob. The link is relative, so that the cache can be moved.
    pub(crate) fn link(&self, commit: &Hash, file: &str, hash: &Hash) -> Result<(), Cause> {
        let link = self.snapshot(commit).join(file);
        if let Some(folder) = link.parent() {
            create(folder)?;
        }
        let up = "../".repeat(2 + file.matches('/').count());
        let target = format!("{up}blobs/{}", hash.as_str());
        // A link whose target was deleted.
        if link.is_symlink() && !link.exists() {
            fs::remove_file(&link).map_err(|source| Cause::disk(&link, source))?;
        }
        match symlink(target, &link) {
            // Another process made the same link.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && link.is_file() => Ok(()),
            made => made.map_err(|source| Cause::disk(&link, source)),
        }
    }
}

/// Makes a folder and its parents.
pub(crate) fn create(folder: &Path) -> Result<(), Cause> {
    fs::create_dir_all(folder).map_err(|source| Cause::disk(folder, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_folders_lead_to_the_blob_and_replace_broken_links() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::of(folder.path(), &"ada/tiny".parse().unwrap());
        let (commit, hash) = ("0".repeat(40), "1".repeat(64));
        let (commit, hash) = (commit.parse().unwrap(), hash.parse().unwrap());
        create(&folder.path().join("models--ada--tiny/blobs")).unwrap();
        let file = "onnx/model.onnx";
        // The blob does not exist yet.
        cache.link(&commit, file, &hash).unwrap();
        fs::write(cache.blob(&hash), "graph").unwrap();
        let link = cache.snapshot(&commit).join(file);
        assert_eq!(fs::read_to_string(&link).unwrap(), "graph");
        fs::remove_file(&link).unwrap();
        symlink("nowhere", &link).unwrap();
        cache.link(&commit, file, &hash).unwrap();
        cache.link(&commit, file, &hash).unwrap();
        assert_eq!(fs::read_to_string(&link).unwrap(), "graph");
    }
}
