//! Access control: only requests of this page, and only users with the login.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

mod gate;
mod login;

pub(crate) use gate::{Gate, Guesses, ask_for_login};
pub use login::{InvalidLogin, Login};

/// Refuses requests of other sites. Another site must not start a load from a user's browser, and must not read results
/// through a name of its own that points to this address (DNS rebinding).
pub(crate) async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if !names_one_host(&request) {
        return (
            StatusCode::BAD_REQUEST,
            "a request must name exactly one host",
        )
            .into_response();
    }
    let headers = request.headers();
    if !host_is_ours(headers) {
        return (
            StatusCode::FORBIDDEN,
            "this page can be used by its IP address or as localhost only",
        )
            .into_response();
    }
    if request.method().is_safe() || same_site(headers) {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "requests from other sites are refused",
    )
        .into_response()
}

/// Adds headers by which browsers load nothing from other hosts, run no inline scripts, and store nothing.
pub(crate) async fn restrain_browsers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        set_default(headers, name, value);
    }
    response
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

/// `true` if the request names this machine by an IP address or as localhost, which another site cannot point here.
fn host_is_ours(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

/// `true` if the request names exactly one host. HTTP/1.0 may omit it. A URL in the request line must name the same host.
fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            let target = request.uri().authority();
            target.is_none_or(|target| target.as_str().as_bytes() == host.as_bytes())
        }
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// `true` if the request comes from this page or from a program, which sends neither header.
fn same_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => is_ours(origin, headers.get(header::HOST)),
        (Some(_), Some(_)) => false,
    }
}

fn is_ours(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let host = host.and_then(|host| host.to_str().ok());
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| Some(authority) == host)
}
