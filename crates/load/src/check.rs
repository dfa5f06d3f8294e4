//! What an answer must be to count as a success.

use std::borrow::Cow;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName};
use regex::bytes::Regex;
use serde_json::Value;

use crate::scenario::Kind;

/// Why a request failed, without varying parts, so that failures can be counted by it.
pub(crate) type Cause = Cow<'static, str>;

/// What a task demands of its answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// The one status that is right; without it, every status below 400 is.
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: Vec<HeaderCheck>,
    pub(crate) body: Vec<BodyCheck>,
    pub(crate) at_least_bytes: Option<u64>,
    pub(crate) at_most_bytes: Option<u64>,
    /// From the sent request to the last byte.
    pub(crate) within: Option<Duration>,
}

/// What a task demands of a header of its answers.
#[derive(Debug, Clone)]
pub(crate) struct HeaderCheck {
    pub(crate) name: HeaderName,
    /// `None` where any value is right.
    pub(crate) value: Option<TextCheck>,
}

/// What a text must be.
#[derive(Debug, Clone)]
pub(crate) enum TextCheck {
    Equal(String),
    Contains(String),
    Matches(Regex),
}

/// An answer as checks see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// May be empty where no check needs it.
    pub(crate) body: &'a [u8],
    pub(crate) body_bytes: u64,
    pub(crate) took: Duration,
}

/// What a task demands of the body of its answers.
#[derive(Debug, Clone)]
pub(crate) enum BodyCheck {
    Text(TextCheck),
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

    /// What is wrong with an answer.
    pub(crate) fn failure(&self, answer: Answer<'_>) -> Option<Cause> {
        let status = answer.status;
        let right = self
            .status
            .map_or(status.as_u16() < 400, |expected| status == expected);
        if !right {
            return Some(format!("status {}", status.as_u16()).into());
        }
        self.wrong_header(answer.headers)
            .or_else(|| self.wrong_body(answer.body))
            .or_else(|| self.wrong_size_or_time(answer))
    }

    fn wrong_header(&self, headers: &HeaderMap) -> Option<Cause> {
        self.headers.iter().find_map(|HeaderCheck { name, value }| {
            let Some(found) = headers.get(name) else {
                return Some(format!("check failed: header {name} is missing").into());
            };
            let wrong = value.as_ref()?.wrong(found.as_bytes())?;
            Some(format!("check failed: header {name} {wrong}").into())
        })
    }

    fn wrong_body(&self, body: &[u8]) -> Option<Cause> {
        let mut json = None;
        self.body.iter().find_map(|check| match check {
            BodyCheck::Text(text) => text
                .wrong(body)
                .map(|wrong| format!("check failed: the body {wrong}").into()),
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

    fn wrong_size_or_time(&self, answer: Answer<'_>) -> Option<Cause> {
        let bytes = answer.body_bytes;
        if let Some(least) = self.at_least_bytes.filter(|least| bytes < *least) {
            return Some(format!("check failed: the body has fewer than {least} bytes").into());
        }
        if let Some(most) = self.at_most_bytes.filter(|most| bytes > *most) {
            return Some(format!("check failed: the body has more than {most} bytes").into());
        }
        let limit = self.within.filter(|limit| answer.took > *limit)?;
        let limit = humantime::format_duration(limit);
        Some(format!("check failed: took longer than {limit}").into())
    }
}

impl TextCheck {
    /// What is wrong with `text`, after its name.
    fn wrong(&self, text: &[u8]) -> Option<String> {
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

    /// What `checks` say of a quick answer.
    fn failure(checks: &Checks, status: u16, body: &[u8]) -> Option<String> {
        let headers = HeaderMap::from_iter([(
            hyper::header::CONTENT_TYPE,
            "application/json".parse().unwrap(),
        )]);
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body,
            body_bytes: body.len() as u64,
            took: Duration::from_millis(5),
        };
        checks.failure(answer).map(Cow::into_owned)
    }

    fn body_check(check: BodyCheck) -> Checks {
        Checks {
            body: vec![check],
            ..Checks::default()
        }
    }

    fn json_check(pointer: &str, kind: Option<Kind>, equal: Option<Value>) -> Checks {
        body_check(BodyCheck::Json {
            pointer: pointer.to_owned(),
            kind,
            equal,
        })
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
                super::tests::failure(&checks, status, b"").as_deref(),
                failure
            );
        }
        assert!(!checks.need_body());
    }

    #[test]
    fn an_expected_status_is_the_only_right_one() {
        let checks = Checks {
            status: Some(StatusCode::NOT_FOUND),
            ..Checks::default()
        };
        assert_eq!(failure(&checks, 404, b""), None);
        assert_eq!(failure(&checks, 200, b"").as_deref(), Some("status 200"));
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
                body_check(BodyCheck::Text(TextCheck::Contains("score".to_owned()))),
                None,
            ),
            (
                body_check(BodyCheck::Text(TextCheck::Contains("xyz".to_owned()))),
                Some("check failed: the body does not contain \"xyz\""),
            ),
        ];
        for (checks, failure) in cases {
            let found = super::tests::failure(&checks, 200, body);
            assert_eq!(found.as_deref(), failure, "{checks:?}");
            let found = super::tests::failure(&checks, 502, body);
            assert_eq!(found.as_deref(), Some("status 502"));
        }
        let not_json = failure(&json_check("", None, None), 200, b"<html>");
        assert_eq!(
            not_json.as_deref(),
            Some("check failed: the body is not JSON")
        );
    }
    #[test]
    fn headers_size_and_time_are_checked() {
        let header = |name: &str, value| Checks {
            headers: vec![HeaderCheck {
                name: name.parse().unwrap(),
                value,
            }],
            ..Checks::default()
        };
        let regex = |pattern: &str| Some(TextCheck::Matches(Regex::new(pattern).unwrap()));
        let sized = |least, most| Checks {
            at_least_bytes: least,
            at_most_bytes: most,
            ..Checks::default()
        };
        let within = |millis| Checks {
            within: Some(Duration::from_millis(millis)),
            ..Checks::default()
        };
        let cases = [
            (header("content-type", None), None),
            (header("content-type", regex("^application/")), None),
            (
                header(
                    "content-type",
                    Some(TextCheck::Equal("text/html".to_owned())),
                ),
                Some("check failed: header content-type is not \"text/html\""),
            ),
            (
                header("content-type", regex("^text/")),
                Some("check failed: header content-type does not match \"^text/\""),
            ),
            (
                header("x-id", None),
                Some("check failed: header x-id is missing"),
            ),
            (sized(Some(3), Some(3)), None),
            (
                sized(Some(4), None),
                Some("check failed: the body has fewer than 4 bytes"),
            ),
            (
                sized(None, Some(2)),
                Some("check failed: the body has more than 2 bytes"),
            ),
            (within(5), None),
            (within(4), Some("check failed: took longer than 4ms")),
        ];
        for (checks, expected) in cases {
            assert_eq!(
                failure(&checks, 200, b"abc").as_deref(),
                expected,
                "{checks:?}"
            );
        }
    }
}
