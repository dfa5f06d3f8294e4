//! Reads request bodies up to a limit.

use std::{error::Error, iter};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{edge::Late, refusal::Refusal};

/// How much of a body beyond the limit is read and thrown away, as a multiple of the limit.
const PATIENCE: usize = 8;

/// The whole body, if it has at most `limit` bytes.
///
/// The rest of a larger one is mostly read nevertheless, because many clients look for a response only once they
/// have sent all, and take a connection that closes before for an error. Those that ask first are told at once.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let announced = body.size_hint().lower();
    let too_large = Refusal::TooLarge { limit_bytes: limit };
    if announced > limit as u64 {
        discard_for(headers, body, limit).await;
        return Err(too_large);
    }
    let mut body = body;
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body, limit.saturating_mul(PATIENCE)).await;
            Err(too_large)
        }
        Err(error) => Err(match lateness(&*error) {
            Some(Late::Body) => Refusal::LateBody,
            Some(Late::Request) => Refusal::TimedOut,
            None => Refusal::BrokenBody,
        }),
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
