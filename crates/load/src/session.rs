//! Session of a user: extracted values and cookies.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;

use cookie_store::{CookieStore, RawCookie};
use hyper::header::{self, HeaderMap, HeaderValue};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::value::RawValue;
use url::Url;

use crate::scenario::generated::Generated;
use crate::scenario::template::{Row, Values};

/// Session of one user. An empty one takes no memory on the heap.
#[derive(Debug)]
pub(crate) struct Session {
    extracted: HashMap<String, Box<RawValue>>,
    cookies: Option<Box<CookieStore>>,
    /// Seed of the generated values.
    seed: u64,
    /// Generator, created with the first generated value.
    random: RefCell<Option<Box<StdRng>>>,
}

/// Values for the templates of a request: extracted values first, and then the columns of the row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestValues<'a> {
    pub(crate) session: &'a Session,
    pub(crate) row: Option<&'a Row>,
}

impl Values for RequestValues<'_> {
    fn value(&self, name: &str) -> Option<&RawValue> {
        let taken = self.session.extracted.get(name);
        let value = taken.or_else(|| self.row?.get(name));
        value.map(|value| &**value)
    }

    fn generate(&self, generated: &Generated) -> Option<Box<RawValue>> {
        let mut random = self.session.random.borrow_mut();
        let seeded = || Box::new(StdRng::seed_from_u64(self.session.seed));
        Some(generated.make(random.get_or_insert_with(seeded)))
    }
}

impl Session {
    /// Session of a new user. Generated values derive from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            extracted: HashMap::new(),
            cookies: None,
            seed,
            random: RefCell::default(),
        }
    }

    /// Clears extracted values and cookies. The sequence of generated values goes on.
    pub(crate) fn clear(&mut self) {
        self.extracted.clear();
        self.cookies = None;
    }

    /// Stores an extracted value in place of an earlier one of that name.
    pub(crate) fn store(&mut self, name: &str, value: Box<RawValue>) {
        self.extracted.insert(name.to_owned(), value);
    }

    /// `true` if an answer has set a cookie.
    pub(crate) fn has_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    /// Value of the `cookie` header for a request to `url` (RFC 6265); `None` without cookies.
    pub(crate) fn cookies_for(&self, url: &Url) -> Option<HeaderValue> {
        let mut cookies = self.cookies.as_ref()?.matches(url);
        // The store keeps the order in which cookies were set.
        cookies.sort_by_key(|cookie| Reverse(String::from(&cookie.path).len()));
        let pairs: Vec<String> = cookies
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::from_bytes(&as_bytes(&pairs.join("; "))).ok()
    }

    /// Stores the cookies that the answer from `url` sets. Invalid ones are left out, as in browsers.
    pub(crate) fn store_cookies(&mut self, headers: &HeaderMap, url: &Url) {
        let set = headers.get_all(header::SET_COOKIE).into_iter();
        let set = set.filter_map(|value| RawCookie::parse(as_characters(value.as_bytes())).ok());
        self.cookies
            .get_or_insert_default()
            .store_response_cookies(set, url);
    }
}

/// One character for each byte, so that a value of any encoding is sent back byte by byte.
fn as_characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Bytes of a text from [`as_characters`].
fn as_bytes(text: &str) -> Vec<u8> {
    let byte = |character| u8::try_from(character).expect("each character is that of a byte");
    text.chars().map(byte).collect()
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

    fn noted(cookies: &[&'static str]) -> Session {
        let mut session = Session::new(0);
        for cookie in cookies {
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
            session.store_cookies(&headers, &url("/login"));
        }
        session
    }

    #[test]
    fn cookies_are_sent_where_they_belong() {
        let session = noted(&["session=17; HttpOnly", "admin=1; Path=/admin", "=; broken"]);
        let sent = |path: &str| {
            session
                .cookies_for(&url(path))
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(sent("/").as_deref(), Some("session=17"));
        let both = sent("/admin/users");
        assert_eq!(both.as_deref(), Some("admin=1; session=17"));
    }

    #[test]
    fn longer_paths_come_first_and_then_what_was_set_first() {
        let names = ["b", "a", "d", "c"].map(|name| format!("{name}=1"));
        let deep = ["z", "y"].map(|name| format!("{name}=1; Path=/login/deep"));
        let mut session = Session::new(0);
        for cookie in names.iter().chain(&deep) {
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
            session.store_cookies(&headers, &url("/login"));
        }
        let sent = session.cookies_for(&url("/login/deep/x")).unwrap();
        assert_eq!(sent, "z=1; y=1; b=1; a=1; d=1; c=1");
    }

    #[test]
    fn values_are_sent_back_byte_by_byte() {
        let mut session = Session::new(0);
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes("name=Zoë; Path=/".as_bytes()).unwrap();
        headers.append(header::SET_COOKIE, value);
        session.store_cookies(&headers, &url("/login"));
        let sent = session.cookies_for(&url("/")).unwrap();
        assert_eq!(sent.as_bytes(), "name=Zoë".as_bytes());
    }

    #[test]
    fn a_cookie_that_has_ended_is_forgotten() {
        let session = noted(&["session=17", "session=; Max-Age=0"]);
        assert_eq!(session.cookies_for(&url("/")), None);
    }

    #[test]
    fn what_was_taken_comes_before_what_the_row_has() {
        let row: Row = serde_json::from_str(r#"{"id": 1, "name": "a"}"#).unwrap();
        let mut session = Session::new(0);
        session.store("id", crate::json::string("2"));
        let known = RequestValues {
            session: &session,
            row: Some(&row),
        };
        let value = |name: &str| known.value(name).map(RawValue::get);
        assert_eq!(value("id"), Some("\"2\""));
        assert_eq!(value("name"), Some("\"a\""));
        assert_eq!(value("other"), None);
    }
}
