//! Locks on the folders of an experiment. Two experiments in one folder would run one set-up twice at the same time, take each
//! other's processor time, and overwrite each other's reports.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;

use crate::error::CompareError;
use crate::file::ExperimentFile;
use crate::plain::full_path;

/// Locked folders of one experiment. Their drop unlocks them. The folders themselves are locked, so that no file is left behind
/// and a read-only folder can be locked.
#[derive(Debug)]
pub(crate) struct LockedFolders {
    _locked: Vec<File>,
}

impl LockedFolders {
    /// Locks the folder of the experiment, and the folders in which set-ups run.
    /// A folder that cannot be opened or locked, as on some network file systems, stays unlocked.
    ///
    /// # Errors
    /// [`CompareError::Busy`] if another experiment has locked one of them.
    pub(crate) fn lock(file: &ExperimentFile) -> Result<Self, CompareError> {
        let with_set_up = file
            .contenders
            .iter()
            .filter(|other| !other.setup.is_empty());
        let of_contenders = with_set_up.map(|other| other.directory.as_path());
        let mut seen = HashSet::new();
        let mut locked = Vec::new();
        for folder in std::iter::once(file.folder.as_path()).chain(of_contenders) {
            // One folder may have several paths.
            let Ok(opened) = File::open(folder.join(".")) else {
                continue;
            };
            let Ok(metadata) = opened.metadata() else {
                continue;
            };
            if !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            match opened.try_lock() {
                Ok(()) => locked.push(opened),
                Err(TryLockError::WouldBlock) => {
                    return Err(CompareError::Busy {
                        folder: full_path(folder),
                        holder: holder(metadata.ino()),
                    });
                }
                Err(TryLockError::Error(_)) => {}
            }
        }
        Ok(Self { _locked: locked })
    }
}

/// Description of the process that has locked the folder with this inode number.
fn holder(inode: u64) -> String {
    let locks = procfs::locks().unwrap_or_default();
    let mut pids = locks
        .into_iter()
        .filter(|lock| lock.inode == inode)
        .filter_map(|lock| lock.pid);
    pids.next().map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}
