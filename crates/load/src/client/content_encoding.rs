//! Content encodings (RFC 9110, section 8.4.1): bodies are decoded for checks and extractions. Pure.

use std::borrow::Cow;
use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::header::{self, HeaderMap};
use ruzstd::decoding::StreamingDecoder;

use crate::cause::Cause;

/// Size of the read buffer of the Brotli decoder.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// The body, decoded as `headers` say.
///
/// # Errors
/// Cause of the failure: the encoding is not known, the bytes are not of that encoding, or the result is longer than
/// `longest` bytes.
pub(crate) fn decoded<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
    longest: usize,
) -> Result<Cow<'a, [u8]>, Cause> {
    let mut body = Cow::Borrowed(body);
    // The last encoding of the header was applied last.
    for coding in codings(headers).iter().rev() {
        if body.is_empty() {
            break;
        }
        body = Cow::Owned(decode(coding, &body, longest)?);
    }
    Ok(body)
}

fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let text: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    text.join(",")
        .split(',')
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect()
}

fn decode(coding: &str, packed: &[u8], longest: usize) -> Result<Vec<u8>, Cause> {
    let unpacked = match coding {
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(packed), longest),
        // Some servers leave out the frame of zlib, and all clients accept that.
        "deflate" => read(ZlibDecoder::new(packed), longest)
            .or_else(|_| read(DeflateDecoder::new(packed), longest)),
        "br" => read(Decompressor::new(packed, BROTLI_BUFFER_BYTES), longest),
        "zstd" => StreamingDecoder::new(packed)
            .map_err(io::Error::other)
            .and_then(|decoder| read(decoder, longest)),
        unknown => {
            return Err(format!("the body's content-encoding {unknown:?} is not known").into());
        }
    };
    match unpacked {
        Ok(body) if body.len() <= longest => Ok(body),
        Ok(_) => Err(format!("the body is longer than {} MiB when decoded", longest >> 20).into()),
        Err(_) => Err(format!("the body is not {coding}, as its content-encoding says").into()),
    }
}

/// Output of `decoder`, cut after `longest` bytes and one more.
fn read(decoder: impl Read, longest: usize) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(limit).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use hyper::header::HeaderValue;

    use super::*;

    const TEXT: &[u8] = br#"{"id": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;
    /// `TEXT` as `brotli` 1.1 and `zstd` 1.5 pack it.
    const BROTLI: &[u8] = include_bytes!("../../tests/packed/body.br");
    const ZSTD: &[u8] = include_bytes!("../../tests/packed/body.zst");

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(codings: &[&'static str], body: &[u8]) -> Result<Vec<u8>, String> {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let body = decoded(&headers, body, 1 << 20).map(Cow::into_owned);
        body.map_err(Cause::into_owned)
    }

    #[test]
    fn bodies_are_unpacked() {
        let twice = [gzip(TEXT), gzip(b"!")].concat();
        for (codings, body, expected) in [
            (&[][..], TEXT.to_vec(), TEXT.to_vec()),
            (&["identity"], TEXT.to_vec(), TEXT.to_vec()),
            (&["gzip"], gzip(TEXT), TEXT.to_vec()),
            (&["X-GZIP"], gzip(TEXT), TEXT.to_vec()),
            (&["gzip"], twice, [TEXT, b"!"].concat()),
            (&["gzip"], Vec::new(), Vec::new()),
            (&["deflate"], zlib(TEXT), TEXT.to_vec()),
            (&["deflate"], raw_deflate(TEXT), TEXT.to_vec()),
            (&["br"], BROTLI.to_vec(), TEXT.to_vec()),
            (&["zstd"], ZSTD.to_vec(), TEXT.to_vec()),
            (&["deflate, gzip"], gzip(&zlib(TEXT)), TEXT.to_vec()),
            (&["deflate", "gzip"], gzip(&zlib(TEXT)), TEXT.to_vec()),
        ] {
            assert_eq!(unpacked(codings, &body), Ok(expected), "{codings:?}");
        }
    }

    #[test]
    fn what_cannot_be_unpacked_is_named() {
        let bomb = gzip(&vec![0; 2 << 20]);
        let cut = &gzip(TEXT)[..20];
        for (coding, body, expected) in [
            (
                "gzip",
                TEXT,
                "the body is not gzip, as its content-encoding says",
            ),
            (
                "gzip",
                cut,
                "the body is not gzip, as its content-encoding says",
            ),
            (
                "br",
                TEXT,
                "the body is not br, as its content-encoding says",
            ),
            (
                "zstd",
                TEXT,
                "the body is not zstd, as its content-encoding says",
            ),
            (
                "lzma",
                TEXT,
                "the body's content-encoding \"lzma\" is not known",
            ),
            ("gzip", &bomb, "the body is longer than 1 MiB when decoded"),
        ] {
            let problem = unpacked(&[coding], body).unwrap_err();
            assert_eq!(problem, expected);
        }
    }
}
