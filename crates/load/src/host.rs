//! Base address of the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::Scheme;
use url::Url;

use crate::error::{HostError, LoadError};
use crate::url_path::requoted;

/// Checks that `host` is an address of a server, such as `http://127.0.0.1:8000`. Its name is not resolved.
///
/// # Errors
/// [`HostError::Malformed`] if it is none.
pub fn check_host(host: &str) -> Result<(), HostError> {
    Host::parse(host).map(|_| ())
}

/// Base address: the server and the prefix of all paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    endpoint: Endpoint,
    /// `true` if connections are encrypted.
    pub(crate) secure: bool,
    /// Value of the `host` header.
    pub(crate) header: HeaderValue,
    /// Prefix of every path, without a slash at its end; can be empty.
    pub(crate) prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Endpoint {
    Network { name: String, port: u16 },
    Socket(PathBuf),
}

/// Addresses to connect to.
#[derive(Debug)]
pub(crate) enum Addresses {
    /// Addresses in the order of attempts; at least one.
    Network(Box<[SocketAddr]>),
    /// Path of a Unix socket.
    Socket(PathBuf),
}

impl Host {
    /// The address in `host`, such as `https://localhost/api`, `unix:/run/app.sock` or `http+unix://%2Frun%2Fapp.sock/api`.
    pub(crate) fn parse(host: &str) -> Result<Self, HostError> {
        let text = host.trim();
        let parsed = match (
            text.strip_prefix("unix:"),
            text.strip_prefix("http+unix://"),
        ) {
            (Some(path), _) => Self::socket(path.strip_prefix("//").unwrap_or(path), ""),
            (None, Some(rest)) => {
                let (path, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                percent_decoded(path).and_then(|path| Self::socket(&path, prefix))
            }
            (None, None) => Self::network(text),
        };
        parsed.ok_or_else(|| HostError::Malformed {
            host: host.to_owned(),
        })
    }

    fn network(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri
            .authority()
            .filter(|_| secure || uri.scheme() == Some(&Scheme::HTTP))?;
        let with_user = authority.as_str().contains('@');
        let with_bad_port =
            authority.as_str() != authority.host() && authority.port_u16().is_none();
        if with_user || with_bad_port || uri.query().is_some() || authority.host().is_empty() {
            return None;
        }
        origin(secure, authority.as_str())?;
        let default_port = if secure { 443 } else { 80 };
        Some(Self {
            endpoint: Endpoint::Network {
                name: authority.host().trim_matches(['[', ']']).to_owned(),
                port: authority.port_u16().unwrap_or(default_port),
            },
            secure,
            header: HeaderValue::from_str(authority.as_str()).ok()?,
            prefix: requoted(uri.path().trim_end_matches('/')),
        })
    }

    /// Scheme, host and port, to which redirects and cookies are relative.
    pub(crate) fn origin(&self) -> Url {
        let authority = self.header.to_str().expect("an authority is ASCII");
        origin(self.secure, authority).expect("an address without an origin is refused")
    }

    fn socket(path: &str, prefix: &str) -> Option<Self> {
        let prefix = prefix.trim_matches('/');
        (!path.is_empty()).then(|| Self {
            endpoint: Endpoint::Socket(path.into()),
            secure: false,
            header: HeaderValue::from_static("localhost"),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                requoted(&format!("/{prefix}"))
            },
        })
    }

    /// Name that the server's certificate must have; empty for a Unix socket.
    pub(crate) fn name(&self) -> &str {
        match &self.endpoint {
            Endpoint::Network { name, .. } => name,
            Endpoint::Socket(_) => "",
        }
    }

    /// Resolves the name to addresses.
    pub(crate) async fn resolve(&self) -> Result<Addresses, LoadError> {
        let (name, port) = match &self.endpoint {
            Endpoint::Network { name, port } => (name, *port),
            Endpoint::Socket(path) => return Ok(Addresses::Socket(path.clone())),
        };
        let found = tokio::net::lookup_host((name.as_str(), port)).await;
        let addresses: Box<[SocketAddr]> = found
            .map_err(|source| LoadError::Resolve {
                host: name.clone(),
                source,
            })?
            .collect();
        if addresses.is_empty() {
            return Err(LoadError::NoAddress { host: name.clone() });
        }
        Ok(Addresses::Network(addresses))
    }
}

/// Scheme, host and port as an address; `None` if they are none.
fn origin(secure: bool, authority: &str) -> Option<Url> {
    let scheme = if secure { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{authority}")).ok()
}

/// `text` with its percent-encoded bytes decoded; `None` if they are invalid.
fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, port: u16) -> Endpoint {
        Endpoint::Network {
            name: name.to_owned(),
            port,
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let socket = || Endpoint::Socket("/run/a b.sock".into());
        let cases = [
            (
                "http://127.0.0.1:8000",
                (network("127.0.0.1", 8000), "127.0.0.1:8000", ""),
            ),
            (
                "http://localhost/",
                (network("localhost", 80), "localhost", ""),
            ),
            (
                "https://example.org/v1",
                (network("example.org", 443), "example.org", "/v1"),
            ),
            (
                "https://[::1]:9000/api/v1/",
                (network("::1", 9000), "[::1]:9000", "/api/v1"),
            ),
            ("http://[::1]", (network("::1", 80), "[::1]", "")),
            ("unix:/run/a b.sock", (socket(), "localhost", "")),
            ("unix:///run/a b.sock", (socket(), "localhost", "")),
            (
                "http+unix://%2Frun%2fa%20b.sock",
                (socket(), "localhost", ""),
            ),
            (
                "http+unix://%2Frun%2Fa%20b.sock/api/v1/",
                (socket(), "localhost", "/api/v1"),
            ),
        ];
        for (text, (endpoint, header, prefix)) in cases {
            let secure = text.starts_with("https:");
            let expected = Host {
                endpoint,
                secure,
                header: header.parse().unwrap(),
                prefix: prefix.to_owned(),
            };
            assert_eq!(Host::parse(text), Ok(expected), "{text}");
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
            "https://",
            "http://x:99999",
            "http://user@x",
            "http://x/?query",
            "http://a b",
            "http://::1",
            "http://1.2.3.999",
            "unix:",
            "http+unix://",
            "http+unix://%2",
            "http+unix://%zz",
        ];
        for text in malformed {
            assert!(
                matches!(Host::parse(text), Err(HostError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
