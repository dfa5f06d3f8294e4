//! Decompression of request bodies, up to a limit.

use std::io;

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::{
    memory::{Buffer, Memory},
    refusal::Refusal,
};

/// Compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    /// Deflate in the zlib format, as in HTTP.
    Deflate,
}

impl Compression {
    /// Compression in `Content-Encoding`; `None` for an uncompressed body.
    ///
    /// # Errors
    /// [`Refusal::UnknownCompression`] for another compression, and for several compressions.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut found = None;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for name in value.as_bytes().split(|&byte| byte == b',') {
                let name = name.trim_ascii().to_ascii_lowercase();
                let known = match &*name {
                    b"" | b"identity" => continue,
                    b"gzip" | b"x-gzip" => Self::Gzip,
                    b"deflate" => Self::Deflate,
                    _ => return Err(Refusal::UnknownCompression),
                };
                if found.replace(known).is_some() {
                    return Err(Refusal::UnknownCompression);
                }
            }
        }
        Ok(found)
    }

    /// The decompressed `body`, if it has at most `limit` bytes and fits into `memory`.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], [`Refusal::NoMemory`] and [`Refusal::BrokenCompression`].
    pub(crate) fn decode(
        self,
        body: &[u8],
        limit: usize,
        memory: &Memory,
    ) -> Result<Bytes, Refusal> {
        let mut decoded = Buffer::new(limit, memory);
        let copied = match self {
            Self::Gzip => io::copy(&mut MultiGzDecoder::new(body), &mut decoded),
            Self::Deflate => io::copy(&mut ZlibDecoder::new(body), &mut decoded),
        };
        match (copied, decoded.full()) {
            (_, Some(full)) => Err(full.of_body(limit)),
            (Err(_), None) => Err(Refusal::BrokenCompression),
            (Ok(_), None) => Ok(decoded.into_bytes()),
        }
    }
}
