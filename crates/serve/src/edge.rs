//! What happens to every request before and after its handler: who may ask, until when, and what is seen of it.
//!
//! Neither a request's text nor its path gets into a log line or a metric, only the pattern of the route that it took.

mod correlation;
mod deadline;
mod observation;
mod origin;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::HttpBody,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::{
    correlation::{Correlation, X_REQUEST_ID},
    deadline::TimedBody,
    observation::Observation,
};
pub(crate) use self::{
    deadline::{Deadline, Late},
    origin::Origins,
};
use crate::{
    body,
    config::{Access, Limits},
    engine::Timing,
    error::ServeError,
    keys::ApiKeys,
    memory::{self, Memory},
    metrics::{self, Metrics},
    refusal::{self, Refusal},
};

/// What the layers around the routes share.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) limits: Limits,
    /// `None` when everybody may ask.
    pub(crate) keys: Option<Arc<ApiKeys>>,
    /// Whose pages may ask.
    pub(crate) origins: Origins,
    /// For answers that nobody has counted yet.
    pub(crate) answer_memory: Memory,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when the server is asked to end: from then on every response closes its connection, so that none
    /// is idle, and may be in use again at that very moment, when the server closes the rest.
    pub(crate) shutdown: CancellationToken,
}

/// `routes` with the layers around them.
pub(crate) fn wrap(routes: Router, edge: Arc<Edge>, cors: Option<CorsLayer>) -> Router {
    let guarded = routes
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), guard))
        .layer(middleware::from_fn(refusal::in_the_shape_of_the_api));
    let shared = match cors {
        // Around the guard, because browsers ask whether they may ask without a key.
        Some(cors) => guarded.layer(cors),
        None => guarded,
    };
    shared.layer(middleware::from_fn_with_state(edge, observe))
}

/// `GET /metrics`.
pub(crate) fn metrics_route(metrics: Arc<Metrics>) -> Router {
    let encode = async move || {
        let content_type = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
        (content_type, metrics.encode())
    };
    Router::new().route("/metrics", get(encode))
}

/// The answers to browsers whose pages come from elsewhere; `None` unless an origin is listed.
pub(crate) fn cors(access: &Access) -> Result<Option<CorsLayer>, ServeError> {
    if access.cors_origins.is_empty() {
        return Ok(None);
    }
    let mut origins = Vec::new();
    for origin in &access.cors_origins {
        origins.push(
            parse_origin(origin).ok_or_else(|| ServeError::InvalidOrigin {
                origin: origin.clone(),
            })?,
        );
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins)
    };
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        X_REQUEST_ID,
        TRACEPARENT,
    ];
    Ok(Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(headers)
            .expose_headers([header::RETRY_AFTER, SERVER_TIMING, X_REQUEST_ID]),
    ))
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// `*`, or scheme, host and maybe port, as browsers send them: without a path, not even a slash.
fn parse_origin(origin: &str) -> Option<HeaderValue> {
    if origin != "*" {
        let uri: axum::http::Uri = origin.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        if origin != format!("{scheme}://{authority}") || authority.as_str().contains('@') {
            return None;
        }
    }
    origin.parse().ok()
}

/// An extension of responses whose bodies hold the room that they take, or take none because they are there anyway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted;

/// Counts and logs a request, and adds to its response what tells about it.
async fn observe(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let arrived = Instant::now();
    let correlation = Correlation::of(request.headers());
    let request_id = correlation.request_id.clone();
    let observation = Observation::start(&edge.metrics, &request, correlation, arrived);
    let deadline = Deadline(arrived + edge.limits.timeout);
    request.extensions_mut().insert(deadline);

    let response = next.run(request).await;
    let mut response = counted(response, &edge.answer_memory);
    observation.finish(response.status());
    let timing = response.extensions_mut().remove::<Timing>();
    let timing = server_timing(timing.as_ref(), arrived.elapsed());
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id);
    headers.insert(SERVER_TIMING, timing);
    if edge.shutdown.is_cancelled() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The response, which then holds the room that its body takes; a refusal if there is none.
fn counted(response: Response, memory: &Memory) -> Response {
    let bytes = response.body().size_hint().exact();
    // None is made bit by bit.
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = bytes.unwrap_or_default();
    if bytes <= memory::FREE_BYTES || response.extensions().get::<Counted>().is_some() {
        return response;
    }
    let mut held = memory.hold();
    if held.grow_to(bytes).is_err() {
        return Refusal::NoMemory.into_response();
    }
    let mut response = response.map(|body| held.keep_for(body));
    // The body that holds the room has no known length any more.
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, bytes.into());
    response
}

/// Refuses requests that are not allowed, and sees to it that the others are answered in time.
async fn guard(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let deadline = head.extensions.get().copied();
    let Deadline(deadline) =
        deadline.unwrap_or_else(|| Deadline(Instant::now() + edge.limits.timeout));
    let body = TimedBody::wrap(body, edge.limits.read_timeout, deadline);
    let mut allowed = edge.origins.check(&head);
    if let Some(keys) = &edge.keys
        && !is_open(&head.method, head.uri.path())
    {
        allowed = check_key(keys, &head).and(allowed);
    }
    if let Err(refusal) = allowed {
        body::discard_for(&head.headers, body, edge.limits.max_body_bytes).await;
        return refusal.into_response();
    }
    let answer = next.run(Request::from_parts(head, body));
    // Handlers know the deadline too. They are asked first, so this only speaks for those that forget it.
    time::timeout_at(deadline.into(), answer)
        .await
        .unwrap_or_else(|_| Refusal::TimedOut.into_response())
}

/// Whether a path is for those without a key: the probes of orchestrators and load balancers, and the page of
/// documentation, which a browser opens without a key and which has a field for one. It tells nobody's secret.
pub(crate) fn is_open(method: &Method, path: &str) -> bool {
    // A slash at the end only leads to the path without it.
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    matches!(path, "/health" | "/ready" | "/docs" | "/openapi.json")
        || path.starts_with("/v2/health/")
        // Leads to the page.
        || (path == "/" && method == Method::GET)
}

fn check_key(keys: &ApiKeys, head: &request::Parts) -> Result<(), Refusal> {
    match bearer(&head.headers) {
        None => Err(Refusal::NoKey),
        Some(key) if keys.allow(key) => Ok(()),
        Some(_) => Err(Refusal::WrongKey),
    }
}

/// The token of `Authorization: Bearer …`, whose scheme may be written in any case.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

/// Where the time went, in milliseconds, as browsers show it: the steps of an answer, and in any case the whole.
fn server_timing(timing: Option<&Timing>, total: Duration) -> HeaderValue {
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let total = format!("total;dur={:.3}", ms(total));
    let text = match timing {
        None => total,
        Some(timing) => format!(
            "queue;dur={:.3}, tokenize;dur={:.3}, inference;dur={:.3}, {total}",
            ms(timing.queue),
            ms(timing.tokenization),
            ms(timing.inference)
        ),
    };
    HeaderValue::try_from(text).expect("digits and punctuation make a header")
}

#[cfg(test)]
mod tests;
