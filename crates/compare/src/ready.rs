//! Whether a contender is ready, by its own word.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long one question may take to be answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a contender is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    /// Its name is not found.
    #[error("cannot resolve `{host}`")]
    Resolve {
        /// The name, with its port.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// Nothing accepts a connection, or nothing comes back over it.
    #[error("{0}")]
    NoAnswer(String),
    /// It answers with something else than 200.
    #[error("status {0}")]
    Status(u16),
    /// What it answers is no HTTP.
    #[error("the answer is no HTTP")]
    Garbage,
}

/// Asks whether `GET path` at `address` (`http://host:port/prefix`) is answered with 200, for at most `patience`.
pub(crate) fn ask(address: &str, path: &str, patience: Duration) -> Result<(), NotReady> {
    let (authority, prefix) = split(address);
    let patience = patience.clamp(Duration::from_millis(1), PATIENCE);
    let no_answer = |error: io::Error| NotReady::NoAnswer(in_words(&error, patience));
    let sockets = sockets(authority)?;
    let stream = connect(&sockets, patience).map_err(no_answer)?;
    stream.set_read_timeout(Some(patience)).map_err(no_answer)?;
    let line = status_line(stream, authority, &format!("{prefix}{path}")).map_err(no_answer)?;
    match status(&line) {
        Some(200) => Ok(()),
        Some(other) => Err(NotReady::Status(other)),
        None if line.is_empty() => Err(NotReady::NoAnswer("connection closed".into())),
        None => Err(NotReady::Garbage),
    }
}

fn status(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("HTTP/")?.split_whitespace();
    words.nth(1)?.parse().ok()
}

fn in_words(error: &io::Error, patience: Duration) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            format!("no answer after {} ms", patience.as_millis())
        }
        _ => error.to_string(),
    }
}

/// An address's host with its port, and what stands before every path.
pub(crate) fn split(address: &str) -> (&str, &str) {
    let rest = address.strip_prefix("http://").unwrap_or(address);
    rest.find('/')
        .map_or((rest, ""), |slash| rest.split_at(slash))
}

/// A host with its port, 80 where none is given.
pub(crate) fn with_port(authority: &str) -> String {
    // The colons within the brackets of an IPv6 address are no ports.
    let port_given = authority
        .rsplit(']')
        .next()
        .is_some_and(|end| end.contains(':'));
    if port_given {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    }
}

fn sockets(authority: &str) -> Result<Vec<SocketAddr>, NotReady> {
    let with_port = with_port(authority);
    match with_port.to_socket_addrs() {
        Ok(sockets) => Ok(sockets.collect()),
        Err(source) => Err(NotReady::Resolve {
            host: with_port,
            source,
        }),
    }
}

fn connect(sockets: &[SocketAddr], patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for socket in sockets {
        match TcpStream::connect_timeout(socket, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn status_line(mut stream: TcpStream, authority: &str, path: &str) -> io::Result<String> {
    // In one piece: some servers answer and close as soon as they have read something.
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // Only the first line, and no more of it than a status line has: what follows may never end.
    let mut line = Vec::new();
    BufReader::new(stream.take(256)).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_split_into_host_and_prefix() {
        assert_eq!(split("http://h:8000"), ("h:8000", ""));
        assert_eq!(split("http://[::1]:80/api/v1"), ("[::1]:80", "/api/v1"));
    }

    #[test]
    fn status_is_read_from_http_alone() {
        for (line, expected) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 503\r\n", Some(503)),
            ("SSH-2.0 200 OK\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = |patience| ask(&address, "/", patience).unwrap_err().to_string();
        assert_eq!(asked(Duration::from_millis(20)), "no answer after 20 ms");
        drop(listener);
        assert_eq!(asked(PATIENCE), "connection refused");
    }
}
