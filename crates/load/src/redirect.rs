//! Redirects (RFC 9110, section 15.4), followed as Python's requests and browsers do. Pure.

use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode, Uri};
use url::Url;

use crate::cause::Cause;

/// Longest chain of redirects, as in Python's requests. A longer one is a failure.
pub(crate) const MOST_REDIRECTS: usize = 30;

/// The request that follows a redirect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) url: Url,
    /// The method changes to GET and the body is left out.
    pub(crate) as_get: bool,
}

impl Redirect {
    /// The redirect in an answer to `method` at `url`; `None` if the answer is none. `origin` is the server under load,
    /// whatever host its requests name.
    ///
    /// # Errors
    /// Cause of the failure, where the location is no address or belongs to another server.
    pub(crate) fn of(
        (method, url): (&Method, &Url),
        origin: &Url,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, Cause> {
        if !redirects(status) {
            return Ok(None);
        }
        let Some(location) = headers.get(header::LOCATION) else {
            return Ok(None);
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        let target = url
            .join(&location)
            .map_err(|_| Cause::Borrowed("redirected to an invalid address"))?;
        if target.origin() != url.origin() && target.origin() != origin.origin() {
            let origin = target.origin().ascii_serialization();
            return Err(format!("redirected to another server: {origin}").into());
        }
        let keeps_method = match status {
            StatusCode::SEE_OTHER => *method == Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method != Method::POST,
            _ => true,
        };
        Ok(Some(Self {
            url: target,
            as_get: !keeps_method,
        }))
    }

    /// Path and query of the location; `None` if no request can have them.
    pub(crate) fn uri(&self) -> Option<Uri> {
        let path = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        path.parse().ok()
    }
}

/// `true` if an answer with this status can be a redirect.
pub(crate) fn redirects(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn redirect(method: &Method, status: u16, location: &str) -> Result<Option<Redirect>, Cause> {
        let url = Url::parse("http://127.0.0.1:8000/a/b?c").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(location).unwrap());
        Redirect::of(
            (method, &url),
            &Url::parse("http://10.0.0.1:80").unwrap(),
            StatusCode::from_u16(status).unwrap(),
            &headers,
        )
    }

    #[test]
    fn locations_are_relative_to_the_request() {
        let uri = |location: &str| {
            let redirect = redirect(&Method::GET, 302, location).unwrap().unwrap();
            redirect.uri().unwrap().to_string()
        };
        assert_eq!(uri("/login?next=%2F#top"), "/login?next=%2F");
        assert_eq!(uri("c"), "/a/c");
        assert_eq!(uri("http://127.0.0.1:8000/x"), "/x");
        assert_eq!(uri("http://10.0.0.1/x"), "/x");
    }

    #[test]
    fn the_method_changes_as_browsers_have_it() {
        let as_get =
            |method: &Method, status| redirect(method, status, "/").unwrap().unwrap().as_get;
        for (method, status, expected) in [
            (Method::POST, 301, true),
            (Method::POST, 302, true),
            (Method::POST, 303, true),
            (Method::PUT, 303, true),
            (Method::PUT, 302, false),
            (Method::HEAD, 303, false),
            (Method::POST, 307, false),
            (Method::POST, 308, false),
        ] {
            assert_eq!(as_get(&method, status), expected, "{method} {status}");
        }
    }

    #[test]
    fn other_servers_are_not_asked() {
        for location in [
            "http://127.0.0.1:8001/",
            "https://127.0.0.1:8000/",
            "//example.com/",
        ] {
            assert!(redirect(&Method::GET, 302, location).is_err(), "{location}");
        }
    }

    #[test]
    fn other_answers_send_nowhere() {
        assert_eq!(redirect(&Method::GET, 200, "/x"), Ok(None));
        assert_eq!(redirect(&Method::GET, 304, "/x"), Ok(None));
    }
}
