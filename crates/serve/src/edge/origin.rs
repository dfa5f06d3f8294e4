//! Protection from requests of web pages of other origins. Pure.
//!
//! A page can send a POST request to any server without a preflight request, if `Content-Type` is not that of JSON. This server
//! reads bodies as JSON whatever that header says. Therefore it checks headers that browsers set and pages cannot set.

use axum::http::{HeaderMap, HeaderName, Method, Uri, header, request, uri::Authority};

use crate::refusal::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Origins, in addition to the server's own, whose pages can send requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// List of origins. `*` allows all origins.
    pub(crate) fn new(listed: &[String]) -> Self {
        Self(listed.to_vec())
    }

    /// Checks the origin of a request, except for GET, HEAD and OPTIONS.
    ///
    /// # Errors
    /// [`Refusal::ForeignOrigin`].
    pub(super) fn check(&self, head: &request::Parts) -> Result<(), Refusal> {
        let is_safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if is_safe || is_own(&head.headers, &head.uri) || self.lists(&head.headers) {
            Ok(())
        } else {
            Err(Refusal::ForeignOrigin)
        }
    }

    fn lists(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN);
        let is = |listed: &String| listed == "*" || origin.is_some_and(|origin| origin == listed);
        self.0.iter().any(is)
    }
}

/// `true` if the request is not from a browser, or is from a page of this server, or from the user of the browser directly.
fn is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    // Reliable, but only browsers send it, and only to servers with HTTPS or on the same machine.
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = uri.authority().map(Authority::as_str).or(host);
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    authority
        .is_some_and(|(_, authority)| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(listed: &[&str], method: &str, headers: &[(&str, &str)], allowed: bool) {
        let listed: Vec<String> = listed.iter().map(|&origin| origin.to_owned()).collect();
        let mut request = Request::builder().method(method).uri("/question_answering");
        for (name, value) in [("host", "qa.example:8000")].iter().chain(headers) {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(
            Origins::new(&listed).check(&head).is_ok(),
            allowed,
            "{listed:?} {method} {headers:?}"
        );
    }

    #[test]
    fn pages_of_other_origins_may_not_post() {
        let shop = ("origin", "https://shop.example");
        for headers in [
            &[shop][..],
            &[shop, ("content-type", "text/plain")],
            &[shop, ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "null")],
            &[("origin", "http://qa.example:8000.evil.example")],
            &[("origin", "http://qa.example:8001")],
        ] {
            check(&[], "POST", headers, false);
            check(&["https://other.example"], "POST", headers, false);
            check(&[], "GET", headers, true);
        }
    }

    #[test]
    fn others_may() {
        for headers in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("origin", "http://qa.example:8000")],
            &[("origin", "https://QA.example:8000")],
            // A proxy has changed the host.
            &[
                ("origin", "https://qa.public.example"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("sec-fetch-site", "none")],
        ] {
            check(&[], "POST", headers, true);
        }
        let shop = &[
            ("origin", "https://shop.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        check(&["https://shop.example"], "POST", shop, true);
        check(&["*"], "POST", shop, true);
    }
}
