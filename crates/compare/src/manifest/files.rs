//! Hashes of the files that a contender is made of: those that its command names, and those in its directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bakeoff_record::Fact;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::{fact, hash, hexadecimal};
use crate::contender::fill;
use crate::file::ContenderConfig;
use crate::setup::STAMP_PREFIX;

/// Levels of a directory whose files are hashed: its own, and two below.
const LEVELS: usize = 3;
/// Entries of a directory that are looked at, so that no folder is searched for minutes.
const MOST_ENTRIES: usize = 10_000;
/// Folders that hold what tools made of the other files.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// How much of a directory is hashed.
pub(super) const LIMITS: Limits = Limits {
    files: 200,
    bytes: 512 << 20,
};

/// How much of a directory is hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    files: usize,
    bytes: u64,
}

/// The hashes of the files that words of a command line name, as they are or after a `=`, relative to the contender's
/// directory. Left out is what the contender's `files` name already.
pub(crate) fn named_by(words: &[String], config: &ContenderConfig) -> Vec<Fact> {
    let mut known: Vec<PathBuf> = config.files.iter().filter_map(canonical).collect();
    let mut facts = Vec::new();
    for word in words {
        let Ok(word) = fill(word, "0") else { continue };
        let after_equals = word.split_once('=').map(|(_, value)| value);
        let named = [Some(word.as_str()), after_equals].into_iter().flatten();
        for name in named {
            let path = config.directory.join(name);
            if !path.is_file() {
                continue;
            }
            let Some(path) = canonical(&path).filter(|path| !known.contains(path)) else {
                continue;
            };
            facts.push(fact(&format!("SHA-256 of {name}"), hash(&path)));
            known.push(path);
        }
    }
    facts
}

fn canonical(path: impl AsRef<Path>) -> Option<PathBuf> {
    path.as_ref().canonicalize().ok()
}

/// The SHA-256 of a list of all files in `directory`: for each the SHA-256 of its content, two spaces, its path within the
/// directory and a line feed, sorted by path. Says how many files that are, and what is not in it.
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
        let content = hash(&path);
        if content.starts_with("not readable") {
            unreadable += 1;
            continue;
        }
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
    /// Entries that cannot be looked at.
    unreadable: usize,
    /// `true` unless there was too much to look at.
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
        // Follows a link to a file, such as one to a model in a cache.
        if entry.path().is_file()
            && let Ok(path) = entry.path().strip_prefix(directory)
        {
            listing.files.push(path.to_owned());
        }
    }
    listing
}

/// `true` if the entry is hashed or searched. Hidden folders, the output of tools and set-up stamps are not.
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
    use crate::file::ExperimentFile;

    fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn config(folder: &Path, lines: &str) -> ContenderConfig {
        let text = format!("scenario = \"s.toml\"\n[[contender]]\nname = \"it\"\n{lines}\n");
        let file = ExperimentFile::parse(&text, &folder.join("bakeoff.toml")).unwrap();
        file.contenders[0].clone()
    }

    #[test]
    fn words_that_name_files_are_hashed_once() {
        let folder = folder_of(&[
            ("app.py", "abc"),
            ("settings.toml", "abc"),
            ("model.bin", "abc"),
            ("sub/x", "x"),
        ]);
        let config = config(
            folder.path(),
            "process = [\"true\"]\nfiles = [\"model.bin\"]",
        );
        let words = [
            "./app.py",
            "app.py",
            "--config=settings.toml",
            "model.bin",
            "sub",
            "{port}",
            "nowhere",
            "",
            "--x=",
        ];
        let facts = named_by(&words.map(str::to_owned), &config);
        let names: Vec<&str> = facts.iter().map(|fact| fact.name.as_str()).collect();
        assert_eq!(names, ["SHA-256 of ./app.py", "SHA-256 of settings.toml"]);
        assert!(facts[0].value.starts_with("ba7816bf8f01cfea"), "{facts:?}");
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
    fn what_tools_make_does_not_count_and_what_people_write_does() {
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

    #[test]
    fn only_a_directory_that_is_given_is_hashed() {
        let folder = folder_of(&[("service/app.py", "abc")]);
        let names = |lines: &str| {
            let stop = tokio_util::sync::CancellationToken::new();
            let facts = super::super::facts(&config(folder.path(), lines), false, &stop);
            facts.into_iter().map(|fact| fact.name).collect::<Vec<_>>()
        };
        assert_eq!(names("process = [\"true\"]"), [""; 0]);
        assert_eq!(
            names("process = [\"true\"]\ndirectory = \"service\""),
            ["SHA-256 of the directory"]
        );
    }
}
