//! SHA-256 hashes in hexadecimal.

use std::fmt::Write;
use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// SHA-256 of the content of a file, in hexadecimal.
///
/// # Errors
/// A file that cannot be read, and anything that is not a regular file.
pub(crate) fn of_file(path: &Path) -> Result<String, Error> {
    // A pipe may never be written to, and a device may never end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::other("it is not a regular file"));
    }
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut file = File::open(path)?;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            length => hash.update(&piece[..length]),
        }
    }
}

/// Text of [`of_file`] for a report: the hash, or the reason why there is none.
pub(crate) fn of_file_in_words(path: &Path) -> String {
    of_file(path).unwrap_or_else(|error| format!("not readable: {error}"))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
