//! Whether a blob is what its name says.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Reads the file again and compares. Large files are named by their SHA-256, others by the hash that git gives them, a SHA-1 over their
/// length and content; mirrors that name them otherwise say nothing to compare with.
pub(crate) fn is_what_its_name_says(blob: &Path) -> io::Result<bool> {
    let name = blob.file_name().unwrap_or_default().to_string_lossy();
    let found = match name.len() {
        64 => hash(Sha256::new(), blob)?,
        40 => {
            let length = blob.metadata()?.len();
            hash(Sha1::new_with_prefix(format!("blob {length}\0")), blob)?
        }
        _ => return Ok(true),
    };
    Ok(found.eq_ignore_ascii_case(&name))
}

/// In hexadecimal digits.
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
    fn blobs_are_named_by_sha_256_or_as_git_names_them() {
        let folder = tempfile::tempdir().unwrap();
        // By `sha256sum` and `git hash-object`.
        for (name, verified) in [
            (
                "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                true,
            ),
            ("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", true),
            ("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b1", false),
            ("an-etag", true),
        ] {
            let blob = folder.path().join(name);
            std::fs::write(&blob, "hello").unwrap();
            assert_eq!(is_what_its_name_says(&blob).unwrap(), verified, "{name}");
        }
    }
}
