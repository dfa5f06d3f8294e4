//! Checks of answers: an answer that breaks one is a failure. Pure.
//!
//! A new check is a field here or a variant in `check/`, and a key of `CheckTable` in `scenario/check.rs`.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName};

use self::json::JsonCheck;
use self::text::TextCheck;
use crate::cause::Cause;

pub(crate) mod json;
pub(crate) mod text;

/// Checks of the answers to one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// Right statuses; if empty, every status below 400 is right.
    pub(crate) status: Vec<StatusCode>,
    pub(crate) headers: Vec<HeaderCheck>,
    pub(crate) body: Vec<BodyCheck>,
    pub(crate) at_least_bytes: Option<u64>,
    pub(crate) at_most_bytes: Option<u64>,
    /// Longest time from the sent request to the last byte.
    pub(crate) within: Option<Duration>,
}

/// Check of one header.
#[derive(Debug, Clone)]
pub(crate) struct HeaderCheck {
    pub(crate) name: HeaderName,
    /// Check of the value; `None` if any value is right.
    pub(crate) value: Option<TextCheck>,
}

/// Answer to check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// The body; empty if [`Checks::need_body`] is `false`.
    pub(crate) body: &'a [u8],
    pub(crate) body_bytes: u64,
    pub(crate) took: Duration,
}

/// Check of the body.
#[derive(Debug, Clone)]
pub(crate) enum BodyCheck {
    Text(TextCheck),
    Json(JsonCheck),
}

impl Checks {
    /// `true` if a check needs the body.
    pub(crate) fn need_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Cause of the failure of an answer; `None` if all checks hold.
    pub(crate) fn failure(&self, answer: Answer<'_>) -> Option<Cause> {
        let status = answer.status;
        let is_right = if self.status.is_empty() {
            status.as_u16() < 400
        } else {
            self.status.contains(&status)
        };
        if !is_right {
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
            let problem = value.as_ref()?.problem(found.as_bytes())?;
            Some(format!("check failed: header {name} {problem}").into())
        })
    }

    fn wrong_body(&self, body: &[u8]) -> Option<Cause> {
        let mut parsed = None;
        self.body.iter().find_map(|check| match check {
            BodyCheck::Text(text) => text
                .problem(body)
                .map(|problem| format!("check failed: the body {problem}").into()),
            BodyCheck::Json(check) => {
                match parsed.get_or_insert_with(|| crate::json::parse(body)) {
                    Some(json) => check.failure(json),
                    None => Some("check failed: the body is not JSON".into()),
                }
            }
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use regex::bytes::Regex;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::json::{Limit, Limits, Side};
    use super::*;
    use crate::json::{Decimal, Kind};

    /// Cause of the failure of an answer that took 5 ms.
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
        let raw = |value: Value| serde_json::value::to_raw_value(&value).unwrap();
        body_check(BodyCheck::Json(JsonCheck {
            pointer: pointer.to_owned(),
            kind,
            one_of: equal.map(raw).into_iter().collect(),
            number: Limits::default(),
        }))
    }

    fn number_check(side: Side, number: &str) -> Checks {
        let raw = RawValue::from_string(number.to_owned()).unwrap();
        body_check(BodyCheck::Json(JsonCheck {
            pointer: "/n".to_owned(),
            number: Limits(vec![Limit {
                side,
                number: Decimal::of(&raw).unwrap(),
                written: number.to_owned(),
            }]),
            ..JsonCheck::default()
        }))
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
    fn only_expected_statuses_are_right() {
        let checks = Checks {
            status: vec![StatusCode::NOT_FOUND, StatusCode::GONE],
            ..Checks::default()
        };
        assert_eq!(failure(&checks, 404, b""), None);
        assert_eq!(failure(&checks, 410, b""), None);
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
    fn numbers_are_checked_with_all_their_digits() {
        for (side, limit, number, wrong) in [
            (Side::Above, "0.5", "0.50001", None),
            (Side::Above, "0.5", "0.5", Some("is not above 0.5")),
            (Side::AtLeast, "0.5", "0.5", None),
            (Side::Below, "9007199254740993", "9007199254740992", None),
            (
                Side::Below,
                "9007199254740993",
                "9007199254740993.0",
                Some("is not below 9007199254740993"),
            ),
            (Side::AtMost, "1e2", "100", None),
            (Side::AtMost, "1e2", "100.1", Some("is not at most 1e2")),
            (Side::AtMost, "1", "\"0\"", Some("is not a number")),
        ] {
            let body = format!("{{\"n\": {number}}}");
            let found = failure(&number_check(side, limit), 200, body.as_bytes());
            let expected = wrong.map(|wrong| format!("check failed: /n {wrong}"));
            assert_eq!(found, expected, "{side:?} {limit} {number}");
        }
    }

    #[test]
    fn one_of_several_values_is_right() {
        let one_of = ["\"a\"", "9007199254740992", "null"];
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let checks = body_check(BodyCheck::Json(JsonCheck {
            pointer: "/n".to_owned(),
            one_of: one_of.map(raw).into(),
            ..JsonCheck::default()
        }));
        for right in one_of {
            let body = format!("{{\"n\": {right}}}");
            assert_eq!(failure(&checks, 200, body.as_bytes()), None);
        }
        let wrong = failure(&checks, 200, br#"{"n": 9007199254740993}"#);
        assert_eq!(
            wrong.as_deref(),
            Some("check failed: /n is not one of \"a\", 9007199254740992, null")
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
