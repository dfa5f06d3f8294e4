//! Routes of the API.

pub(crate) mod about;
pub(crate) mod hugging_face;
pub(crate) mod open_inference;
pub(crate) mod question_answering;

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

use crate::{body, openapi, path, refusal::Refusal, service::Service};

/// Paths of the model in the Open Inference Protocol, without and with its version.
const MODEL_PATHS: [&str; 2] = ["/v2/models/{name}", "/v2/models/{name}/versions/{version}"];

/// All routes of the API.
pub(crate) fn router(service: Service) -> Router {
    let v2 = Router::new()
        .route("/v2", get(open_inference::server))
        .route("/v2/", get(open_inference::server))
        .route("/v2/health/live", get(open_inference::live))
        .route("/v2/health/ready", get(open_inference::ready));
    let v2 = MODEL_PATHS.iter().fold(v2, |router, model| {
        router
            .route(model, get(open_inference::model))
            .route(&format!("{model}/ready"), get(open_inference::model_ready))
            .route(&format!("{model}/infer"), post(open_inference::infer))
    });
    Router::new()
        .route(
            "/question_answering",
            post(question_answering::question_answering),
        )
        .route("/", get(about::root).post(hugging_face::inference))
        .route("/models/{name}", post(hugging_face::model_inference))
        .merge(v2)
        .route("/health", get(about::health))
        .route("/ready", get(about::ready))
        .route("/info", get(about::info))
        .route("/openapi.json", get(about::openapi))
        .route("/docs", get(about::docs))
        .route(
            "/models/{owner}/{name}",
            post(hugging_face::model_inference),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .with_state(service)
}

/// Redirect to the path without a slash at its end, if that path exists, as in FastAPI; otherwise 404.
async fn not_found(State(service): State<Service>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let way = path::without_slash(&head.uri).filter(|(plain, _)| openapi::has_path(plain));
    let Some((_, way)) = way else {
        return Refusal::NotFound.into_response();
    };
    body::discard_for(&head.headers, body, service.config.limits.max_body_bytes).await;
    Redirect::temporary(&way).into_response()
}

#[cfg(test)]
mod tests;
