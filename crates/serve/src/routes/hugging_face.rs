//! Hugging Face's Inference API.

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::open_inference::Model;
use crate::service::{Received, Service};
use crate::{
    refusal::Refusal,
    wire::{
        answers::{RESULTS, Results},
        hugging_face::{HuggingFaceBody, read},
    },
};

/// Answer questions
///
/// The API of a Hugging Face Inference Endpoint. `inputs` and `parameters` hold the arguments of the pipeline.
#[utoipa::path(
    post,
    path = "/",
    tag = "Hugging Face Inference API",
    request_body = HuggingFaceBody,
    responses((status = 200, body = Results, description = RESULTS))
)]
pub(crate) async fn inference(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    let Received { body, deadline, .. } = service.read(request).await?;
    service.answer_body(body, read, deadline).await
}

/// As [`inference`], for clients that put the name of the model into the path.
pub(crate) async fn model_inference(
    _: Model,
    service: State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    inference(service, request).await
}
