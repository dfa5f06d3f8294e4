//! What an answer must be to count as a success.

use std::borrow::Cow;

use hyper::StatusCode;
use serde_json::Value;

use crate::scenario::Kind;

/// Why a request failed, without varying parts, so that failures can be counted by it.
pub(crate) type Cause = Cow<'static, str>;

/// What a task demands of its answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// The one status that is right; without it, every status below 400 is.
    pub(crate) status: Option<StatusCode>,
    pub(crate) body: Vec<BodyCheck>,
}

/// What a task demands of the body of its answers.
#[derive(Debug, Clone)]
pub(crate) enum BodyCheck {
    /// The body contains this text.
    Contains(String),
    /// The body is JSON and has a value at this pointer (RFC 6901).
    Json {
        pointer: String,
        kind: Option<Kind>,
        equal: Option<Value>,
    },
}

impl Checks {
    /// Whether the body has to be kept to be looked at.
    pub(crate) fn need_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// What is wrong with an answer; `body` may be empty where no check needs it.
    pub(crate) fn failure(&self, status: StatusCode, body: &[u8]) -> Option<Cause> {
        let right = self
            .status
            .map_or(status.as_u16() < 400, |expected| status == expected);
        if !right {
            return Some(format!("status {}", status.as_u16()).into());
        }
        if self.body.is_empty() {
            return None;
        }
        let mut json = None;
        self.body.iter().find_map(|check| match check {
            BodyCheck::Contains(text) => (!contains(body, text.as_bytes()))
                .then(|| format!("check failed: the body does not contain {text:?}").into()),
            BodyCheck::Json {
                pointer,
                kind,
                equal,
            } => match json.get_or_insert_with(|| serde_json::from_slice::<Value>(body).ok()) {
                Some(json) => wrong_value(json, pointer, *kind, equal.as_ref()),
                None => Some("check failed: the body is not JSON".into()),
            },
        })
    }
}

fn wrong_value(
    json: &Value,
    pointer: &str,
    kind: Option<Kind>,
    equal: Option<&Value>,
) -> Option<Cause> {
    let shown = if pointer.is_empty() {
        "the body"
    } else {
        pointer
    };
    let Some(value) = json.pointer(pointer) else {
        return Some(format!("check failed: {shown} is missing").into());
    };
    if let Some(kind) = kind
        && !kind.is_of(value)
    {
        return Some(format!("check failed: {shown} is not {}", kind.with_article()).into());
    }
    let expected = equal.filter(|expected| !same(value, expected))?;
    Some(format!("check failed: {shown} is not equal to {expected}").into())
}

impl Kind {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
            Self::Null => value.is_null(),
        }
    }

    fn with_article(self) -> &'static str {
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

/// Equality in which `1` and `1.0` are one number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json_check(pointer: &str, kind: Option<Kind>, equal: Option<Value>) -> Checks {
        Checks {
            status: None,
            body: vec![BodyCheck::Json {
                pointer: pointer.to_owned(),
                kind,
                equal,
            }],
        }
    }

    #[test]
    fn without_checks_every_status_below_400_is_a_success() {
        let checks = Checks::default();
        for (status, failure) in [
            (200, None),
            (302, None),
            (404, Some("status 404")),
            (500, Some("status 500")),
        ] {
            assert_eq!(
                checks
                    .failure(StatusCode::from_u16(status).unwrap(), b"")
                    .as_deref(),
                failure
            );
        }
        assert!(!checks.need_body());
    }

    #[test]
    fn an_expected_status_is_the_only_right_one() {
        let checks = Checks {
            status: Some(StatusCode::NOT_FOUND),
            body: Vec::new(),
        };
        assert_eq!(checks.failure(StatusCode::NOT_FOUND, b""), None);
        assert_eq!(
            checks.failure(StatusCode::OK, b"").as_deref(),
            Some("status 200")
        );
    }

    #[test]
    fn a_body_that_is_not_right_fails_for_a_reason_without_varying_parts() {
        let body = br#"{"answer": 7, "score": 1.0, "list": [1, {"a": 2}]}"#;
        let cases = [
            (json_check("/answer", None, None), None),
            (
                json_check("/answer", Some(Kind::Number), Some(json!(7.0))),
                None,
            ),
            (json_check("/score", None, Some(json!(1))), None),
            (
                json_check("/list", None, Some(json!([1.0, {"a": 2}]))),
                None,
            ),
            (
                json_check("/answer", Some(Kind::String), None),
                Some("check failed: /answer is not a string"),
            ),
            (
                json_check("/anwser", Some(Kind::String), None),
                Some("check failed: /anwser is missing"),
            ),
            (
                json_check("/list/0", None, Some(json!(2))),
                Some("check failed: /list/0 is not equal to 2"),
            ),
            (
                json_check("", Some(Kind::Array), None),
                Some("check failed: the body is not an array"),
            ),
            (
                Checks {
                    status: None,
                    body: vec![BodyCheck::Contains("score".to_owned())],
                },
                None,
            ),
            (
                Checks {
                    status: None,
                    body: vec![BodyCheck::Contains("xyz".to_owned())],
                },
                Some("check failed: the body does not contain \"xyz\""),
            ),
        ];
        for (checks, failure) in cases {
            assert_eq!(
                checks.failure(StatusCode::OK, body).as_deref(),
                failure,
                "{checks:?}"
            );
            assert_eq!(
                checks.failure(StatusCode::BAD_GATEWAY, body).as_deref(),
                Some("status 502")
            );
        }
        let not_json = json_check("", None, None).failure(StatusCode::OK, b"<html>");
        assert_eq!(
            not_json.as_deref(),
            Some("check failed: the body is not JSON")
        );
    }
}
