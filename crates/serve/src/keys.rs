//! The API keys: who may ask. Keys are kept as digests, so that neither memory nor a debug line shows them.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::error::ServeError;

type KeyDigest = [u8; 32];

/// The keys of a file, as they were when it was last read and valid.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    path: PathBuf,
    digests: RwLock<Vec<KeyDigest>>,
}

impl ApiKeys {
    /// The keys in the file at `path`: one a line, with empty lines and those that start with `#` left out.
    pub(crate) fn open(path: &Path) -> Result<Self, ServeError> {
        Ok(Self {
            path: path.to_owned(),
            digests: RwLock::new(read(path)?),
        })
    }

    /// Reads the file again. The keys stay as they are if that fails: a slip must not lock everybody out.
    pub(crate) fn reload(&self) {
        match read(&self.path) {
            Ok(digests) => {
                tracing::info!(keys = digests.len(), "API keys reloaded");
                *self.digests.write().unwrap_or_else(PoisonError::into_inner) = digests;
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "API keys not reloaded, the former ones stay valid");
            }
        }
    }

    /// Whether `key` is one of them. Takes as long for a wrong key that begins like a right one as for any other.
    pub(crate) fn allow(&self, key: &[u8]) -> bool {
        let offered = digest(key);
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        let equal = digests.iter().fold(Choice::from(0), |found, known| {
            found | known.ct_eq(&offered)
        });
        equal.into()
    }
}

fn read(path: &Path) -> Result<Vec<KeyDigest>, ServeError> {
    let failed = |source: io::Error| ServeError::ReadApiKeys {
        path: path.to_owned(),
        source,
    };
    let text = fs::read_to_string(path).map_err(failed)?;
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o004 != 0 {
        tracing::warn!(path = %path.display(), "every user of this machine can read the API keys; chmod o-r would end that");
    }
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<KeyDigest>, ServeError> {
    let mut digests = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let key = line.trim();
        if key.is_empty() || key.starts_with('#') {
            continue;
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServeError::InvalidApiKey {
                path: path.to_owned(),
                line: index + 1,
            });
        }
        digests.push(digest(key.as_bytes()));
    }
    if digests.is_empty() {
        return Err(ServeError::NoApiKey {
            path: path.to_owned(),
        });
    }
    Ok(digests)
}

fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lines_without_comments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "# of the web shop\n first-key \r\n\nsecond-key\n").unwrap();
        let keys = ApiKeys::open(&path).unwrap();
        assert!(keys.allow(b"first-key") && keys.allow(b"second-key"));
        for wrong in [
            "",
            "first-ke",
            "first-key ",
            "# of the web shop",
            "FIRST-KEY",
        ] {
            assert!(!keys.allow(wrong.as_bytes()), "{wrong}");
        }
        assert!(!format!("{keys:?}").contains("first-key"));
    }

    #[test]
    fn file_without_a_usable_key_is_refused_without_showing_it() {
        let path = Path::new("keys");
        let error = |text: &str| parse(path, text).unwrap_err().to_string();
        assert_eq!(error("# none\n\n"), "keys holds no API key");
        let expected = "line 2 of keys is no API key, which is visible ASCII without spaces";
        assert_eq!(error("good\ntwo words\n"), expected);
        assert_eq!(error("good\nclé\n"), expected);
    }

    #[test]
    fn broken_file_keeps_the_former_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "old").unwrap();
        let keys = ApiKeys::open(&path).unwrap();
        for broken in ["", "two words"] {
            fs::write(&path, broken).unwrap();
            keys.reload();
            assert!(keys.allow(b"old"), "{broken}");
        }
        fs::remove_file(&path).unwrap();
        keys.reload();
        assert!(keys.allow(b"old"));
        fs::write(&path, "new").unwrap();
        keys.reload();
        assert!(keys.allow(b"new") && !keys.allow(b"old"));
    }
}
