//! Text from outside, such as a contender's log, made harmless for a terminal and a page. Pure.

use std::path::{Path, PathBuf};

/// `text` with control characters, such as those of escape sequences, written out: `\u{1b}` for the byte 27.
/// Line feeds and tabs stay.
pub(crate) fn plain(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let stays = c == '\n' || c == '\t' || !(c.is_control() || turns_text(c));
        if stays {
            plain.push(c);
        } else {
            plain.extend(c.escape_unicode());
        }
    }
    plain
}

/// `true` for characters that change the direction of the text after them.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Absolute path of a folder, for a message. The path of the current folder may be empty.
pub(crate) fn full_path(folder: &Path) -> PathBuf {
    std::path::absolute(folder.join(".")).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        for (text, expected) in [
            ("one\n\ttwo ä", "one\n\ttwo ä"),
            ("\u{1b}[2Jgone\r", "\\u{1b}[2Jgone\\u{d}"),
            ("\u{9b}31m\u{7f}\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
        ] {
            assert_eq!(plain(text), expected);
            assert_eq!(plain(plain(text)), expected);
        }
    }
}
