//! Settings of connections: the version of HTTP and the trust in certificates.

use std::fmt;

use crate::error::LoadError;
use crate::host::Host;
use crate::tls::trust::Trust;

/// How connections are made; what a scenario's `[connection]` says.
#[derive(Debug, Clone, Default)]
pub struct Connecting {
    /// The version of HTTP.
    pub http: HttpVersion,
    /// Whether any certificate of the server will do.
    pub insecure: bool,
    /// Who is trusted and who we are, where connections are encrypted.
    pub(crate) trust: Trust,
}

/// The version of HTTP that connections speak. There is no other to fall back to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2: agreed on in the TLS handshake, and without TLS taken for granted.
    #[serde(rename = "2")]
    Http2,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

impl Connecting {
    /// Whether connections to `host` can be made so, judged without asking anybody.
    pub(crate) fn check(&self, host: &Host) -> Result<(), LoadError> {
        if self.trust.identity.is_some() && !host.secure {
            return Err(LoadError::CertificateWithoutTls);
        }
        Ok(())
    }
}
