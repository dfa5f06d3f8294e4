//! Hashes of the files of a contender: files that its command names, and files in its directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::contender::set_up::STAMP_PREFIX;
use crate::hash::{self, hexadecimal};

/// Levels of a directory whose files are hashed: the directory itself, and two below.
const LEVELS: usize = 3;
/// Most entries of a directory that are listed, so that the search ends within seconds.
const MOST_ENTRIES: usize = 10_000;
/// Names of folders with the output of tools.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Default limits of [`of_directory`].
pub(super) const LIMITS: Limits = Limits {
    files: 200,
    bytes: 512 << 20,
};

/// Most files and bytes of a directory that are hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    files: usize,
    bytes: u64,
}

/// SHA-256 of a list of the files in `directory`, in words: with the number of files, and the number left out.
/// A line of the list has the SHA-256 of a file, two spaces and the path within the directory. Lines are sorted by path.
pub(super) fn of_directory(directory: &Path, limits: Limits) -> String {
    let Listing {
        mut files,
        mut unreadable,
        is_whole,
    } = files(directory);
    files.sort_unstable();
    let mut list = Sha256::new();
    let (mut hashed, mut left_out, mut bytes) = (0, 0, 0_u64);
    for file in &files {
        let path = directory.join(file);
        let size = path.metadata().map_or(0, |metadata| metadata.len());
        if hashed == limits.files || bytes.saturating_add(size) > limits.bytes {
            left_out += 1;
            continue;
        }
        let Ok(content) = hash::of_file(&path) else {
            unreadable += 1;
            continue;
        };
        bytes += size;
        hashed += 1;
        list.update(content);
        list.update("  ");
        list.update(file.as_os_str().as_encoded_bytes());
        list.update("\n");
    }
    let mut parts = vec![if hashed == 0 {
        "no file to hash".to_owned()
    } else {
        format!("{} over {}", hexadecimal(&list.finalize()), count(hashed))
    }];
    if unreadable > 0 {
        parts.push(format!("{unreadable} not readable"));
    }
    if left_out > 0 {
        let Limits { files, bytes } = limits;
        let mebibytes = bytes >> 20;
        parts.push(format!(
            "{} left out (limit: {files} files, {mebibytes} MiB)",
            count(left_out)
        ));
    }
    if !is_whole {
        parts.push(format!("more left out after {MOST_ENTRIES} entries"));
    }
    parts.join("; ")
}

fn count(files: usize) -> String {
    if files == 1 {
        "1 file".to_owned()
    } else {
        format!("{files} files")
    }
}

/// Files found in a directory.
#[derive(Debug)]
struct Listing {
    /// Paths relative to the directory.
    files: Vec<PathBuf>,
    /// Number of entries that cannot be read.
    unreadable: usize,
    /// `false` if the directory has more than [`MOST_ENTRIES`] entries.
    is_whole: bool,
}

/// Lists the files in `directory`, down to [`LEVELS`] levels.
fn files(directory: &Path) -> Listing {
    let walk = WalkDir::new(directory)
        .max_depth(LEVELS)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_source);
    let mut listing = Listing {
        files: Vec::new(),
        unreadable: 0,
        is_whole: true,
    };
    for (seen, entry) in walk.enumerate() {
        if seen >= MOST_ENTRIES {
            listing.is_whole = false;
            break;
        }
        let Ok(entry) = entry else {
            listing.unreadable += 1;
            continue;
        };
        // `is_file` follows a link, such as one to a model in a cache.
        if entry.path().is_file()
            && let Ok(path) = entry.path().strip_prefix(directory)
        {
            listing.files.push(path.to_owned());
        }
    }
    listing
}

/// `true` if the entry is hashed or searched: all but hidden folders, output of tools, and set-up stamps.
fn is_source(entry: &DirEntry) -> bool {
    if entry.depth() == 0 {
        return true;
    }
    let name = entry.file_name();
    let starts_with = |prefix: &str| name.as_encoded_bytes().starts_with(prefix.as_bytes());
    if !entry.file_type().is_dir() {
        return !starts_with(STAMP_PREFIX);
    }
    let is_made = MADE.iter().any(|made| name == OsStr::new(made));
    !starts_with(".") && !is_made && !entry.path().join("pyvenv.cfg").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn hash_of_a_directory_is_that_of_a_list_of_hashes() {
        let folder = folder_of(&[("b.py", "abc"), ("a/z.py", "")]);
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let list = format!("{of_nothing}  a/z.py\n{of_abc}  b.py\n");
        let expected = hexadecimal(&Sha256::digest(list));
        assert_eq!(
            of_directory(folder.path(), LIMITS),
            format!("{expected} over 2 files")
        );
    }

    #[test]
    fn output_of_tools_is_not_hashed() {
        let folder = folder_of(&[("app.py", "1"), ("deep/er/still.py", "2")]);
        let hash = || of_directory(folder.path(), LIMITS);
        let before = hash();
        assert!(before.ends_with(" over 2 files"), "{before}");
        for made in [
            ".venv/bin/python",
            ".git/HEAD",
            "env/pyvenv.cfg",
            "env/lib.py",
            "target/debug",
            "node_modules/x.js",
            "deep/__pycache__/x.pyc",
            "deep/er/and/deeper.py",
            ".bakeoff-setup-it",
        ] {
            let path = folder.path().join(made);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, made).unwrap();
            assert_eq!(hash(), before, "{made}");
        }
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("endless")).unwrap();
        assert_eq!(hash(), before);
        std::fs::write(folder.path().join("app.py"), "3").unwrap();
        assert_ne!(hash(), before);
        std::fs::write(folder.path().join("app.py"), "1").unwrap();
        assert_eq!(hash(), before);
        std::os::unix::fs::symlink("deep/er/still.py", folder.path().join("link.py")).unwrap();
        assert!(hash().ends_with(" over 3 files"));
    }

    #[test]
    fn a_limit_that_is_reached_is_told() {
        let folder = folder_of(&[("a", "12345"), ("b", "1"), ("c", "1")]);
        let hash = |files, bytes| of_directory(folder.path(), Limits { files, bytes });
        let few = hash(2, 1 << 20);
        assert!(
            few.ends_with(" over 2 files; 1 file left out (limit: 2 files, 1 MiB)"),
            "{few}"
        );
        let small = hash(9, 3);
        assert!(
            small.ends_with(" over 2 files; 1 file left out (limit: 9 files, 0 MiB)"),
            "{small}"
        );
        assert_eq!(
            hash(9, 0),
            "no file to hash; 3 files left out (limit: 9 files, 0 MiB)"
        );
    }
}
