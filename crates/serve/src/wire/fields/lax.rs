//! Conversion of values to numbers and flags, as in the lax mode of pydantic. Pure.

use serde_json::{Number, Value};

/// Problem of a value: kind and message.
pub(super) type Wrong = (&'static str, &'static str);

/// Integer value of `input`, for example of `5`, `5.0`, `"5"`, `" +5.0 "`, `"1_000"` or `true`, which is 1. Saturates.
///
/// # Errors
/// Kind and message of the problem.
pub(super) fn integer(input: &Value) -> Result<i128, Wrong> {
    match input {
        Value::Number(number) => of_number(number),
        Value::Bool(flag) => Ok(i128::from(*flag)),
        Value::String(text) => of_text(text).ok_or((
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        )),
        _ => Err(("int_type", "Input should be a valid integer")),
    }
}

/// Flag value of `input`: `true`, `1`, `1.0`, or one of a few words in any letter case.
///
/// # Errors
/// Kind and message of the problem.
pub(super) fn boolean(input: &Value) -> Result<bool, Wrong> {
    const TRUE: [&str; 6] = ["1", "on", "t", "true", "y", "yes"];
    const FALSE: [&str; 6] = ["0", "off", "f", "false", "n", "no"];
    let known = match input {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match of_number(number) {
            Ok(0) => Some(false),
            Ok(1) => Some(true),
            Ok(_) => None,
            Err(_) => return Err(NO_BOOLEAN),
        },
        Value::String(text) => {
            let is = |word: &&str| word.eq_ignore_ascii_case(text);
            let yes = TRUE.iter().any(is);
            (yes || FALSE.iter().any(is)).then_some(yes)
        }
        _ => return Err(NO_BOOLEAN),
    };
    known.ok_or((
        "bool_parsing",
        "Input should be a valid boolean, unable to interpret input",
    ))
}

const NO_BOOLEAN: Wrong = ("bool_type", "Input should be a valid boolean");

/// Integer value of a number without a fractional part.
fn of_number(number: &Number) -> Result<i128, Wrong> {
    if let Some(integer) = number.as_i128() {
        return Ok(integer);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturated values are out of range"
    )]
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 => Ok(float as i128),
        _ => Err((
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
        )),
    }
}

/// Integer value of a text: digits with single underscores, an optional sign, optional zeros after a point, and white space around.
/// `None` for other text.
fn of_text(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit == b'0') {
        return None;
    }
    let mut number: i128 = 0;
    for digits in whole.split('_') {
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        for digit in digits.bytes() {
            number = number
                .saturating_mul(10)
                .saturating_add(i128::from(digit - b'0'));
        }
    }
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Expected values are those of pydantic 2.14.
    #[test]
    fn integers_are_those_of_pydantic() {
        for (input, expected) in [
            (json!("2"), 2),
            (json!(" 2 "), 2),
            (json!("2.0"), 2),
            (json!("2.00"), 2),
            (json!("1_0"), 10),
            (json!("1_0.0"), 10),
            (json!("+2"), 2),
            (json!("-2"), -2),
            (json!("0002"), 2),
            (json!("\n3\t"), 3),
            (json!(true), 1),
            (json!(false), 0),
            (json!(2.0), 2),
            (json!(-7), -7),
            (json!("9".repeat(60)), i128::MAX),
        ] {
            assert_eq!(integer(&input), Ok(expected), "{input}");
        }
        for input in [
            "2.5", "1__0", "_1", "1_", "0x2", "", "abc", "1e1", "1.", ".0", "２", " - 2", "+-2",
        ] {
            assert_eq!(
                integer(&json!(input)).unwrap_err().0,
                "int_parsing",
                "{input}"
            );
        }
        for (input, kind) in [
            (json!(2.5), "int_from_float"),
            (json!([1]), "int_type"),
            (json!({"a": 1}), "int_type"),
        ] {
            assert_eq!(integer(&input).unwrap_err().0, kind, "{input}");
        }
    }

    #[test]
    fn flags_are_those_of_pydantic() {
        for input in ["false", "False", "FALSE", "0", "off", "f", "n", "no"] {
            assert_eq!(boolean(&json!(input)), Ok(false), "{input}");
        }
        for input in ["true", "TrUe", "1", "on", "t", "y", "yes"] {
            assert_eq!(boolean(&json!(input)), Ok(true), "{input}");
        }
        for (input, expected) in [
            (json!(0), false),
            (json!(1), true),
            (json!(0.0), false),
            (json!(1.0), true),
        ] {
            assert_eq!(boolean(&input), Ok(expected), "{input}");
        }
        for input in [
            json!("ja"),
            json!(""),
            json!(" true"),
            json!("1.0"),
            json!(2),
            json!(-1),
        ] {
            assert_eq!(boolean(&input).unwrap_err().0, "bool_parsing", "{input}");
        }
        for input in [json!(0.5), json!([]), json!({})] {
            assert_eq!(boolean(&input), Err(NO_BOOLEAN), "{input}");
        }
    }
}
