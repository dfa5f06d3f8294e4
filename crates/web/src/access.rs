//! Who may ask: this page and nobody else's, and visitors who know the login.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A user name and password. Kept as a digest, so that neither memory nor a debug line shows them.
#[derive(Debug, Clone)]
pub struct Login {
    digest: [u8; 32],
}

/// Why a text is no login.
#[derive(Debug, thiserror::Error)]
#[error("a login is USER:PASSWORD, with both")]
pub struct InvalidLogin;

impl std::str::FromStr for Login {
    type Err = InvalidLogin;

    fn from_str(text: &str) -> Result<Self, InvalidLogin> {
        let (user, password) = text.split_once(':').ok_or(InvalidLogin)?;
        if user.is_empty() || password.is_empty() {
            return Err(InvalidLogin);
        }
        let digest = Sha256::digest(text).into();
        Ok(Self { digest })
    }
}

impl Login {
    /// Whether the request names the user and password. Takes as long for nearly right ones as for any other.
    fn allows(&self, headers: &HeaderMap) -> bool {
        let offered = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let encoded = offered.and_then(|offered| {
            let (scheme, encoded) = offered.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then_some(encoded)
        });
        let Some(Ok(login)) = encoded.map(|encoded| STANDARD.decode(encoded.trim())) else {
            return false;
        };
        let digest: [u8; 32] = Sha256::digest(login).into();
        digest.ct_eq(&self.digest).into()
    }
}

/// Refuses visitors without the login.
pub(crate) async fn ask_for_login(
    State(login): State<Option<Arc<Login>>>,
    request: Request,
    next: Next,
) -> Response {
    if login.is_none_or(|login| login.allows(request.headers())) {
        return next.run(request).await;
    }
    let challenge = [(
        header::WWW_AUTHENTICATE,
        "Basic realm=\"Bakeoff\", charset=\"UTF-8\"",
    )];
    (
        StatusCode::UNAUTHORIZED,
        challenge,
        "this page needs a login",
    )
        .into_response()
}

/// A page of another site must not be able to start a load from a visitor's browser, nor to read its results
/// under a name of its own that it has pointed at this address.
pub(crate) async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !host_is_ours(headers) {
        return (
            StatusCode::FORBIDDEN,
            "this page is reached by its address or as localhost",
        )
            .into_response();
    }
    if request.method().is_safe() || same_site(headers) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "cross-site requests are refused").into_response()
}

/// Tells browsers to load nothing from elsewhere, to run nothing that is written into the page, and to keep nothing.
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

/// Whether the request names this machine by an address or as localhost, which nobody else can point here.
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

/// Whether the request comes from this page, or from no page at all.
fn same_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| Some(authority) == host)
}
