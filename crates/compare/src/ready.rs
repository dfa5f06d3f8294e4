//! Whether a contender is ready, by its own word.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, lookup_host};

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

/// Asks whether `GET path` at `address` (`http://host:port/prefix`) is answered with 200, for at most `patience` from the
/// look for its name to the end of the answer's first line. It can be dropped at any time.
pub(crate) async fn ask(address: &str, path: &str, patience: Duration) -> Result<(), NotReady> {
    let (authority, prefix) = split(address);
    let patience = patience.clamp(Duration::from_millis(1), PATIENCE);
    let asked = async {
        let stream = connect(authority).await?;
        let line = status_line(stream, authority, &format!("{prefix}{path}")).await;
        line.map_err(|error| NotReady::NoAnswer(in_words(&error)))
    };
    let late = |_| {
        let limit = patience.as_millis();
        NotReady::NoAnswer(format!("no answer after {limit} ms"))
    };
    let line = tokio::time::timeout(patience, asked)
        .await
        .map_err(late)??;
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

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
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

async fn connect(authority: &str) -> Result<TcpStream, NotReady> {
    let host = with_port(authority);
    let found = lookup_host(&host).await.map(Iterator::collect::<Vec<_>>);
    let sockets = match found {
        Ok(sockets) => sockets,
        Err(source) => return Err(NotReady::Resolve { host, source }),
    };
    let stream = TcpStream::connect(&*sockets).await;
    stream.map_err(|error| NotReady::NoAnswer(in_words(&error)))
}

async fn status_line(mut stream: TcpStream, authority: &str, path: &str) -> io::Result<String> {
    // In one piece: some servers answer and close as soon as they have read something.
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // Only the first line, and no more of it than a status line has: what follows may never end.
    let mut line = Vec::new();
    let mut first = BufReader::new(stream.take(256));
    first.read_until(b'\n', &mut line).await?;
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

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = async |patience| ask(&address, "/", patience).await.unwrap_err().to_string();
        let limit = Duration::from_millis(20);
        assert_eq!(asked(limit).await, "no answer after 20 ms");
        drop(listener);
        assert_eq!(asked(PATIENCE).await, "connection refused");
    }

    #[tokio::test]
    async fn the_time_is_for_the_whole_answer_however_it_drips() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(b"H").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let wrong = ask(&address, "/", Duration::from_secs(1)).await;
        assert_eq!(wrong.unwrap_err().to_string(), "no answer after 1000 ms");
    }
}
