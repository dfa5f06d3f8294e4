//! Text of a TOML file that people write: its values, and the line of each mistake.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Text of a TOML file and the path of the file.
#[derive(Debug, Clone, Copy)]
pub struct TomlText<'a> {
    /// Content of the file.
    pub text: &'a str,
    /// Path of the file, for errors.
    pub path: &'a Path,
}

/// A mistake in a TOML file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {problem}", path.display())]
pub struct TomlError {
    /// Path of the file.
    pub path: PathBuf,
    /// Line of the mistake, from 1.
    pub line: usize,
    /// The key, what is wrong with it and what would be right.
    pub problem: String,
}

impl TomlText<'_> {
    /// Values of the text.
    ///
    /// # Errors
    /// [`TomlError`] for text that is not TOML or does not fit `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, TomlError> {
        toml::from_str(self.text).map_err(|error| self.parser_error(&error))
    }

    /// A mistake in the value at `span`, in bytes.
    pub fn error(&self, span: &Range<usize>, problem: &str) -> TomlError {
        TomlError {
            path: self.path.to_owned(),
            line: self.line(span),
            problem: problem.to_owned(),
        }
    }

    /// Line of the value at `span`, from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }

    /// Content of a line, counted from 1, without white space around it. Empty beyond the last line.
    pub fn content(&self, line: usize) -> &str {
        let content = line
            .checked_sub(1)
            .and_then(|index| self.text.lines().nth(index));
        content.unwrap_or_default().trim()
    }

    /// Error of the parser with its line, and with the key where the message is about a value.
    pub(crate) fn parser_error(&self, error: &toml::de::Error) -> TomlError {
        let span = error.span().unwrap_or(0..0);
        let message = in_our_words(error.message());
        match self.key_before(&span) {
            Some(key) if is_about_value(&message) => {
                self.error(&span, &format!("`{key}` {message}"))
            }
            _ => self.error(&span, &message),
        }
    }

    /// Key of the value at `span`: the word before the last `=` on the same line.
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
        .replace('\n', ", ")
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        .replace("unknown variant", "must be another value than")
        .replace("invalid type:", "must be of another type:")
        .replace("invalid value:", "must have another value:")
        .replace("invalid length", "must have another length:")
}

/// `true` for a message about a value, which needs the key in front.
fn is_about_value(message: &str) -> bool {
    message.starts_with("must ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[expect(dead_code, reason = "only its type matters")]
        users: u32,
    }

    #[test]
    fn mistakes_have_their_line_and_their_key() {
        let path = Path::new("a.toml");
        for (text, expected) in [
            (
                "\n\nuser = 3",
                "a.toml:3: unknown key `user`, expected `users`",
            ),
            ("", "a.toml:1: missing key `users`"),
            (
                "# users\nusers = \"3\"",
                "a.toml:2: `users` must be of another type: string \"3\", expected u32",
            ),
        ] {
            let error = TomlText { text, path }.read::<File>().unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let text = "a = 1\n  b = 2\n";
        let file = TomlText {
            text,
            path: Path::new(""),
        };
        assert_eq!((file.line(&(0..1)), file.line(&(8..9))), (1, 2));
        assert_eq!(
            (file.content(0), file.content(2), file.content(9)),
            ("", "b = 2", "")
        );
    }
}
