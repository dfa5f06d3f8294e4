//! API keys. The server keeps digests of the keys, so that the keys themselves are neither in memory nor in debug output.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
    thread,
    time::Duration,
};

use rustix::fs::OFlags;
use tokio::{sync::oneshot, time};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::error::ServeError;

type KeyDigest = [u8; 32];

/// Time limit for reading the file. A file on a network drive can block.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum size of the file in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// API keys of a file, as of its last valid read.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    path: PathBuf,
    digests: RwLock<Vec<KeyDigest>>,
}

impl ApiKeys {
    /// API keys in the file at `path`, one in each line. Empty lines and lines that start with `#` are ignored.
    ///
    /// # Errors
    /// [`ServeError::ReadApiKeys`], also for a file that is not regular, and beyond the time limit;
    /// [`ServeError::InvalidApiKey`] and [`ServeError::NoApiKey`].
    pub(crate) async fn open(path: &Path) -> Result<Self, ServeError> {
        Ok(Self {
            path: path.to_owned(),
            digests: RwLock::new(in_time(READ_TIMEOUT, path, read).await?),
        })
    }

    /// API keys as in [`ApiKeys::open`], without a time limit.
    ///
    /// # Errors
    /// See [`ApiKeys::open`].
    #[cfg(test)]
    pub(crate) fn read(path: &Path) -> Result<Self, ServeError> {
        Ok(Self {
            path: path.to_owned(),
            digests: RwLock::new(read(path)?),
        })
    }

    /// Reads the file again. If that fails, the previous keys stay valid, so that a mistake in the file does not reject all clients.
    pub(crate) async fn reload(&self) {
        self.take(in_time(READ_TIMEOUT, &self.path, read).await);
    }

    fn take(&self, keys: Result<Vec<KeyDigest>, ServeError>) {
        match keys {
            Ok(digests) => {
                tracing::info!(keys = digests.len(), "API keys reloaded");
                *self.digests.write().unwrap_or_else(PoisonError::into_inner) = digests;
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "cannot reload the API keys; the previous keys stay valid");
            }
        }
    }

    /// `true` if `key` is one of the keys. The time does not depend on the number of equal characters.
    pub(crate) fn allow(&self, key: &[u8]) -> bool {
        let offered = digest(key);
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        let equal = digests.iter().fold(Choice::from(0), |found, known| {
            found | known.ct_eq(&offered)
        });
        equal.into()
    }
}

/// Result of `read`, on a thread of its own. The thread is abandoned at the time limit.
///
/// # Errors
/// Errors of `read`, and [`ServeError::ReadApiKeys`] at the time limit.
async fn in_time(
    timeout: Duration,
    path: &Path,
    read: impl FnOnce(&Path) -> Result<Vec<KeyDigest>, ServeError> + Send + 'static,
) -> Result<Vec<KeyDigest>, ServeError> {
    let failed = |source: io::Error| ServeError::ReadApiKeys {
        path: path.to_owned(),
        source,
    };
    let (reply, keys) = oneshot::channel();
    let from = path.to_owned();
    let read = move || {
        // The receiver is gone after the time limit.
        let _ = reply.send(read(&from));
    };
    let thread = thread::Builder::new().name("api-keys".to_owned());
    thread.spawn(read).map_err(failed)?;
    match time::timeout(timeout, keys).await {
        Ok(Ok(keys)) => keys,
        Ok(Err(_)) => Err(failed(io::Error::other("the reading thread panicked"))),
        Err(_) => {
            let why = format!("it took longer than {} s", timeout.as_secs_f64());
            Err(failed(io::Error::new(io::ErrorKind::TimedOut, why)))
        }
    }
}

fn read(path: &Path) -> Result<Vec<KeyDigest>, ServeError> {
    let failed = |source: io::Error| ServeError::ReadApiKeys {
        path: path.to_owned(),
        source,
    };
    let (mode, text) = open(path).and_then(read_file).map_err(failed)?;
    if mode & 0o004 != 0 {
        tracing::warn!(path = %path.display(), "every user of this machine can read the API keys; chmod o-r removes the permission");
    }
    parse(path, &text)
}

/// Opens the file without blocking on a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Mode and text of a regular file.
fn read_file(file: File) -> io::Result<(u32, String)> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_BYTES} bytes"
        )));
    }
    Ok((metadata.permissions().mode(), text))
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
    use std::{error::Error, fs};

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tokio::task;

    use super::*;

    #[tokio::test]
    async fn keys_are_lines_without_comments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "# of the web shop\n first-key \r\n\nsecond-key\n").unwrap();
        let keys = ApiKeys::open(&path).await.unwrap();
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
        let expected = "line 2 of keys is not an API key; a key is visible ASCII without spaces";
        assert_eq!(error("good\ntwo words\n"), expected);
        assert_eq!(error("good\nclé\n"), expected);
    }

    #[tokio::test]
    async fn broken_file_keeps_the_previous_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "old").unwrap();
        let keys = ApiKeys::open(&path).await.unwrap();
        for broken in ["", "two words"] {
            fs::write(&path, broken).unwrap();
            keys.reload().await;
            assert!(keys.allow(b"old"), "{broken}");
        }
        fs::remove_file(&path).unwrap();
        keys.reload().await;
        assert!(keys.allow(b"old"));
        fs::write(&path, "new").unwrap();
        keys.reload().await;
        assert!(keys.allow(b"new") && !keys.allow(b"old"));
    }

    /// The test uses a pipe in place of a file on a blocked network drive. [`open`] rejects pipes.
    #[tokio::test]
    async fn hanging_file_holds_nobody_up_and_keeps_the_previous_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "old").unwrap();
        let keys = ApiKeys::open(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &path, FileType::Fifo, mode, 0).unwrap();
        let hanging = |path: &Path| {
            let text = fs::read_to_string(path).unwrap();
            parse(path, &text)
        };

        // The runtime has one thread. The test continues on it while the reading thread is blocked.
        let ((), reloaded) = {
            let reload = in_time(Duration::from_hours(1), &path, hanging);
            let meanwhile = async {
                for _ in 0..10 {
                    task::yield_now().await;
                    assert!(keys.allow(b"old") && !keys.allow(b"new"));
                }
                // Waits until the reader has opened the pipe.
                let path = path.clone();
                let write = task::spawn_blocking(move || fs::write(path, "new"));
                write.await.unwrap().unwrap();
            };
            tokio::join!(meanwhile, reload)
        };
        keys.take(reloaded);
        assert!(keys.allow(b"new") && !keys.allow(b"old"));

        let reloaded = in_time(Duration::from_millis(10), &path, hanging).await;
        let error = reloaded.as_ref().unwrap_err().source().unwrap().to_string();
        assert_eq!(error, "it took longer than 0.01 s");
        keys.take(reloaded);
        assert!(keys.allow(b"new"));
        // Ends the abandoned thread.
        fs::write(&path, "").unwrap();
    }
}
