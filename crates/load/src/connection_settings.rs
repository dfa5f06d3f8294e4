//! Settings of connections: the version of HTTP and the trust in certificates.

use std::fmt;

use crate::error::LoadError;
use crate::host::Host;
use crate::tls::trust::Trust;

/// Settings of connections, from the table `[connection]` of a scenario.
#[derive(Debug, Clone, Default)]
pub struct ConnectionSettings {
    /// Version of HTTP.
    pub http: HttpVersion,
    /// `true` if every certificate of the server is accepted.
    pub insecure: bool,
    /// Certificates that are trusted and shown.
    pub(crate) trust: Trust,
}

/// Version of HTTP. There is no fallback to another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2: agreed on in the TLS handshake; without TLS, with prior knowledge.
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

impl ConnectionSettings {
    /// Checks that connections to `host` can have these settings. No connection is opened.
    pub(crate) fn check(&self, host: &Host) -> Result<(), LoadError> {
        if self.trust.identity.is_some() && !host.secure {
            return Err(LoadError::CertificateWithoutTls);
        }
        Ok(())
    }
}
