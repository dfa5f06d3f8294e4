//! Keeps comparisons out of each other's folders: two at once would run one set-up twice at the same time, take each other's
//! processor time, and write their reports over each other.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::CompareError;
use crate::file::ExperimentFile;

/// The folders of one comparison, which no other one gets until this is dropped. The folders themselves are locked, so that
/// no file is left behind and a folder that cannot be written to will do.
#[derive(Debug)]
pub(crate) struct Folders {
    _locked: Vec<File>,
}

impl Folders {
    /// Locks the folder of the experiment, and those in which a set-up runs.
    /// A folder that cannot be opened or locked, as on some network file systems, is left unlocked: something else will
    /// say what is wrong with it, if anything is.
    ///
    /// # Errors
    /// [`CompareError::Busy`] where another comparison has one of them.
    pub(crate) fn lock(file: &ExperimentFile) -> Result<Self, CompareError> {
        let with_set_up = file
            .contenders
            .iter()
            .filter(|other| !other.setup.is_empty());
        let of_contenders = with_set_up.map(|other| other.directory.as_path());
        let mut seen = HashSet::new();
        let mut locked = Vec::new();
        for folder in std::iter::once(file.folder.as_path()).chain(of_contenders) {
            // The same folder may be reached in several ways.
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
                        folder: shown(folder),
                        holder: holder(metadata.ino()),
                    });
                }
                Err(TryLockError::Error(_)) => {}
            }
        }
        Ok(Self { _locked: locked })
    }
}

/// The folder as it is shown: never empty, as the path of the current folder can be.
pub(crate) fn shown(folder: &Path) -> std::path::PathBuf {
    std::path::absolute(folder.join(".")).unwrap_or_else(|_| folder.to_owned())
}

/// The process that has locked a folder, in words. The system tells of locks by the number of the file alone.
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
