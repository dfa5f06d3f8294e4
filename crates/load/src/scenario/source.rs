//! Where in a file something is wrong, in words.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::ScenarioError;

/// The text of a file and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
}

impl Source<'_> {
    /// The TOML of this file as `T`.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ScenarioError> {
        toml::from_str(self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = in_our_words(error.message());
            match self.key_before(&span) {
                Some(key) if is_about_value(&message) => {
                    self.wrong(&span, &format!("`{key}` {message}"))
                }
                _ => self.wrong(&span, &message),
            }
        })
    }

    /// The path of a file that is named relative to this one's folder.
    pub(super) fn beside(&self, file: &Path) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(file)
    }

    /// An error about what is at `span`.
    pub(super) fn wrong(&self, span: &Range<usize>, problem: &str) -> ScenarioError {
        let line = self
            .text
            .as_bytes()
            .iter()
            .take(span.start)
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        ScenarioError::Invalid {
            path: self.path.to_owned(),
            line,
            problem: problem.to_owned(),
        }
    }

    /// The key whose value is at `span`: what stands before the last `=` on the same line.
    fn key_before(&self, span: &Range<usize>) -> Option<&str> {
        let before = self.text.get(..span.start)?;
        let line = before.rsplit('\n').next()?;
        let (left, _) = line.rsplit_once('=')?;
        let key = left
            .trim_end()
            .rsplit(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))
            .next()?;
        (!key.is_empty()).then_some(key)
    }
}

/// The parser's message with TOML's word for what serde calls a field.
fn in_our_words(message: &str) -> String {
    message
        .trim()
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        .replace("unknown variant", "must be another value than")
        .replace("invalid type:", "must be of another type:")
        .replace("invalid length", "must have another length:")
}

/// Whether a message speaks of a value, so that it needs the key in front.
fn is_about_value(message: &str) -> bool {
    message.starts_with("must ")
}
