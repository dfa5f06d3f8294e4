//! Byte streams: TCP, TLS over TCP, or a Unix socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::cause;
use crate::cause::Cause;
use crate::connection_settings::HttpVersion;
use crate::host::Addresses;
use crate::target::Target;
use crate::tls::{Tls, protocol_name};

/// Byte stream to the server.
///
/// A server may answer before it has read all of a request, and then close: 413 for a long body. A write fails then, and
/// the answer can still be read. So bytes that cannot be written are dropped, and the failure is reported only if nothing
/// can be read either.
#[derive(Debug)]
pub(super) struct Stream {
    inner: Inner,
    /// Error of the first write that failed; after it nothing is written.
    broken: Option<io::ErrorKind>,
    /// `true` if something was read after the last write.
    heard: bool,
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Stream {
    /// Connects to the first address that accepts, and shakes hands where the connection is to be encrypted.
    pub(super) async fn open(target: &Target) -> Result<Self, Cause> {
        Inner::open(target).await.map(|inner| Self {
            inner,
            broken: None,
            heard: false,
        })
    }

    /// Result of a write of `length` bytes, for the layer above.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Err(error)) if is_gone(error.kind()) => {
                self.broken.get_or_insert(error.kind());
                Poll::Ready(Ok(length))
            }
            Poll::Ready(Ok(_)) => {
                self.heard = false;
                written
            }
            _ => written,
        }
    }
}

/// `true` if the server reads nothing more.
fn is_gone(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

impl Inner {
    async fn open(target: &Target) -> Result<Self, Cause> {
        let addresses = match &target.addresses {
            Addresses::Network(addresses) => addresses,
            Addresses::Socket(path) => {
                let stream = UnixStream::connect(path).await;
                return stream
                    .map(Self::Unix)
                    .map_err(|error| cause::of_socket(&error, path));
            }
        };
        let connect = async {
            let stream = TcpStream::connect(&**addresses).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect.await.map_err(|error| cause::of_io(&error))?;
        match &target.tls {
            None => Ok(Self::Tcp(stream)),
            Some(tls) => encrypted(stream, tls, target.http).await,
        }
    }
}

async fn encrypted(stream: TcpStream, tls: &Tls, http: HttpVersion) -> Result<Inner, Cause> {
    let Tls {
        connector,
        server_name,
    } = tls;
    let stream = connector
        .connect(server_name.clone(), stream)
        .await
        .map_err(|error| cause::of_handshake(&error))?;
    let (_, session) = stream.get_ref();
    // A server that agrees on no protocol speaks HTTP/1.1.
    let named = session.alpn_protocol();
    if http == HttpVersion::Http2 && named != Some(protocol_name(http)) {
        return Err(cause::NO_HTTP2);
    }
    Ok(Inner::Tls(Box::new(stream)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut stream.inner {
            Inner::Tcp(inner) => Pin::new(inner).poll_read(context, buffer),
            Inner::Tls(inner) => match Pin::new(inner).poll_read(context, buffer) {
                // Many servers close without ending TLS, and curl and Python accept that. If the length of the answer is
                // known, the layer above sees that bytes are missing.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                read => read,
            },
            Inner::Unix(inner) => Pin::new(inner).poll_read(context, buffer),
        };
        if let Poll::Ready(Ok(())) = read {
            if buffer.filled().len() > before {
                stream.heard = true;
            } else if let Some(error) = stream.broken.filter(|_| !stream.heard) {
                return Poll::Ready(Err(error.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let written = match &mut stream.inner {
            Inner::Tcp(inner) => Pin::new(inner).poll_write(context, bytes),
            Inner::Tls(inner) => Pin::new(inner).poll_write(context, bytes),
            Inner::Unix(inner) => Pin::new(inner).poll_write(context, bytes),
        };
        stream.written(written, bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let written = match &mut stream.inner {
            Inner::Tcp(inner) => Pin::new(inner).poll_write_vectored(context, pieces),
            Inner::Tls(inner) => Pin::new(inner).poll_write_vectored(context, pieces),
            Inner::Unix(inner) => Pin::new(inner).poll_write_vectored(context, pieces),
        };
        stream.written(written, pieces.iter().map(|piece| piece.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Tcp(inner) => inner.is_write_vectored(),
            Inner::Tls(inner) => inner.is_write_vectored(),
            Inner::Unix(inner) => inner.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let flushed = match &mut stream.inner {
            Inner::Tcp(inner) => Pin::new(inner).poll_flush(context),
            Inner::Tls(inner) => Pin::new(inner).poll_flush(context),
            Inner::Unix(inner) => Pin::new(inner).poll_flush(context),
        };
        match flushed {
            Poll::Ready(Err(error)) if is_gone(error.kind()) => {
                stream.broken.get_or_insert(error.kind());
                Poll::Ready(Ok(()))
            }
            flushed => flushed,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Tcp(inner) => Pin::new(inner).poll_shutdown(context),
            Inner::Tls(inner) => Pin::new(inner).poll_shutdown(context),
            Inner::Unix(inner) => Pin::new(inner).poll_shutdown(context),
        }
    }
}
