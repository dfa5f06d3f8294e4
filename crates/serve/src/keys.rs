//! The API keys: who may ask. Keys are kept as digests, so that neither memory nor a debug line shows them.

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

/// Time limit for reading the file: it may be on a network that has gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest file of keys.
const MOST_BYTES: u64 = 1024 * 1024;

/// The keys of a file, as they were when it was last read and valid.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    path: PathBuf,
    digests: RwLock<Vec<KeyDigest>>,
}

impl ApiKeys {
    /// The keys in the file at `path`: one a line, with empty lines and those that start with `#` left out.
    ///
    /// # Errors
    /// [`ServeError::ReadApiKeys`], also for anything but a regular file and for one that does not let itself be read in time;
    /// [`ServeError::InvalidApiKey`] and [`ServeError::NoApiKey`].
    pub(crate) async fn open(path: &Path) -> Result<Self, ServeError> {
        Ok(Self {
            path: path.to_owned(),
            digests: RwLock::new(in_time(PATIENCE, path, read).await?),
        })
    }

    /// As [`ApiKeys::open`], but waits for the file however long that takes.
    #[cfg(test)]
    pub(crate) fn read(path: &Path) -> Result<Self, ServeError> {
        Ok(Self {
            path: path.to_owned(),
            digests: RwLock::new(read(path)?),
        })
    }

    /// Reads the file again. The keys stay as they are if that fails: a slip must not lock everybody out.
    pub(crate) async fn reload(&self) {
        self.take(in_time(PATIENCE, &self.path, read).await);
    }

    fn take(&self, keys: Result<Vec<KeyDigest>, ServeError>) {
        match keys {
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

/// Reads the file with `read` on a thread of its own, which is left alone if it takes too long.
async fn in_time(
    patience: Duration,
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
        // Nobody may wait for it any more.
        let _ = reply.send(read(&from));
    };
    let thread = thread::Builder::new().name("api-keys".to_owned());
    thread.spawn(read).map_err(failed)?;
    match time::timeout(patience, keys).await {
        Ok(Ok(keys)) => keys,
        Ok(Err(_)) => Err(failed(io::Error::other(
            "the thread that reads it panicked",
        ))),
        Err(_) => {
            let why = format!("it took longer than {} s", patience.as_secs_f64());
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
        tracing::warn!(path = %path.display(), "every user of this machine can read the API keys; chmod o-r would end that");
    }
    parse(path, &text)
}

/// Opens the file, and does not wait for anybody if it is a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The mode and the text of a regular file.
fn read_file(file: File) -> io::Result<(u32, String)> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    file.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {MOST_BYTES} bytes"
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
        let expected = "line 2 of keys is no API key, which is visible ASCII without spaces";
        assert_eq!(error("good\ntwo words\n"), expected);
        assert_eq!(error("good\nclé\n"), expected);
    }

    #[tokio::test]
    async fn broken_file_keeps_the_former_keys() {
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

    /// A pipe stands for a file on a network that has gone; [`open`] would refuse it.
    #[tokio::test]
    async fn hanging_file_holds_nobody_up_and_keeps_the_former_keys() {
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

        // This runtime has one thread, on which the test goes on while the other one hangs.
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
        // Lets the thread end.
        fs::write(&path, "").unwrap();
    }
}
