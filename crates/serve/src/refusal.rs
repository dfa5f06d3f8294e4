//! Error responses of rejected requests.

use std::{fmt, time::Duration};

use axum::{
    Json,
    extract::Request,
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    engine::refused::Refused,
    wire::problem::{Detail, ErrorBody, Problem, Problems},
};

/// Reason for an error response.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// 400: the body is incomplete or has invalid framing.
    BrokenBody,
    /// 401: the request has no API key.
    NoKey,
    /// 401: the API key is not valid.
    WrongKey,
    /// 403: the request is from a web page whose origin is not allowed.
    ForeignOrigin,
    /// 404: the path does not exist.
    NotFound,
    /// 404: the path has another model, or another version of the model.
    NoSuchModel,
    /// 405: the path does not have this method.
    MethodNotAllowed,
    /// 408: the client sent the body too slowly.
    LateBody,
    /// 413: the body is too large.
    TooLarge {
        /// Maximum size in bytes.
        limit_bytes: usize,
    },
    /// 413: the response is too large.
    AnswerTooLarge {
        /// Maximum size in bytes.
        limit_bytes: usize,
    },
    /// 413: the questions and contexts have too many tokens.
    TooManyTokens {
        /// Maximum number of tokens in all questions and contexts of a request.
        limit_tokens: usize,
    },
    /// 400: the body is not compressed as its header says.
    BrokenCompression,
    /// 415: the compression of the body is not supported.
    UnknownCompression,
    /// 422, or 400 in the APIs that use 400: the body is not valid.
    Invalid(Vec<Problem>),
    /// 429: the queue is full.
    Overloaded {
        /// Time after which a retry can succeed.
        retry_after: Duration,
    },
    /// 500: a bug in the server.
    Bug,
    /// 503: the server is not ready, or is shutting down.
    Unavailable(&'static str),
    /// 503: the memory for bodies or responses is used up.
    NoMemory,
    /// 504: the deadline of the request has passed.
    TimedOut,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Overloaded(retry_after) => Self::Overloaded { retry_after },
            Refused::TooLarge { limit_tokens } => Self::TooManyTokens { limit_tokens },
            Refused::AnswerTooLarge { limit_bytes } => Self::AnswerTooLarge { limit_bytes },
            Refused::NoMemory => Self::NoMemory,
            Refused::TimedOut => Self::TimedOut,
            Refused::Stopped => Self::Unavailable("the server is shutting down"),
        }
    }
}

/// Format of an API's error responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// FastAPI: `{"detail": …}`. An invalid body has status 422 and a list of problems.
    Detail,
    /// Hugging Face and the Open Inference Protocol: `{"error": …}`. An invalid body has status 400.
    Error,
}

/// Layer that gives error responses the format of the requested API.
///
/// Inside the layer, code that rejects a request does not need to know its API.
pub(crate) async fn in_the_shape_of_the_api(request: Request, next: Next) -> Response {
    let shape = Shape::of(request.method(), request.uri().path());
    let mut response = next.run(request).await;
    if shape == Shape::Detail {
        return response;
    }
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else {
        return response;
    };
    let (head, body) = refusal.render(shape).into_parts();
    *response.status_mut() = head.status;
    // The new body has another length. All other headers stay.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = body;
    response
}

impl Shape {
    /// Format of the API with this path.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let first = path.split('/').nth(1).unwrap_or_default();
        if matches!(first, "v2" | "models") || (path == "/" && method == Method::POST) {
            Self::Error
        } else {
            Self::Detail
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.render(Shape::Detail);
        response.extensions_mut().insert(self);
        response
    }
}

impl Refusal {
    fn render(&self, shape: Shape) -> Response {
        let body = |status, text: String| match shape {
            Shape::Detail => json(status, &Detail { detail: text }),
            Shape::Error => json(status, &ErrorBody { error: text }),
        };
        match (self, shape) {
            (Self::Invalid(problems), Shape::Detail) => {
                let detail = problems.clone();
                json(StatusCode::UNPROCESSABLE_ENTITY, &Problems { detail })
            }
            (Self::Overloaded { retry_after }, _) => {
                let seconds = [(header::RETRY_AFTER, whole_seconds(*retry_after))];
                (seconds, body(self.status(), self.to_string())).into_response()
            }
            (Self::NoMemory, _) => {
                let seconds = [(header::RETRY_AFTER, "1")];
                (seconds, body(self.status(), self.to_string())).into_response()
            }
            (Self::NoKey, _) => challenge("Bearer", body(self.status(), self.to_string())),
            (Self::WrongKey, _) => challenge(
                r#"Bearer error="invalid_token""#,
                body(self.status(), self.to_string()),
            ),
            // The rest of the body can still arrive, and must not be read as a request.
            (Self::LateBody, _) => {
                let close = [(header::CONNECTION, "close")];
                (close, body(self.status(), self.to_string())).into_response()
            }
            _ => body(self.status(), self.to_string()),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BrokenBody | Self::BrokenCompression | Self::Invalid(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::UnknownCompression => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoSuchModel => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::LateBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } | Self::AnswerTooLarge { .. } | Self::TooManyTokens { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Bug => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) | Self::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenBody => f.write_str("the body broke off or is badly framed"),
            // Text of FastAPI.
            Self::NoKey | Self::WrongKey => f.write_str("Not authenticated"),
            Self::ForeignOrigin => f.write_str(
                "cannot answer a page of this origin: --cors-origin does not list it",
            ),
            Self::NotFound => f.write_str("Not Found"),
            Self::NoSuchModel => f.write_str("there is no such model, or version of it, here"),
            Self::MethodNotAllowed => f.write_str("Method Not Allowed"),
            Self::LateBody => f.write_str("the body took too long to arrive"),
            Self::TooLarge { limit_bytes } => {
                write!(f, "the body is larger than {limit_bytes} bytes")
            }
            Self::AnswerTooLarge { limit_bytes } => write!(
                f,
                "the answers are larger than {limit_bytes} bytes together, ask for fewer or shorter ones"
            ),
            Self::NoMemory => {
                f.write_str("other requests take the memory for bodies and answers, try again in 1 s")
            }
            Self::TooManyTokens { limit_tokens } => write!(
                f,
                "the questions and contexts are more than {limit_tokens} tokens together, send them in several requests"
            ),
            Self::BrokenCompression => {
                f.write_str("the body is not compressed as Content-Encoding says")
            }
            Self::UnknownCompression => f.write_str(
                "cannot read the compression that Content-Encoding names; send the body as it is, or with gzip or deflate",
            ),
            Self::Invalid(problems) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&problems.join("; "))
            }
            Self::Overloaded { retry_after } => {
                let seconds = whole_seconds(*retry_after);
                write!(
                    f,
                    "too many questions are waiting, try again in {seconds} s"
                )
            }
            Self::Bug => f.write_str("Internal Server Error"),
            Self::Unavailable(why) => f.write_str(why),
            Self::TimedOut => f.write_str("the answer took too long"),
        }
    }
}

/// `response` with the header `WWW-Authenticate`.
fn challenge(scheme: &'static str, response: Response) -> Response {
    ([(header::WWW_AUTHENTICATE, scheme)], response).into_response()
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    (status, Json(body)).into_response()
}

/// Duration in seconds for `Retry-After`, rounded up, at least 1.
fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_rounded_up_and_at_least_one() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(3)), 3);
        assert_eq!(whole_seconds(Duration::from_millis(3001)), 4);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
