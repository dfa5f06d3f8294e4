//! Probes, server information and documentation.

use std::sync::{Arc, LazyLock};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::header,
    response::{Html, IntoResponse, Redirect},
};

use crate::service::Service;
use crate::{
    edge::Counted,
    openapi,
    refusal::Refusal,
    wire::info::{Info, Status},
};

/// Liveness
///
/// Responds as long as the process serves connections.
#[utoipa::path(
    get,
    path = "/health",
    tag = "about the server",
    responses((status = 200, description = "The server is running.", body = Status))
)]
pub(crate) async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Readiness
///
/// The server is ready once every inference worker has answered the warm-up question, until it starts to shut down.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "about the server",
    responses((status = 200, description = "The server answers questions.", body = Status))
)]
pub(crate) async fn ready(State(service): State<Service>) -> Result<Json<Status>, Refusal> {
    service.readiness.check()?;
    Ok(Json(Status { status: "ready" }))
}

/// Model, version and limits
#[utoipa::path(
    get,
    path = "/info",
    tag = "about the server",
    responses((status = 200, description = "Model, version, settings and limits of the server.", body = Info))
)]
pub(crate) async fn info(State(service): State<Service>) -> Result<Json<Info>, Refusal> {
    let (model, config) = (Arc::clone(service.engine.model()), service.config);
    // The first call hashes the whole model.
    let info = service
        .engine
        .text_work
        .run(0, move || Info::new(&model, &config));
    info.await.map(Json).map_err(Refusal::from)
}

/// Redirect to the documentation
///
/// Leads a browser to `/docs`.
#[utoipa::path(
    get,
    path = "/",
    tag = "about the server",
    operation_id = "root",
    responses((status = 307, description = "The documentation is at `/docs`.", headers(("Location" = String, description = "`docs`, a relative path, which also works behind a proxy that removes a path prefix"))))
)]
pub(crate) async fn root() -> Redirect {
    Redirect::temporary("docs")
}

/// OpenAPI description
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "about the server",
    responses((status = 200, description = "The OpenAPI description of this API.", body = Object))
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| {
        // Cannot fail: all map keys are strings.
        serde_json::to_vec(&openapi::description())
            .unwrap_or_default()
            .into()
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (Extension(Counted), json, TEXT.clone())
}

/// Documentation page
///
/// Shows the OpenAPI description and sends requests to try it. The page loads nothing from other hosts.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "about the server",
    responses((status = 200, description = "The documentation page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn docs() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                  img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    (
        Extension(Counted),
        [(header::CONTENT_SECURITY_POLICY, policy)],
        Html(include_str!("../docs.html")),
    )
}
