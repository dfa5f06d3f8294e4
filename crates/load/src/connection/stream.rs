//! The way of the bytes: TCP, TLS over it, or a Unix socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::cause;
use crate::check::Cause;
use crate::host::Addresses;
use crate::target::{HttpVersion, Target};
use crate::tls::{Tls, protocol_name};

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Stream {
    /// Connects to the first address that accepts, and shakes hands where the connection is to be encrypted.
    pub(super) async fn open(target: &Target) -> Result<Self, Cause> {
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

async fn encrypted(stream: TcpStream, tls: &Tls, http: HttpVersion) -> Result<Stream, Cause> {
    let Tls {
        connector,
        server_name,
    } = tls;
    let stream = connector
        .connect(server_name.clone(), stream)
        .await
        .map_err(|error| cause::of_handshake(&error))?;
    let (_, session) = stream.get_ref();
    // A server that names no protocol speaks HTTP/1.1.
    let named = session.alpn_protocol();
    if http == HttpVersion::Http2 && named != Some(protocol_name(http)) {
        return Err(cause::NO_HTTP2);
    }
    Ok(Stream::Tls(Box::new(stream)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
