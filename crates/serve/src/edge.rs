//! Layers around the routes: API keys, origins, deadlines, logs and metrics of every request.
//!
//! Logs and metrics never contain text or the path of a request. They contain the pattern of its route.

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

/// Shared state of the layers around the routes.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) limits: Limits,
    /// `None` if requests need no API key.
    pub(crate) keys: Option<Arc<ApiKeys>>,
    /// Web origins whose pages can send requests.
    pub(crate) origins: Origins,
    /// Memory for responses that are not marked as [`Counted`].
    pub(crate) answer_memory: Memory,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled at the start of the shutdown. From then on every response closes its connection. Therefore no client can start a
    /// request on an idle connection at the moment when the server closes it.
    pub(crate) shutdown: CancellationToken,
}

/// Routes with the layers around them.
pub(crate) fn wrap(routes: Router, edge: Arc<Edge>, cors: Option<CorsLayer>) -> Router {
    let guarded = routes
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), guard))
        .layer(middleware::from_fn(refusal::in_the_shape_of_the_api));
    let shared = match cors {
        // Outside the guard, because the preflight request of a browser has no API key.
        Some(cors) => guarded.layer(cors),
        None => guarded,
    };
    shared.layer(middleware::from_fn_with_state(edge, observe))
}

/// Route `GET /metrics`.
pub(crate) fn metrics_route(metrics: Arc<Metrics>) -> Router {
    let encode = async move || {
        let content_type = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
        (content_type, metrics.encode())
    };
    Router::new().route("/metrics", get(encode))
}

/// CORS layer for the configured origins; `None` without origins.
///
/// # Errors
/// [`ServeError::InvalidOrigin`].
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

/// Value of the `Origin` header: `*`, or scheme, host and optional port, without a slash at the end. `None` for other text.
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

/// Extension of responses whose body is already counted, or is static.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted;

/// Layer that counts and logs a request, and sets the headers `X-Request-Id` and `Server-Timing` of its response.
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

/// The response, whose body reserves memory until it is sent; a refusal if the memory is full.
fn counted(response: Response, memory: &Memory) -> Response {
    let bytes = response.body().size_hint().exact();
    // All uncounted bodies have a known length.
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
    // The wrapped body has no known length.
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, bytes.into());
    response
}

/// Layer that rejects requests without a valid API key or origin, and requests beyond their deadline.
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
    // Handlers check the deadline too. This is for handlers that do not.
    time::timeout_at(deadline.into(), answer)
        .await
        .unwrap_or_else(|_| Refusal::TimedOut.into_response())
}

/// `true` if a request needs no API key: the probes of orchestrators and load balancers, and the documentation. A browser opens
/// the documentation without a key, and its page has a field for the key.
pub(crate) fn is_open(method: &Method, path: &str) -> bool {
    // A path with a slash at its end redirects to the path without it.
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    matches!(path, "/health" | "/ready" | "/docs" | "/openapi.json")
        || path.starts_with("/v2/health/")
        // Redirects to the documentation.
        || (path == "/" && method == Method::GET)
}

fn check_key(keys: &ApiKeys, head: &request::Parts) -> Result<(), Refusal> {
    match bearer(&head.headers) {
        None => Err(Refusal::NoKey),
        Some(key) if keys.allow(key) => Ok(()),
        Some(_) => Err(Refusal::WrongKey),
    }
}

/// Token of the header `Authorization: Bearer …`. Letter case of the scheme is ignored.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

/// Value of the `Server-Timing` header, in milliseconds: the steps of an answer, if there is one, and the total.
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
