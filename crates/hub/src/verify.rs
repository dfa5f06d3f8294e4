//! Verification of a file by its hash.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::name::Hash;

/// `true` if the file has the hash `expected`. The hub uses SHA-256 for large files, and the hash of git for others: a SHA-1 over
/// length and content.
pub(crate) fn has_hash(file: &Path, expected: &Hash) -> io::Result<bool> {
    let expected = expected.as_str();
    let found = if expected.len() == 64 {
        hash(Sha256::new(), file)?
    } else {
        let length = file.metadata()?.len();
        hash(Sha1::new_with_prefix(format!("blob {length}\0")), file)?
    };
    Ok(found.eq_ignore_ascii_case(expected))
}

/// Hash of a file in hexadecimal digits.
fn hash(mut digest: impl Digest, path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let hex = digest
                .finalize()
                .iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            return Ok(hex);
        }
        digest.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_sha_256_or_those_of_git() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "hello").unwrap();
        // By `sha256sum` and `git hash-object`.
        for (hash, expected) in [
            (
                "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                true,
            ),
            ("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", true),
            ("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b1", false),
        ] {
            let found = has_hash(&file, &hash.parse().unwrap()).unwrap();
            assert_eq!(found, expected, "{hash}");
        }
    }
}
