//! Keeps web pages of other origins from asking through their visitors' browsers. Pure.
//!
//! A form, or a script that wants no answer, posts to any server without asking it first, as long as `Content-Type` is none of JSON's.
//! Bodies are read as JSON whatever that header says, so browsers are told apart by the headers that they do not let pages set.

use axum::http::{HeaderMap, HeaderName, Method, Uri, header, request, uri::Authority};

use crate::refusal::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins, beside the server's own, whose pages may ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// `*` stands for all.
    pub(crate) fn new(listed: &[String]) -> Self {
        Self(listed.to_vec())
    }

    /// Refuses what a browser sends for a page of an origin that is not listed, unless it only asks for something.
    pub(super) fn check(&self, head: &request::Parts) -> Result<(), Refusal> {
        let only_asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if only_asks || is_own(&head.headers, &head.uri) || self.lists(&head.headers) {
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

/// `true` if no browser sends the request, or one for a page of this server or for its user alone.
fn is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    // Says it for sure, but only browsers send it, and only to servers on HTTPS or on their own machine.
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
            // Behind a proxy that has changed the host.
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
