//! JSON as text: numbers keep all their digits, and objects the order of their keys. Pure.
//!
//! `serde_json::Value` holds a number in 64 bits. The feature `arbitrary_precision` keeps all digits, but it changes every
//! crate of the program: numbers under serde's `flatten` and `untagged` can then no longer be read. So a value is its text
//! here, and is parsed where it is needed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::value::RawValue;

use serde::Deserialize;

/// Kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    String,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

impl Kind {
    /// Name of the kind with its article, for messages.
    pub(crate) fn with_article(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::Null => "null",
        }
    }
}

/// Parses JSON in UTF-8; `None` if `text` is none. A byte order mark is ignored, as in Python's requests.
pub(crate) fn parse(text: &[u8]) -> Option<&RawValue> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    serde_json::from_slice(text).ok()
}

/// Value at `pointer` (RFC 6901). If an object has a name twice, the last value counts.
pub(crate) fn at<'a>(value: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    if pointer.is_empty() {
        return Some(value);
    }
    let mut value = value;
    for step in pointer.strip_prefix('/')?.split('/') {
        let step = step.replace("~1", "/").replace("~0", "~");
        value = match kind(value) {
            Kind::Object => members(value)?.remove(step.as_str())?,
            Kind::Array => items(value)?.get(index(&step)?).copied()?,
            _ => return None,
        };
    }
    Some(value)
}

/// Kind of a value, by its first character.
pub(crate) fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// Text of a value: the content of a string, or the JSON of another value; `None` for null.
pub(crate) fn as_text(value: &RawValue) -> Option<Cow<'_, str>> {
    match kind(value) {
        Kind::String => serde_json::from_str(value.get()).ok(),
        Kind::Null => None,
        _ => Some(Cow::Borrowed(value.get())),
    }
}

/// `text` as a JSON string.
pub(crate) fn string(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).expect("a text can be written as JSON")
}

/// Equality of two values. The order of keys does not matter, and `1`, `1.0` and `10e-1` are equal.
pub(crate) fn same(left: &RawValue, right: &RawValue) -> bool {
    if kind(left) != kind(right) {
        return false;
    }
    match kind(left) {
        Kind::Object => {
            let (Some(left), Some(right)) = (members(left), members(right)) else {
                return false;
            };
            left.len() == right.len()
                && left.iter().all(|(key, left)| {
                    right
                        .get(key)
                        .is_some_and(|right_value| same(left, right_value))
                })
        }
        Kind::Array => {
            let (Some(left), Some(right)) = (items(left), items(right)) else {
                return false;
            };
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        Kind::Number => Decimal::of(left) == Decimal::of(right),
        Kind::String => as_text(left) == as_text(right),
        Kind::Boolean | Kind::Null => left.get() == right.get(),
    }
}

fn members(object: &RawValue) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(object.get()).ok()
}

fn items(array: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(array.get()).ok()
}

/// Index in a step of a pointer: digits without a leading zero.
fn index(step: &str) -> Option<usize> {
    let is_index = step == "0" || (step.starts_with(|c: char| c.is_ascii_digit() && c != '0'));
    step.parse().ok().filter(|_| is_index)
}

/// A decimal number with all its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    is_negative: bool,
    /// Digits without zeros at either end; empty for zero.
    digits: String,
    /// Power of ten of the first digit.
    magnitude: i64,
}

impl Decimal {
    /// Number of a JSON value; `None` if the value is no number.
    pub(crate) fn of(value: &RawValue) -> Option<Self> {
        match kind(value) {
            Kind::Number => Self::parse(value.get()),
            _ => None,
        }
    }

    /// Parses a number of JSON.
    fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = all.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self {
                is_negative: false,
                digits: String::new(),
                magnitude: 0,
            });
        }
        let first = all.len() - significant.len();
        let before_point = i64::try_from(whole.len()).ok()? - i64::try_from(first).ok()? - 1;
        Some(Self {
            is_negative,
            digits: significant.trim_end_matches('0').to_owned(),
            magnitude: exponent_of(exponent)?.saturating_add(before_point),
        })
    }
}

/// Parses an exponent. One beyond `i64` becomes the largest or smallest `i64`.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX);
    Some(if text.starts_with('-') { -size } else { size })
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_size = || (self.magnitude, &self.digits).cmp(&(other.magnitude, &other.digits));
        sign(self).cmp(&sign(other)).then_with(|| {
            if self.is_negative {
                by_size().reverse()
            } else {
                by_size()
            }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> &RawValue {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_are_found_by_their_pointer_as_they_were_written() {
        let body =
            json(r#" {"a/b": [1, {"x": 1.10}], "~": 1e2, "twice": 1, "twice": 2, "": null} "#);
        for (pointer, expected) in [
            ("/a~1b/1/x", Some("1.10")),
            ("/~0", Some("1e2")),
            ("/a~1b/0", Some("1")),
            ("/a~1b/00", None),
            ("/a~1b/+0", None),
            ("/a~1b/2", None),
            ("/a~1b/-", None),
            ("/twice", Some("2")),
            ("/", Some("null")),
            ("/~0/x", None),
            ("x", None),
        ] {
            let found = at(body, pointer).map(RawValue::get);
            assert_eq!(found, expected, "{pointer}");
        }
        assert_eq!(at(body, "").map(kind), Some(Kind::Object));
    }

    #[test]
    fn only_json_is_json() {
        for text in ["{\"a\": NaN}", "{", "", "[1,]", "\u{feff}", "{} x"] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_none());
        assert!(parse("\u{feff}{}".as_bytes()).is_some());
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_some());
    }

    #[test]
    fn numbers_are_compared_digit_by_digit() {
        for (left, right, expected) in [
            ("1", "1.0", Ordering::Equal),
            ("100", "1e2", Ordering::Equal),
            ("0.001", "1E-3", Ordering::Equal),
            ("-0", "0.000", Ordering::Equal),
            ("9007199254740992", "9007199254740993", Ordering::Less),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
                Ordering::Less,
            ),
            ("-2", "-1", Ordering::Less),
            ("-1", "0", Ordering::Less),
            ("1e99999999999999999999", "1", Ordering::Greater),
            ("1e-99999999999999999999", "1", Ordering::Less),
            ("12", "123", Ordering::Less),
            ("0.12", "0.123", Ordering::Less),
        ] {
            let [left_number, right_number] =
                [left, right].map(|text| Decimal::of(json(text)).unwrap());
            assert_eq!(left_number.cmp(&right_number), expected, "{left} {right}");
            let is_same = same(json(left), json(right));
            assert_eq!(is_same, expected == Ordering::Equal, "{left} {right}");
        }
    }

    #[test]
    fn values_are_the_same_whatever_the_order_of_their_keys() {
        for (left, right, expected) in [
            (
                r#"{"a": 1, "b": [2, "x"]}"#,
                r#"{"b":[2.0,"\u0078"],"a":1}"#,
                true,
            ),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false),
            ("[1, 2]", "[2, 1]", false),
            ("\"1\"", "1", false),
            ("true", "false", false),
            ("null", "null", true),
        ] {
            assert_eq!(same(json(left), json(right)), expected, "{left} {right}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_ordered_as_floats_are(left in -1e9_f64..1e9, right in -1e9_f64..1e9) {
            let [left_text, right_text] = [left, right].map(|number| number.to_string());
            let compared = Decimal::parse(&left_text).cmp(&Decimal::parse(&right_text));
            prop_assert_eq!(Some(compared), left.partial_cmp(&right));
        }
    }
}
