//! Why a request failed, in words that are the same for the same reason, so that failures can be counted by them.

use std::error::Error;
use std::io;
use std::path::Path;

use h2::Reason;
use rustls::{AlertDescription, CertificateError};

use super::no_answer::Stage;
use crate::cause::Cause;
use crate::open_files;

/// The server took part in the handshake and did not agree on HTTP/2.
pub(super) const NO_HTTP2: Cause =
    Cause::Borrowed("the server does not offer HTTP/2; use `http = \"1.1\"` in [connection]");

/// The server, or something on the way, has torn the connection down.
const RESET: Cause = Cause::Borrowed("connection reset");

/// `true` if the connection ended before there was any answer, as it does where a server closes one that it has kept.
pub(crate) fn is_lost(cause: &Cause) -> bool {
    *cause == RESET || *cause == closed(Stage::Head)
}

pub(super) fn of_http1(error: &hyper::Error, stage: Stage) -> Cause {
    if error.is_parse_too_large() {
        return "answer with too large a head, or with more than 512 headers".into();
    }
    if error.is_parse() {
        return "invalid HTTP answer".into();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return closed(stage);
    }
    let mut source = error.source();
    while let Some(error) = source {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => return closed(stage),
            Some(error) => return of_io(error),
            None => source = error.source(),
        }
    }
    match stage {
        Stage::Head => "no answer".into(),
        Stage::Body => closed(stage),
    }
}

pub(super) fn of_http2(error: &h2::Error, stage: Stage) -> Cause {
    if let Some(error) = error.get_io() {
        return match error.kind() {
            // The library's own words for a connection that ends while a stream is open.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => closed(stage),
            _ => of_io(error),
        };
    }
    match error.reason() {
        Some(Reason::NO_ERROR) => closed(stage),
        Some(reason) if error.is_remote() && error.is_go_away() => {
            format!("connection ended by the server (GOAWAY with {reason:?})").into()
        }
        Some(reason) if error.is_remote() => {
            format!("request ended by the server (RST_STREAM with {reason:?})").into()
        }
        Some(reason) => {
            format!("invalid HTTP/2 answer ({reason:?}); does the server speak HTTP/2?").into()
        }
        None => format!("request cannot be sent over HTTP/2: {error}").into(),
    }
}

/// What happened to a connection over TCP or TLS.
pub(super) fn of_io(error: &io::Error) -> Cause {
    /// Linux's and macOS's numbers for too many open files in this process, and on this machine.
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    if let Some(error) = tls_error(error) {
        return of_tls(error);
    }
    match error.kind() {
        _ if error.raw_os_error() == Some(EMFILE) => open_files::exhausted().into(),
        _ if error.raw_os_error() == Some(ENFILE) => {
            "too many open files on the machine that makes the load (see sysctl fs.file-max)".into()
        }
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => RESET,
        io::ErrorKind::AddrNotAvailable => open_files::no_local_port().into(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "invalid HTTP answer".into(),
        other => other.to_string().into(),
    }
}

/// What happened when the Unix socket at `path` was opened.
pub(super) fn of_socket(error: &io::Error, path: &Path) -> Cause {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no socket {path}").into(),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to connect to the socket {path}").into()
        }
        // A server's queue of connections is full; over TCP, the system would wait.
        io::ErrorKind::WouldBlock => {
            format!("the socket {path} accepts no more connections for now").into()
        }
        io::ErrorKind::InvalidInput => format!("{path} is too long a path for a socket").into(),
        _ => of_io(error),
    }
}

pub(super) fn of_handshake(error: &io::Error) -> Cause {
    match error.kind() {
        _ if tls_error(error).is_some() => of_io(error),
        io::ErrorKind::UnexpectedEof => "connection closed during the TLS handshake".into(),
        io::ErrorKind::InvalidData => format!("TLS handshake failed: {error}").into(),
        _ => of_io(error),
    }
}

fn closed(stage: Stage) -> Cause {
    match stage {
        Stage::Head => "connection closed before the answer".into(),
        Stage::Body => "connection closed half-way through the answer".into(),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn of_tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::AlertReceived(alert) => of_alert(*alert),
        rustls::Error::InvalidMessage(_) => {
            "TLS handshake failed: the server does not seem to speak TLS; is it an http:// address?"
                .into()
        }
        error => format!("TLS handshake failed: {error}").into(),
    }
}

fn of_certificate(error: &CertificateError) -> Cause {
    const CERTIFICATE: &str = "the server's certificate";
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("{CERTIFICATE} has expired; renew it, or use --insecure").into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("{CERTIFICATE} is not valid yet; look at this machine's clock").into()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let presented = match names.as_slice() {
                [] => "for none".to_owned(),
                names => format!("only for {}", names.join(", ")),
            };
            format!(
                "{CERTIFICATE} is not valid for the name {}, {presented}; set `server_name` in [connection]",
                expected.to_str()
            )
            .into()
        }
        CertificateError::NotValidForName => {
            format!("{CERTIFICATE} is not valid for this name; set `server_name` in [connection]")
                .into()
        }
        // A bad signature is that of another issuer who goes by the same name, such as one that was made anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "{CERTIFICATE} is from an unknown issuer; name the issuer's as `ca_file` in [connection], or use --insecure"
        )
        .into(),
        CertificateError::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => format!(
            "{CERTIFICATE} vouches for itself; name it as `ca_file` in [connection], or use --insecure"
        )
        .into(),
        error => format!("{CERTIFICATE} is not valid: {error}").into(),
    }
}

/// The name in what the library shows of it, such as `DnsName("example.org")`.
fn bare(name: &str) -> &str {
    let (_, inside) = name.split_once('(').unwrap_or(("", name));
    inside.trim_end_matches(')').trim_matches('"')
}

fn of_alert(alert: AlertDescription) -> Cause {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server wants a certificate; name `client_certificate` and `client_key` in [connection]".into()
        }
        AlertDescription::NoApplicationProtocol => {
            "the server does not offer this version of HTTP; change `http` in [connection]".into()
        }
        AlertDescription::UnrecognisedName => {
            "the server does not know the name that was asked for; set `server_name` in [connection]".into()
        }
        alert => format!("TLS handshake failed: the server said {alert:?}").into(),
    }
}
