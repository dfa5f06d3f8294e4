//! Extractions: values from answers for later requests. Pure.

use hyper::header::{HeaderMap, HeaderName};
use regex::bytes::Regex;
use serde_json::value::RawValue;

use crate::cause::Cause;
use crate::json;

/// Extraction of one value.
#[derive(Debug, Clone)]
pub(crate) struct Extract {
    /// Name of the value in later requests.
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Place of a value in an answer. A pattern gives its first group; without a group, all that matches.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// JSON pointer (RFC 6901) in the body.
    Json(String),
    Header(HeaderName, Option<Regex>),
    Body(Regex),
}

impl Place {
    /// `true` if the value is in the body.
    pub(crate) fn needs_body(&self) -> bool {
        !matches!(self, Self::Header(..))
    }
}

impl Extract {
    /// Extracts the value from an answer.
    ///
    /// # Errors
    /// Cause of the failure, if the answer does not have the value.
    pub(crate) fn value(&self, headers: &HeaderMap, body: &[u8]) -> Result<Box<RawValue>, Cause> {
        let found = match &self.place {
            Place::Json(pointer) => {
                let Some(body) = json::parse(body) else {
                    return Err("extraction failed: the body is not JSON".into());
                };
                json::at(body, pointer).map(ToOwned::to_owned)
            }
            Place::Header(name, pattern) => headers.get(name).and_then(|value| {
                let text = value.as_bytes();
                match pattern {
                    Some(pattern) => matched(pattern, text),
                    None => Some(as_text(text)),
                }
            }),
            Place::Body(pattern) => matched(pattern, body),
        };
        found.ok_or_else(|| self.missing().into())
    }

    fn missing(&self) -> String {
        let name = &self.name;
        match &self.place {
            Place::Json(pointer) => {
                format!("extraction failed: no {pointer} for `{name}` in the body")
            }
            Place::Header(header, None) => {
                format!("extraction failed: no header {header} for `{name}`")
            }
            Place::Header(header, Some(pattern)) => {
                let pattern = pattern.as_str();
                format!("extraction failed: no {pattern:?} for `{name}` in header {header}")
            }
            Place::Body(pattern) => {
                let pattern = pattern.as_str();
                format!("extraction failed: no {pattern:?} for `{name}` in the body")
            }
        }
    }
}

fn matched(pattern: &Regex, text: &[u8]) -> Option<Box<RawValue>> {
    let captures = pattern.captures(text)?;
    let group = captures.get(1).or_else(|| captures.get(0))?;
    Some(as_text(group.as_bytes()))
}

fn as_text(bytes: &[u8]) -> Box<RawValue> {
    json::string(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn extract(place: Place) -> Extract {
        let name = "token".to_owned();
        Extract { name, place }
    }

    fn value(place: Place) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("/items/17?new"));
        let body = br#"{"token": {"value": 1.10}, "csrf": "a-b"}"#;
        let value = extract(place).value(&headers, body);
        let value = value.map(|value| value.get().to_owned());
        value.map_err(Cause::into_owned)
    }

    fn pattern(text: &str) -> Regex {
        Regex::new(text).unwrap()
    }

    #[test]
    fn values_are_found_in_json_headers_and_text() {
        let location = || HeaderName::from_static("location");
        let id = pattern(r"/items/(\d+)");
        let cases = [
            (Place::Json("/token/value".to_owned()), "1.10"),
            (Place::Json("/token".to_owned()), "{\"value\": 1.10}"),
            (Place::Header(location(), None), "\"/items/17?new\""),
            (Place::Header(location(), Some(id)), "\"17\""),
            (Place::Body(pattern(r"\w-\w")), "\"a-b\""),
        ];
        for (place, expected) in cases {
            assert_eq!(value(place.clone()), Ok(expected.to_owned()), "{place:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                Place::Json("/no".to_owned()),
                "extraction failed: no /no for `token` in the body",
            ),
            (
                Place::Header(HeaderName::from_static("etag"), None),
                "extraction failed: no header etag for `token`",
            ),
            (
                Place::Body(pattern("x+")),
                "extraction failed: no \"x+\" for `token` in the body",
            ),
        ];
        for (place, expected) in cases {
            assert_eq!(value(place), Err(expected.to_owned()));
        }
        let extract = extract(Place::Json("/id".to_owned()));
        let no_json = extract.value(&HeaderMap::new(), br#"{"id": NaN}"#);
        assert_eq!(
            no_json.unwrap_err(),
            "extraction failed: the body is not JSON"
        );
    }
}
