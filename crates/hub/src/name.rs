//! Names of models on the hub.

use std::fmt;
use std::str::FromStr;

/// `OWNER/NAME`, or `NAME` alone for the few models that belong to the hub itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

/// A text that cannot be a model's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no model's name; they are OWNER/NAME, such as deepset/tinyroberta-squad2")]
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

/// Whether `text` may be a part of a path without leaving it: letters, digits and `-_.`, not a dot first.
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
}
