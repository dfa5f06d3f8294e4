//! Encodings of JSON in Python's json module: UTF-8, UTF-16 and UTF-32, with or without a byte order mark. Pure.

use std::borrow::Cow;

/// Unicode encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16(Order),
    Utf32(Order),
}

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

/// `body` in UTF-8, without a byte order mark. An invalid body does not change, so that the parser reports the position.
pub(super) fn utf8_of(body: &[u8]) -> Cow<'_, [u8]> {
    let (encoding, mark) = detect(body);
    let text = &body[mark..];
    let decoded = match encoding {
        Encoding::Utf8 => return Cow::Borrowed(text),
        Encoding::Utf16(order) => utf16(text, order),
        Encoding::Utf32(order) => utf32(text, order),
    };
    decoded.map_or(Cow::Borrowed(body), |text| Cow::Owned(text.into_bytes()))
}

/// Encoding, and length of the byte order mark. Without a mark, the zeros show the encoding, because JSON starts with an ASCII
/// character.
fn detect(body: &[u8]) -> (Encoding, usize) {
    use Encoding::{Utf8, Utf16, Utf32};
    use Order::{Big, Little};
    match body {
        [0, 0, 0xfe, 0xff, ..] => (Utf32(Big), 4),
        [0xff, 0xfe, 0, 0, ..] => (Utf32(Little), 4),
        [0xfe, 0xff, ..] => (Utf16(Big), 2),
        [0xff, 0xfe, ..] => (Utf16(Little), 2),
        [0xef, 0xbb, 0xbf, ..] => (Utf8, 3),
        [0, 0, _, _, ..] => (Utf32(Big), 0),
        [0, _, _, _, ..] | [0, _] => (Utf16(Big), 0),
        [_, 0, 0, 0, ..] => (Utf32(Little), 0),
        [_, 0, _, _, ..] | [_, 0] => (Utf16(Little), 0),
        _ => (Utf8, 0),
    }
}

fn utf16(text: &[u8], order: Order) -> Option<String> {
    let (units, []) = text.as_chunks::<2>() else {
        return None;
    };
    let units = units.iter().map(|bytes| match order {
        Order::Big => u16::from_be_bytes(*bytes),
        Order::Little => u16::from_le_bytes(*bytes),
    });
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

fn utf32(text: &[u8], order: Order) -> Option<String> {
    let (units, []) = text.as_chunks::<4>() else {
        return None;
    };
    let characters = units.iter().map(|bytes| {
        char::from_u32(match order {
            Order::Big => u32::from_be_bytes(*bytes),
            Order::Little => u32::from_le_bytes(*bytes),
        })
    });
    characters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\"a\": \"é🎼\"}";

    fn check(body: &[u8]) {
        assert_eq!(String::from_utf8_lossy(&utf8_of(body)), TEXT, "{body:?}");
    }

    #[test]
    fn every_encoding_is_read_with_a_mark_and_without() {
        check(TEXT.as_bytes());
        check(format!("\u{feff}{TEXT}").as_bytes());
        for text in [TEXT.to_owned(), format!("\u{feff}{TEXT}")] {
            let utf16: Vec<u16> = text.encode_utf16().collect();
            check(&bytes(&utf16, u16::to_be_bytes));
            check(&bytes(&utf16, u16::to_le_bytes));
            let utf32: Vec<u32> = text.chars().map(u32::from).collect();
            check(&bytes(&utf32, u32::to_be_bytes));
            check(&bytes(&utf32, u32::to_le_bytes));
        }
    }

    /// Bytes of `units`, in the order of `to_bytes`.
    fn bytes<U: Copy, const SIZE: usize>(units: &[U], to_bytes: fn(U) -> [u8; SIZE]) -> Vec<u8> {
        units.iter().copied().flat_map(to_bytes).collect()
    }

    #[test]
    fn a_body_without_a_valid_encoding_does_not_change() {
        for body in [
            &b"\xff\xfe{"[..],
            b"\xff\xfe\0\xd8",
            b"\0\0\xfe\xff\0",
            b"\xff",
            b"",
        ] {
            assert_eq!(*utf8_of(body), *body);
        }
    }
}
