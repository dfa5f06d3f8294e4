//! Receives the body of a request, with limits on its size and time.

use std::error::Error;
use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;

/// The largest body, in bytes. Forms and notes are far smaller.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Hands on a request once its whole body is there; answers 408 if that takes longer than the limit.
pub(crate) async fn receive(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    match tokio::time::timeout(limit, body::to_bytes(body, MOST_BYTES)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Ok(Err(error)) => unreadable(&error),
        Err(_) => {
            let message = format!("the body took longer than {} s", limit.as_secs_f64());
            (StatusCode::REQUEST_TIMEOUT, message).into_response()
        }
    }
}

fn unreadable(error: &axum::Error) -> Response {
    let is_too_large = error
        .source()
        .is_some_and(<dyn Error>::is::<LengthLimitError>);
    if is_too_large {
        let message = format!("a body has at most {MOST_BYTES} bytes");
        return (StatusCode::PAYLOAD_TOO_LARGE, message).into_response();
    }
    (StatusCode::BAD_REQUEST, "the body broke off").into_response()
}
