//! Whether a contender is ready, by its own word.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long one question may take to be answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether `GET path` at `address` (`http://host:port/prefix`) is answered with 200.
pub(crate) fn answers_200(address: &str, path: &str) -> bool {
    let (authority, prefix) = split(address);
    connect(authority)
        .and_then(|stream| status_line(stream, authority, &format!("{prefix}{path}")))
        .is_ok_and(|line| line.split(' ').nth(1) == Some("200"))
}

/// An address's host with its port, and what stands before every path.
fn split(address: &str) -> (&str, &str) {
    let rest = address.strip_prefix("http://").unwrap_or(address);
    rest.find('/')
        .map_or((rest, ""), |slash| rest.split_at(slash))
}

fn connect(authority: &str) -> std::io::Result<TcpStream> {
    // The colons within the brackets of an IPv6 address are no ports.
    let port_given = authority
        .rsplit(']')
        .next()
        .is_some_and(|end| end.contains(':'));
    let with_port = if port_given {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for socket in with_port.to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn status_line(mut stream: TcpStream, authority: &str, path: &str) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
    )?;
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
}
