//! What a user remembers from one request to the next: values that it took from answers, and cookies.

use std::collections::HashMap;

use cookie_store::{CookieStore, RawCookie};
use hyper::header::{self, HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use crate::scenario::{Row, Values};

/// The memory of one user. Empty, it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    taken: HashMap<String, Value>,
    cookies: Option<Box<CookieStore>>,
}

/// What the templates of a request are filled in from: what was taken from answers, and else the row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) memory: &'a Memory,
    pub(crate) row: Option<&'a Row>,
}

impl Values for Known<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let taken = self.memory.taken.get(name);
        taken.or_else(|| self.row?.get(name))
    }
}

impl Memory {
    /// Remembers a value; what had that name before is forgotten.
    pub(crate) fn take(&mut self, name: &str, value: Value) {
        self.taken.insert(name.to_owned(), value);
    }

    /// Whether there may be a cookie to send.
    pub(crate) fn has_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    /// The value of the `cookie` header for a request to `url`, if there are cookies for it (RFC 6265).
    pub(crate) fn cookies_for(&self, url: &Url) -> Option<HeaderValue> {
        let pairs = self.cookies.as_ref()?.get_request_values(url);
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::from_str(&pairs.join("; ")).ok()
    }

    /// Remembers the cookies that the answer from `url` sets. Those that cannot be are left out, as browsers do.
    pub(crate) fn note_cookies(&mut self, headers: &HeaderMap, url: &Url) {
        let set = headers.get_all(header::SET_COOKIE).into_iter();
        let set = set.filter_map(|value| RawCookie::parse(value.to_str().ok()?.to_owned()).ok());
        self.cookies
            .get_or_insert_default()
            .store_response_cookies(set, url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse("http://127.0.0.1:8000")
            .unwrap()
            .join(path)
            .unwrap()
    }

    fn noted(cookies: &[&'static str]) -> Memory {
        let mut memory = Memory::default();
        for cookie in cookies {
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
            memory.note_cookies(&headers, &url("/login"));
        }
        memory
    }

    #[test]
    fn cookies_are_sent_where_they_belong() {
        let memory = noted(&["session=17; HttpOnly", "admin=1; Path=/admin", "=; broken"]);
        let sent = |path: &str| {
            memory
                .cookies_for(&url(path))
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(sent("/").as_deref(), Some("session=17"));
        let both = sent("/admin/users").unwrap();
        assert!(
            both.contains("session=17") && both.contains("admin=1"),
            "{both}"
        );
    }

    #[test]
    fn a_cookie_that_has_ended_is_forgotten() {
        let memory = noted(&["session=17", "session=; Max-Age=0"]);
        assert_eq!(memory.cookies_for(&url("/")), None);
    }

    #[test]
    fn what_was_taken_comes_before_what_the_row_has() {
        let row: Row = serde_json::from_str(r#"{"id": 1, "name": "a"}"#).unwrap();
        let mut memory = Memory::default();
        memory.take("id", 2.into());
        let known = Known {
            memory: &memory,
            row: Some(&row),
        };
        assert_eq!(known.value("id"), Some(&2.into()));
        assert_eq!(known.value("name"), Some(&"a".into()));
        assert_eq!(known.value("other"), None);
    }
}
