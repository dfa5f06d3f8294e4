//! Where in a file something is wrong, in words.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::ScenarioError;

/// The text of a file, its name and its values as they were written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
    document: &'a DeTable<'a>,
}

impl<'a> Source<'a> {
    /// The source of `text`, whose values [`Self::parse`] gave.
    pub(super) fn new(text: &'a str, path: &'a Path, document: &'a DeTable<'a>) -> Self {
        Self {
            text,
            path,
            document,
        }
    }

    /// The values of the TOML in `text`.
    pub(super) fn parse(text: &'a str, path: &'a Path) -> Result<DeTable<'a>, ScenarioError> {
        DeTable::parse(text)
            .map(Spanned::into_inner)
            .map_err(|error| Source::new(text, path, &DeTable::new()).in_words(&error))
    }

    /// The TOML of this file as `T`.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ScenarioError> {
        toml::from_str(self.text).map_err(|error| self.in_words(&error))
    }

    fn in_words(&self, error: &toml::de::Error) -> ScenarioError {
        let span = error.span().unwrap_or(0..0);
        let message = in_our_words(error.message());
        match self.key_before(&span) {
            Some(key) if is_about_value(&message) => {
                self.wrong(&span, &format!("`{key}` {message}"))
            }
            _ => self.wrong(&span, &message),
        }
    }

    /// The value of `key` at `span`, with its numbers as they were written and its keys in their order.
    pub(super) fn written(
        &self,
        key: &str,
        span: &Range<usize>,
    ) -> Result<&'a DeValue<'a>, ScenarioError> {
        // The same library found the span in the same text.
        find(self.document, key, span)
            .ok_or_else(|| self.wrong(span, &format!("`{key}` cannot be read")))
    }

    /// The line of what is at `span`, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }

    /// The path of a file that is named relative to this one's folder. It is never empty, so that errors show it.
    pub(super) fn beside(&self, file: &Path) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let path = folder.join(file);
        if path.as_os_str().is_empty() {
            return PathBuf::from(".");
        }
        path
    }

    /// An error about what is at `span`.
    pub(super) fn wrong(&self, span: &Range<usize>, problem: &str) -> ScenarioError {
        ScenarioError::Invalid {
            path: self.path.to_owned(),
            line: self.line(span),
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

/// The content of the file at `path`, which the scenario names.
pub(super) fn read_file(path: &Path) -> Result<Bytes, ScenarioError> {
    let bytes = std::fs::read(path).map(Bytes::from);
    bytes.map_err(|source| ScenarioError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// The value of `key` at `span`, in `table` or in what it holds.
fn find<'t, 'i>(table: &'t DeTable<'i>, key: &str, span: &Range<usize>) -> Option<&'t DeValue<'i>> {
    table.iter().find_map(|(name, value)| {
        if name.get_ref() == key && value.span() == *span {
            return Some(value.get_ref());
        }
        within(value.get_ref(), key, span)
    })
}

fn within<'t, 'i>(
    value: &'t DeValue<'i>,
    key: &str,
    span: &Range<usize>,
) -> Option<&'t DeValue<'i>> {
    match value {
        DeValue::Table(table) => find(table, key, span),
        DeValue::Array(items) => items
            .iter()
            .find_map(|item| within(item.get_ref(), key, span)),
        _ => None,
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
