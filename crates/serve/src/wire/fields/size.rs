//! Limits of parsed bodies, and of inputs in error responses. Pure.

use serde_json::{Map, Value};

use crate::config::Limits;

/// Maximum number of values in a body in addition to those of its items.
const MAX_OTHER_VALUES: usize = 32_768;

/// Maximum number of values for each item.
const VALUES_PER_ITEM: usize = 8;

/// Approximate maximum size of an input in an error response, in bytes of JSON.
const MAX_ECHOED_BYTES: usize = 1000;

/// Maximum number of values in a body.
pub(super) fn max_values(limits: &Limits) -> usize {
    let of_items = limits.max_items.get().saturating_mul(VALUES_PER_ITEM);
    of_items.saturating_add(MAX_OTHER_VALUES)
}

/// `true` if the JSON `body` has more than `most` values in lists and objects. The check comes before parsing, because a parsed value
/// can take 700 bytes for two bytes of the body.
pub(super) fn has_more_values(body: &[u8], most: usize) -> bool {
    if body.len() <= most {
        return false;
    }
    let (mut values, mut in_text, mut escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            // The first value of a list or object follows a bracket, and all other values follow a comma.
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values > most
}

/// `input`, or null for a long input.
pub(super) fn brief(input: &Value) -> Value {
    if is_brief(input) {
        input.clone()
    } else {
        Value::Null
    }
}

/// The object, or null for a long object.
pub(super) fn brief_object(input: &Map<String, Value>) -> Value {
    let mut left = MAX_ECHOED_BYTES;
    if object_fits(input, &mut left) {
        Value::Object(input.clone())
    } else {
        Value::Null
    }
}

/// `true` if `input` is short enough for an error response.
pub(crate) fn is_brief(input: &Value) -> bool {
    fits(input, &mut { MAX_ECHOED_BYTES })
}

/// Subtracts the size of `input` from `left`. `false` if `left` is too small.
fn fits(input: &Value, left: &mut usize) -> bool {
    match input {
        Value::Null | Value::Bool(_) | Value::Number(_) => take(left, 5),
        Value::String(text) => take(left, text.len() + 3),
        Value::Array(list) => take(left, 3) && list.iter().all(|item| fits(item, left)),
        Value::Object(object) => object_fits(object, left),
    }
}

fn object_fits(object: &Map<String, Value>, left: &mut usize) -> bool {
    let mut entries = object.iter();
    take(left, 3) && entries.all(|(key, value)| take(left, key.len() + 3) && fits(value, left))
}

fn take(left: &mut usize, bytes: usize) -> bool {
    let rest = left.checked_sub(bytes);
    *left = rest.unwrap_or_default();
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_counted_outside_texts() {
        for (body, values) in [
            (r#"{"a": 1}"#, 1),
            (r#"{"a": [1, {"b": 2}], "c": ",[{"}"#, 5),
            (r#"["\"[,", "\\", 3]"#, 3),
            ("[[[]]]", 3),
        ] {
            assert!(!has_more_values(body.as_bytes(), values), "{body}");
            assert!(has_more_values(body.as_bytes(), values - 1), "{body}");
        }
    }

    #[test]
    fn long_inputs_are_not_repeated() {
        for input in [json!(7), json!("x".repeat(900)), json!({"a": [1, 2, null]})] {
            assert_eq!(brief(&input), input);
        }
        let list: Vec<u32> = (0..500).collect();
        for input in [json!("x".repeat(1100)), json!(list), json!({ "a": list })] {
            assert_eq!(brief(&input), Value::Null);
        }
    }
}
