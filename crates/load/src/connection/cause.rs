//! Causes of failures of connections. Equal failures have equal texts, so that they can be counted.

use std::error::Error;
use std::io;
use std::path::Path;

use h2::Reason;
use rustls::{AlertDescription, CertificateError};

use super::no_answer::Awaited;
use crate::cause::Cause;
use crate::open_files;

/// Cause of the failure where the handshake succeeds without an agreement on HTTP/2.
pub(super) const NO_HTTP2: Cause =
    Cause::Borrowed("the server does not offer HTTP/2; use `http = \"1.1\"` in [connection]");

/// Cause of the failure where the server, or a device on the way, reset the connection.
const RESET: Cause = Cause::Borrowed("connection reset");

/// `true` if the connection ended before any answer, as if the server closes a connection that it has kept.
pub(crate) fn is_lost(cause: &Cause) -> bool {
    *cause == RESET || *cause == closed(Awaited::Head)
}

pub(super) fn of_http1(error: &hyper::Error, stage: Awaited) -> Cause {
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
        Awaited::Head => "no answer".into(),
        Awaited::Body => closed(stage),
    }
}

pub(super) fn of_http2(error: &h2::Error, stage: Awaited) -> Cause {
    if let Some(error) = error.get_io() {
        return match error.kind() {
            // Words of the library for a connection that ends while a stream is open.
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

/// Cause of a failure of a connection over TCP or TLS.
pub(super) fn of_io(error: &io::Error) -> Cause {
    /// Error numbers of Linux and macOS for too many open files, of the process and of the machine.
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

/// Cause of a failure to open the Unix socket at `path`.
pub(super) fn of_socket(error: &io::Error, path: &Path) -> Cause {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no socket {path}").into(),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to connect to the socket {path}").into()
        }
        // The queue of connections of the server is full. Over TCP, the system would wait.
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

fn closed(stage: Awaited) -> Cause {
    match stage {
        Awaited::Head => "connection closed before the answer".into(),
        Awaited::Body => "connection closed half-way through the answer".into(),
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
        // A bad signature comes from another issuer with the same name, such as one that was created again.
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

/// Name in the debug output of the library, such as `DnsName("example.org")`.
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
