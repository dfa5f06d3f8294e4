//! User and password of a page.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// User name and password, kept as a digest, so that neither memory nor debug output shows them.
#[derive(Debug, Clone)]
pub struct Login {
    digest: Digest,
}

/// Digest of a login that a client offers.
pub(super) type Digest = [u8; 32];

/// Error for a text that is not a login.
#[derive(Debug, thiserror::Error)]
#[error("a login must be USER:PASSWORD, and neither may be empty")]
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
    /// Compares an offered login in constant time.
    pub(super) fn is(&self, offered: &Digest) -> bool {
        offered.ct_eq(&self.digest).into()
    }
}

/// Login of a request; `None` if there is none that can be read.
pub(super) fn offered(headers: &HeaderMap) -> Option<Digest> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let login = STANDARD.decode(encoded.trim()).ok()?;
    Some(Sha256::digest(login).into())
}
