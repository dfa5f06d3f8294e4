//! Request bodies, within a limit for each body and a limit for all bodies.

use std::{error::Error, iter};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, Limited};

use crate::{
    edge::Late,
    memory::{Buffer, Full, Memory},
    refusal::Refusal,
};

/// Maximum part of a rejected body that is read and discarded, as a multiple of the limit.
const MAX_DISCARDED: usize = 8;

/// The whole body, if it has at most `limit` bytes and fits into `memory`.
///
/// The rest of a larger body is discarded before the response. Many clients read the response only after they have sent the
/// whole body, and report an error if the connection closes before. A client that sends `Expect` gets the response at once.
///
/// # Errors
/// [`Refusal::TooLarge`], [`Refusal::NoMemory`], [`Refusal::LateBody`], [`Refusal::TimedOut`] and [`Refusal::BrokenBody`].
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    memory: &Memory,
) -> Result<Bytes, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        discard_for(headers, body, limit).await;
        return Err(Full::Limit.of_body(limit));
    }
    // `Content-Length` alone reserves no memory.
    let expected = usize::try_from(body.size_hint().exact().unwrap_or(u64::MAX));
    let expected = expected.unwrap_or(usize::MAX).min(limit);
    let mut buffer = Buffer::new(limit, memory);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if let Err(full) = buffer.push(&data, expected) {
            drop(buffer);
            discard(body, limit.saturating_mul(MAX_DISCARDED)).await;
            return Err(full.of_body(limit));
        }
    }
    Ok(buffer.into_bytes())
}

fn broken(error: &axum::Error) -> Refusal {
    match lateness(error) {
        Some(Late::Body) => Refusal::LateBody,
        Some(Late::Request) => Refusal::TimedOut,
        None => Refusal::BrokenBody,
    }
}

/// Discards the body of a rejected request, unless the client sent `Expect` and waits for a response.
pub(crate) async fn discard_for(headers: &HeaderMap, body: Body, limit: usize) {
    if !headers.contains_key(header::EXPECT) {
        discard(body, limit.saturating_mul(MAX_DISCARDED)).await;
    }
}

/// Time limit that caused `error`, if a time limit did.
fn lateness(error: &(dyn Error + 'static)) -> Option<Late> {
    let mut causes = iter::successors(Some(error), |&error| error.source());
    causes.find_map(|error| error.downcast_ref()).copied()
}

/// Reads until the end of the body, or `limit` bytes.
async fn discard(body: Body, limit: usize) {
    let mut body = Limited::new(body, limit);
    while let Some(Ok(_)) = body.frame().await {}
}
