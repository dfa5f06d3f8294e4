//! Probes, and what the server says about itself.

use std::sync::{Arc, LazyLock};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::header,
    response::{Html, IntoResponse, Redirect},
};

use super::Service;
use crate::{
    edge::Counted,
    openapi,
    refusal::Refusal,
    wire::info::{Info, Status},
};

/// Is the server there?
///
/// Answers as long as the process serves connections at all.
#[utoipa::path(
    get,
    path = "/health",
    tag = "about the server",
    responses((status = 200, description = "It is.", body = Status))
)]
pub(crate) async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Is the server ready?
///
/// Not before every inference worker has answered a first question, and no more once the server shuts down.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "about the server",
    responses((status = 200, description = "Questions are answered without delay.", body = Status))
)]
pub(crate) async fn ready(State(service): State<Service>) -> Result<Json<Status>, Refusal> {
    service.readiness.check()?;
    Ok(Json(Status { status: "ready" }))
}

/// What serves here, and what does it take?
#[utoipa::path(
    get,
    path = "/info",
    tag = "about the server",
    responses((status = 200, description = "Model, version, settings and limits.", body = Info))
)]
pub(crate) async fn info(State(service): State<Service>) -> Result<Json<Info>, Refusal> {
    let (model, config) = (Arc::clone(service.engine.model()), service.config);
    // The first time a hash of the whole model is taken.
    let info = service
        .engine
        .text_work
        .run(0, move || Info::new(&model, &config));
    info.await.map(Json).map_err(Refusal::from)
}

/// Where is the documentation?
///
/// Leads people who look at the server in a browser to `/docs`.
#[utoipa::path(
    get,
    path = "/",
    tag = "about the server",
    operation_id = "root",
    responses((status = 307, description = "At `/docs`.", headers(("Location" = String, description = "`docs`, relative, so that it holds behind a proxy that takes a prefix off"))))
)]
pub(crate) async fn root() -> Redirect {
    Redirect::temporary("docs")
}

/// What does the API look like?
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "about the server",
    responses((status = 200, description = "This description.", body = Object))
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| {
        // Maps with keys of text become JSON always.
        serde_json::to_vec(&openapi::description())
            .unwrap_or_default()
            .into()
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (Extension(Counted), json, TEXT.clone())
}

/// How is the API used?
///
/// A page that shows this description and lets people try it. It loads nothing from elsewhere, and may not.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "about the server",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
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
