//! One `GET` request outside of any load, such as the question whether a server is ready.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};

use crate::LoadError;
use crate::connection::{Connection, NO_STREAM, NoAnswer};
use crate::host::Host;
use crate::scenario::requoted;
use crate::target::{Connecting, Target};

/// A `GET` request with its limits.
#[derive(Debug, Clone, Copy)]
pub struct Get<'a> {
    /// Base address of the server, such as `https://example.org/api` or `unix:/run/app.sock`.
    pub host: &'a str,
    /// Path below the base address. It begins with `/`.
    pub path: &'a str,
    /// Longest time from the lookup of the name to the last byte that is read.
    pub time_limit: Duration,
    /// Longest body in bytes. `None` reads the head of the answer and no body.
    pub body_limit: Option<usize>,
}

/// Answer to a [`Get`], whatever its status is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAnswer {
    /// Status code, such as 200.
    pub status: u16,
    /// Body; empty without a `body_limit`.
    pub body: Vec<u8>,
}

/// Reason why a [`Get`] has no answer.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// The request can never be sent: its address or path is wrong, or its name has no address.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The server gave no whole answer.
    #[error("{0}")]
    NoAnswer(String),
    /// The server gave no whole answer within the time limit.
    #[error("no answer after {} ms", limit.as_millis())]
    TimedOut {
        /// The time limit.
        limit: Duration,
    },
    /// The body is longer than its limit.
    #[error("the answer is over {} KiB", limit / 1024)]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Sends `get` over a connection of its own, which is made as `connecting` says. Redirections are not followed.
/// The future can be dropped at any time.
///
/// # Errors
/// [`GetError`], of which only [`GetError::Load`] will be the same next time.
pub async fn get(connecting: &Connecting, get: &Get<'_>) -> Result<GetAnswer, GetError> {
    let limit = get.time_limit;
    tokio::time::timeout(limit, exchange(connecting, get))
        .await
        .map_err(|_| GetError::TimedOut { limit })?
}

async fn exchange(connecting: &Connecting, get: &Get<'_>) -> Result<GetAnswer, GetError> {
    let host = Host::parse(get.host).map_err(LoadError::Host)?;
    let request = request(&host, get.path)?;
    let target = Target::new(&host, connecting).await?;
    let no_answer = |cause: crate::check::Cause| GetError::NoAnswer(cause.into_owned());
    let mut connection = Connection::open(&target).await.map_err(no_answer)?;
    let response = connection.send(request).await.map_err(|problem| {
        no_answer(match problem {
            NoAnswer::Unsent(_) => "connection closed before the request".into(),
            NoAnswer::Failed(cause) => cause,
            NoAnswer::NoStream => NO_STREAM,
        })
    })?;
    let (head, body) = response.into_parts();
    let mut answer = GetAnswer {
        status: head.status.as_u16(),
        body: Vec::new(),
    };
    let Some(limit) = get.body_limit else {
        return Ok(answer);
    };
    let kept = &mut answer.body;
    let length = connection.read_up_to(limit, body, |piece| kept.extend_from_slice(piece));
    match length.await.map_err(no_answer)? {
        length if length > limit as u64 => Err(GetError::TooLong { limit }),
        _ => Ok(answer),
    }
}

fn request(host: &Host, path: &str) -> Result<Request<Full<Bytes>>, LoadError> {
    let too_long = |_| LoadError::Path {
        request: path.to_owned(),
    };
    let uri: PathAndQuery = format!("{}{}", host.prefix, requoted(path))
        .parse()
        .map_err(too_long)?;
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from(uri);
    *request.headers_mut() = HeaderMap::from_iter([
        (header::HOST, host.header.clone()),
        (
            header::ACCEPT,
            HeaderValue::from_static("application/json, */*"),
        ),
        (header::CONNECTION, HeaderValue::from_static("close")),
    ]);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that gives `answer` on each connection and keeps the connection open.
    async fn server(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                open.push(stream);
            }
        });
        format!("http://{address}/prefix")
    }

    async fn ask(
        host: &str,
        time_limit: Duration,
        body_limit: Option<usize>,
    ) -> Result<GetAnswer, String> {
        let path = "/ready";
        let request = Get {
            host,
            path,
            time_limit,
            body_limit,
        };
        let answer = get(&Connecting::default(), &request).await;
        answer.map_err(|error| error.to_string())
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn status_is_known_before_the_body_ends() {
        let host = server(b"HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nhal").await;
        let answer = ask(&host, MINUTE, None).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (503, 0));
    }

    #[tokio::test]
    async fn body_is_read_up_to_its_limit() {
        let host = server(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour").await;
        let answer = ask(&host, MINUTE, Some(4)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"four"[..]));
        let endless = server(b"HTTP/1.1 200 OK\r\n\r\nno end of it").await;
        let wrong = ask(&endless, MINUTE, Some(4)).await.unwrap_err();
        assert_eq!(wrong, "the answer is over 0 KiB");
    }

    #[tokio::test]
    async fn reasons_for_no_answer_are_those_of_a_load() {
        let garbage = server(b"SSH-2.0 200 OK\r\n").await;
        assert_eq!(
            ask(&garbage, MINUTE, None).await.unwrap_err(),
            "invalid HTTP answer"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let limit = Duration::from_millis(20);
        assert_eq!(
            ask(&host, limit, None).await.unwrap_err(),
            "no answer after 20 ms"
        );
        drop(listener);
        assert_eq!(
            ask(&host, MINUTE, None).await.unwrap_err(),
            "connection refused"
        );
        let wrong = ask("nowhere", MINUTE, None).await.unwrap_err();
        assert!(wrong.contains("is no address of a server"), "{wrong}");
    }

    #[tokio::test]
    async fn time_limit_is_for_the_whole_answer_however_it_drips() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(b"H").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let wrong = ask(&host, Duration::from_secs(1), None).await;
        assert_eq!(wrong.unwrap_err(), "no answer after 1000 ms");
    }
}
