//! Download of the files of a commit. Each file is verified before it gets its name in the cache.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use ureq::Body;
use ureq::http::{Response, StatusCode};
use url::Url;

use crate::answer::{About, Part};
use crate::cache::{self, Cache};
use crate::client::Client;
use crate::error::Cause;
use crate::name::{Hash, ModelName};
use crate::verify::has_hash;
use crate::{MAX_SMALL_FILE_BYTES, Pulled};

/// Download of the files of one commit.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) cache: &'a Cache,
    pub(crate) model: &'a ModelName,
    pub(crate) commit: &'a Hash,
    pub(crate) progress: &'a mut dyn FnMut(&Pulled),
}

impl Download<'_> {
    /// Pulls a file that is read into memory later, and is therefore limited in size.
    pub(crate) fn small_file(&mut self, file: &str) -> Result<(), Cause> {
        self.file(file, MAX_SMALL_FILE_BYTES)
    }

    /// Pulls a file of any size.
    pub(crate) fn weights(&mut self, file: &str) -> Result<(), Cause> {
        self.file(file, u64::MAX)
    }

    fn file(&mut self, file: &str, max_bytes: u64) -> Result<(), Cause> {
        if self.cache.snapshot(self.commit).join(file).is_file() {
            return Ok(());
        }
        let url = self.client.file(self.model, self.commit, file);
        let (about, at) = self.client.about(url, self.commit)?;
        let lock = self.cache.lock(&about.hash)?;
        let blob = self.cache.blob(&about.hash);
        // Another commit may have the same file.
        let is_there = blob.is_file() && is_verified(&blob, &about.hash)?;
        if !is_there {
            let source = Source {
                file,
                at,
                about: &about,
                max_bytes,
            };
            self.blob(&source, &blob)?;
        }
        drop(lock);
        self.cache.link(self.commit, file, &about.hash)
    }

    /// Downloads a blob, verifies it, and puts it in its place.
    fn blob(&mut self, source: &Source, blob: &Path) -> Result<(), Cause> {
        let hash = &source.about.hash;
        let incomplete = self.cache.incomplete(hash);
        let disk = |error| Cause::disk(&incomplete, error);
        if let Some(folder) = blob.parent() {
            cache::create(folder)?;
        }
        loop {
            let kept = self.transfer(source, &incomplete)?;
            if is_verified(&incomplete, hash)? {
                let file = File::open(&incomplete).map_err(disk)?;
                file.sync_all().map_err(disk)?;
                return fs::rename(&incomplete, blob).map_err(|error| Cause::disk(blob, error));
            }
            fs::remove_file(&incomplete).map_err(disk)?;
            if kept == 0 {
                return Err(Cause::Hash {
                    file: source.file.to_owned(),
                    hash: hash.as_str().to_owned(),
                });
            }
            // The bytes of an earlier transfer may be wrong, so they are deleted and there is one more try.
        }
    }

    /// Downloads the missing bytes of `incomplete`, and returns the number of earlier bytes that it kept.
    fn transfer(&mut self, source: &Source, incomplete: &Path) -> Result<u64, Cause> {
        let there = fs::metadata(incomplete).map_or(0, |file| file.len());
        let kept = match source.about.bytes {
            Some(bytes) if there == bytes && bytes > 0 => return Ok(there),
            Some(bytes) if there > bytes => 0,
            _ => there,
        };
        let (mut response, at) = self.client.bytes(source.at.clone(), kept)?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // The hub has no further bytes. The hash tells whether the file is complete.
            return Ok(kept);
        }
        let (start, total) = source.place_of(&response, kept)?;
        let disk = |error| Cause::disk(incomplete, error);
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(start == 0)
            .append(start > 0)
            .open(incomplete)
            .map_err(disk)?;
        let mut pulled = Pulled {
            file: source.file.to_owned(),
            bytes: start,
            of: total,
        };
        (self.progress)(&pulled);
        let mut body = self.client.steady(response.body_mut(), None);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = body.read(&mut buffer);
            let read = read.map_err(|error| self.client.broken(&at, error))?;
            if read == 0 {
                break;
            }
            if read as u64 > total - pulled.bytes {
                let file = source.file;
                return Err(Cause::Answer(format!(
                    "sends more of {file} than the {total} bytes that it has"
                )));
            }
            file.write_all(&buffer[..read]).map_err(disk)?;
            pulled.bytes += read as u64;
            (self.progress)(&pulled);
        }
        if pulled.bytes < total {
            let (file, bytes) = (source.file, pulled.bytes);
            return Err(Cause::Answer(format!(
                "ends after {bytes} of the {total} bytes of {file}"
            )));
        }
        Ok(start)
    }
}

fn is_verified(path: &Path, hash: &Hash) -> Result<bool, Cause> {
    has_hash(path, hash).map_err(|error| Cause::disk(path, error))
}

/// File at the hub.
struct Source<'a> {
    file: &'a str,
    /// Address of the content.
    at: Url,
    about: &'a About,
    max_bytes: u64,
}

impl Source<'_> {
    /// Offset of an answer in the file, of which `kept` bytes are stored, and size of the whole file.
    fn place_of(&self, response: &Response<Body>, kept: u64) -> Result<(u64, u64), Cause> {
        let is_partial = response.status() == StatusCode::PARTIAL_CONTENT;
        let part = Part::read(response.headers(), is_partial).map_err(Cause::Answer)?;
        let nonsense = |what: String| Err(Cause::Answer(format!("{what} {}", self.file)));
        if part.start != 0 && part.start != kept {
            let start = part.start;
            return nonsense(format!("sends the bytes from {start} on, not {kept}, of"));
        }
        let total = match (self.about.bytes, part.total) {
            (Some(bytes), Some(total)) if bytes != total => {
                return nonsense(format!("says {bytes} and {total} for the length of"));
            }
            (bytes, total) => bytes.or(total),
        };
        match total {
            None => nonsense("does not say the length of".to_owned()),
            Some(total) if total > self.max_bytes => {
                let limit = self.max_bytes;
                nonsense(format!("has {total} bytes, more than {limit}, for"))
            }
            Some(total) if part.start > total => {
                nonsense(format!("sends bytes behind the end, {total}, of"))
            }
            Some(total) => Ok((part.start, total)),
        }
    }
}
