//! The server's address.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::Scheme;
use url::Url;

use crate::{HostError, LoadError};

/// Whether `host` is an address that a load can be put on, such as `http://127.0.0.1:8000`.
/// Whether it resolves and answers is not asked.
pub fn check_host(host: &str) -> Result<(), HostError> {
    Host::parse(host).map(|_| ())
}

/// A base address: where requests go and what their paths begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    name: String,
    port: u16,
    /// The value of the `host` header.
    pub(crate) header: HeaderValue,
    /// What stands before every path; empty or without a slash at its end.
    pub(crate) prefix: String,
}

impl Host {
    /// The address in `host`, such as `http://127.0.0.1:8000` or `http://localhost/api`.
    pub(crate) fn parse(host: &str) -> Result<Self, HostError> {
        let malformed = || HostError::Malformed {
            host: host.to_owned(),
        };
        let uri: Uri = host.trim().parse().map_err(|_| malformed())?;
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return Err(HostError::Https {
                host: host.to_owned(),
            });
        }
        let authority = uri
            .authority()
            .filter(|_| uri.scheme() == Some(&Scheme::HTTP))
            .ok_or_else(malformed)?;
        let with_user = authority.as_str().contains('@');
        let with_bad_port =
            authority.as_str() != authority.host() && authority.port_u16().is_none();
        if with_user || with_bad_port || uri.query().is_some() || authority.host().is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            name: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            header: HeaderValue::from_str(authority.as_str()).map_err(|_| malformed())?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// What redirections and cookies are relative to.
    pub(crate) fn origin(&self) -> Url {
        let authority = self.header.to_str().unwrap_or_default();
        let fallback = || Url::parse("http://localhost").expect("it is an address");
        Url::parse(&format!("http://{authority}")).unwrap_or_else(|_| fallback())
    }

    /// The addresses that the name has now, in the order to try them; at least one.
    pub(crate) async fn resolve(&self) -> Result<Arc<[SocketAddr]>, LoadError> {
        let found = tokio::net::lookup_host((self.name.as_str(), self.port)).await;
        let addresses: Arc<[SocketAddr]> = found
            .map_err(|source| LoadError::Resolve {
                host: self.name.clone(),
                source,
            })?
            .collect();
        if addresses.is_empty() {
            return Err(LoadError::NoAddress {
                host: self.name.clone(),
            });
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            (
                "http://127.0.0.1:8000",
                ("127.0.0.1", 8000, "127.0.0.1:8000", ""),
            ),
            ("http://localhost/", ("localhost", 80, "localhost", "")),
            (
                "http://[::1]:9000/api/v1/",
                ("::1", 9000, "[::1]:9000", "/api/v1"),
            ),
        ];
        for (text, expected) in cases {
            let host = Host::parse(text).unwrap();
            assert_eq!(
                (
                    host.name.as_str(),
                    host.port,
                    host.header.to_str().unwrap(),
                    host.prefix.as_str()
                ),
                expected
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let malformed = [
            "",
            "127.0.0.1",
            "127.0.0.1:8000",
            "localhost:80",
            "/path",
            "ftp://x",
            "http://",
            "http://x:99999",
        ];
        for text in malformed
            .into_iter()
            .chain(["http://user@x", "http://x/?query", "http://a b"])
        {
            assert!(
                matches!(Host::parse(text), Err(HostError::Malformed { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            Host::parse("https://localhost"),
            Err(HostError::Https { .. })
        ));
    }
}
