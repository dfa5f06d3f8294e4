//! Request id and trace id of a request, for logs.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::TRACEPARENT;

/// Header with the id of a request, in requests and responses.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of a client's request id, in characters.
const MAX_REQUEST_ID_CHARS: usize = 128;

/// Request id and trace id.
#[derive(Debug)]
pub(super) struct Correlation {
    /// Id of the client if it is valid, otherwise a new id. Visible ASCII.
    pub(super) request_id: HeaderValue,
    /// Trace id of a valid W3C `traceparent`.
    pub(super) trace_id: Option<String>,
}

impl Correlation {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let offered = headers.get(X_REQUEST_ID).filter(|id| is_usable(id));
        let traceparent = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        Self {
            request_id: offered.cloned().unwrap_or_else(new_request_id),
            trace_id: traceparent.and_then(trace_id).map(str::to_owned),
        }
    }
}

/// `true` if a request id is safe in a log line: visible ASCII without spaces, up to the maximum length.
fn is_usable(id: &HeaderValue) -> bool {
    (1..=MAX_REQUEST_ID_CHARS).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// New id of 32 hexadecimal digits. It is unique among requests and processes.
fn new_request_id() -> HeaderValue {
    static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Keyed hashes of a counter need no system call.
    let [high, low] = KEYS.each_ref().map(|key| key.hash_one(count));
    HeaderValue::try_from(format!("{high:016x}{low:016x}")).expect("digits make a header")
}

/// Trace id in `version-traceid-parentid-flags`. Later versions can have more fields.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut fields = traceparent.split('-');
    let (version, trace, parent, flags) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let well_formed = is_hex(version, 2)
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && version != "ff"
        && (version != "00" || fields.next().is_none());
    (well_formed && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn trace_id_is_taken_from_valid_parents_only() {
        let check = |parent: &str, valid: bool| {
            assert_eq!(trace_id(parent), valid.then_some(TRACE), "{parent}");
        };
        check(&format!("00-{TRACE}-00f067aa0ba902b7-01"), true);
        check(&format!("cc-{TRACE}-00f067aa0ba902b7-01-more"), true);
        for wrong in [
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            TRACE.to_owned(),
            String::new(),
        ] {
            check(&wrong, false);
        }
    }

    #[test]
    fn usable_request_ids_are_kept_and_others_replaced() {
        let of = |id: &[u8]| {
            let value = HeaderValue::from_bytes(id).unwrap();
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, value)]);
            Correlation::of(&headers).request_id
        };
        assert_eq!(of(b"order-66/a"), "order-66/a");
        assert_eq!(of(&[b'x'; 128]), "x".repeat(128));
        for unusable in [
            &b""[..],
            &[b'x'; 129],
            b"two words",
            "clé".as_bytes(),
            b"a\tb",
        ] {
            let id = of(unusable);
            assert_eq!(id.len(), 32, "{id:?}");
            assert!(id.as_bytes().iter().all(u8::is_ascii_hexdigit), "{id:?}");
        }
        let (first, second) = (new_request_id(), new_request_id());
        assert_ne!(first, second);
    }
}
