//! Takes request bodies out of their compression, up to a limit.

use std::io::{self, Read};

use axum::http::{HeaderMap, header};
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::refusal::Refusal;

/// A compression of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    /// In the envelope of zlib, as HTTP has it.
    Deflate,
}

impl Compression {
    /// The one that `Content-Encoding` names, if any.
    ///
    /// # Errors
    /// [`Refusal::UnknownCompression`] for another one, or several.
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

    /// What `body` was before it was compressed, if that is at most `limit` bytes.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] and [`Refusal::BrokenCompression`].
    pub(crate) fn decode(self, body: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
        let decoded = match self {
            Self::Gzip => read(MultiGzDecoder::new(body), limit),
            Self::Deflate => read(ZlibDecoder::new(body), limit),
        };
        match decoded {
            Ok(decoded) if decoded.len() > limit => Err(Refusal::TooLarge { limit_bytes: limit }),
            Ok(decoded) => Ok(decoded),
            Err(_) => Err(Refusal::BrokenCompression),
        }
    }
}

/// At most a byte more than `limit`.
fn read(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    let most = (limit as u64).saturating_add(1);
    reader.take(most).read_to_end(&mut decoded)?;
    Ok(decoded)
}
