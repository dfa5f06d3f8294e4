//! Body of a request, received with limits on size and time.

use std::error::Error;
use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;

/// Largest body, in bytes. Forms and notes are far smaller.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Receives the whole body before the request is handled; answers 408 if that takes longer than the limit.
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
            let message = format!("the body was not received within {} s", limit.as_secs_f64());
            (StatusCode::REQUEST_TIMEOUT, message).into_response()
        }
    }
}

fn unreadable(error: &axum::Error) -> Response {
    let is_too_large = error
        .source()
        .is_some_and(<dyn Error>::is::<LengthLimitError>);
    if is_too_large {
        let message = format!("the body is larger than {MOST_BYTES} bytes");
        return (StatusCode::PAYLOAD_TOO_LARGE, message).into_response();
    }
    (StatusCode::BAD_REQUEST, "the body is incomplete").into_response()
}
