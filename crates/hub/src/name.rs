//! Names that become paths in the cache: models, revisions and hashes.

use std::fmt;
use std::str::FromStr;

use crate::error::quoted;

/// Name of a model: `OWNER/NAME`, or `NAME` for the few models without an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

/// Error for a text that is not the name of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the name of a model, which is OWNER/NAME, such as deepset/tinyroberta-squad2"
)]
pub struct NotAName(String);

impl FromStr for ModelName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let parts: Vec<&str> = text.split('/').collect();
        // Two hyphens stand for the slash in the cache.
        let fits = parts.len() <= 2
            && !text.contains("--")
            && parts
                .iter()
                .all(|part| is_plain(part) && !part.contains(".."));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName(text.to_owned()))
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Name of a branch or tag, or the hash of a commit.
///
/// Each part between slashes is a plain file name, as git requires too, so that the path stays in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

/// Error for a text that is not the name of a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a revision, which is a branch, a tag or a commit, such as main or refs/pr/1")]
pub struct NotARevision(String);

impl Revision {
    /// Default revision, the branch `main`.
    pub fn main() -> Self {
        Self(crate::MAIN.to_owned())
    }

    /// The commit, if the revision is the hash of a commit.
    pub(crate) fn commit(&self) -> Option<Hash> {
        self.0.parse().ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Revision {
    type Err = NotARevision;

    fn from_str(text: &str) -> Result<Self, NotARevision> {
        let is_part = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && part.len() <= 255
        };
        let fits = text.split('/').all(is_part)
            && !text.contains("..")
            && !text.starts_with('-')
            && !text
                .chars()
                .any(|c| c.is_control() || r" ~^:?*[\".contains(c));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotARevision(text.to_owned()))
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Hash in hexadecimal digits: 40 of a SHA-1, which git uses for commits and files, or 64 of a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hash(String);

impl Hash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{}, which is not a hash of 40 or 64 hexadecimal digits",
                quoted(text)
            ))
        }
    }
}

/// `true` if `text` can be a file name in its folder: letters, digits and `-_.`, without a dot at the start.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_or_two_plain_parts() {
        for name in ["deepset/tinyroberta-squad2", "gpt2", "a/b.c_d"] {
            assert_eq!(name.parse::<ModelName>().unwrap().to_string(), name);
        }
        for name in [
            "", "a/", "/b", "a/b/c", "../b", "a/..", "a b/c", "a--b/c", "~/x", "a/b?c",
        ] {
            assert!(name.parse::<ModelName>().is_err(), "{name}");
        }
    }

    #[test]
    fn revisions_lead_nowhere_else() {
        for name in ["main", "refs/pr/1", "v1.0+x", "größe", "a@b"] {
            assert_eq!(name.parse::<Revision>().unwrap().to_string(), name);
        }
        for name in [
            "", "../../x", "/etc/x", "a//b", "a/", "./a", "a/..", "a\\b", "a\0b", "a\nb", "a b",
            "-x", "a/.git",
        ] {
            assert!(name.parse::<Revision>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn hashes_have_40_or_64_hexadecimal_digits() {
        for length in [40, 64] {
            assert!("aB".repeat(length / 2).parse::<Hash>().is_ok());
            assert!("ab".repeat(length / 2 + 1).parse::<Hash>().is_err());
            assert!("/x".repeat(length / 2).parse::<Hash>().is_err());
            assert!("é".repeat(length / 2).parse::<Hash>().is_err());
        }
    }
}
