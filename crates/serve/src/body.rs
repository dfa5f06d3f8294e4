//! Reads request bodies, each up to a limit and all of them within the memory for that.

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

/// How much of a body beyond the limit is read and thrown away, as a multiple of the limit.
const PATIENCE: usize = 8;

/// The whole body, if it has at most `limit` bytes and there is room for it in `memory`.
///
/// The rest of a larger one is mostly read nevertheless, because many clients look for a response only once they
/// have sent all, and take a connection that closes before for an error. Those that ask first are told at once.
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
    // A length that is only announced takes no room.
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
            discard(body, limit.saturating_mul(PATIENCE)).await;
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

/// Reads the body of a request that is refused, unless the client asked first whether to send it.
pub(crate) async fn discard_for(headers: &HeaderMap, body: Body, limit: usize) {
    if !headers.contains_key(header::EXPECT) {
        discard(body, limit.saturating_mul(PATIENCE)).await;
    }
}

/// Whether a body failed because it came too slowly.
fn lateness(error: &(dyn Error + 'static)) -> Option<Late> {
    let mut causes = iter::successors(Some(error), |&error| error.source());
    causes.find_map(|error| error.downcast_ref()).copied()
}

/// Reads until the body ends or `limit` bytes have come.
async fn discard(body: Body, limit: usize) {
    let mut body = Limited::new(body, limit);
    while let Some(Ok(_)) = body.frame().await {}
}
