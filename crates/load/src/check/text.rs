//! Checks of texts: the body of an answer, or the value of a header. Pure.

use regex::bytes::Regex;

/// Check of a text.
#[derive(Debug, Clone)]
pub(crate) enum TextCheck {
    Equal(String),
    Contains(String),
    Matches(Regex),
}

impl TextCheck {
    /// Problem with `text`, as words after its name; `None` if the text is right.
    pub(super) fn problem(&self, text: &[u8]) -> Option<String> {
        match self {
            Self::Equal(expected) => {
                (text != expected.as_bytes()).then(|| format!("is not {expected:?}"))
            }
            Self::Contains(part) => {
                (!contains(text, part.as_bytes())).then(|| format!("does not contain {part:?}"))
            }
            Self::Matches(regex) => {
                (!regex.is_match(text)).then(|| format!("does not match {:?}", regex.as_str()))
            }
        }
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}
