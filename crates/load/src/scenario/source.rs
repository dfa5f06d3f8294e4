//! Where in a file something is wrong, in words.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::ScenarioError;
use crate::toml_text::TomlText;

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
            .map_err(|error| ScenarioError::mistake(TomlText { text, path }.parser_error(&error)))
    }

    /// The TOML of this file as `T`.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ScenarioError> {
        self.toml().read().map_err(ScenarioError::mistake)
    }

    fn toml(&self) -> TomlText<'a> {
        TomlText {
            text: self.text,
            path: self.path,
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
        self.toml().line(span)
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
        ScenarioError::mistake(self.toml().error(span, problem))
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
