//! Hugging Face's Inference API.

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{Received, Service, open_inference::Model};
use crate::{
    refusal::Refusal,
    wire::{
        answers::Results,
        hugging_face::{HuggingFaceBody, read},
    },
};

/// Answer questions
///
/// As a Hugging Face Inference Endpoint does; `inputs` and `parameters` hold what the pipeline takes.
#[utoipa::path(
    post,
    path = "/",
    tag = "Hugging Face Inference API",
    request_body = HuggingFaceBody,
    responses(
        (
            status = 200, body = Results,
            description = "One answer as an object, any other number of them as a list, best first; \
                for several questions a list with an entry for each.",
        ),
    )
)]
pub(crate) async fn inference(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    let Received { body, deadline, .. } = service.read(request).await?;
    let asked = service.parse(body, read).await?;
    service.answer_as_json(asked, deadline).await
}

/// Answer questions with a named model
///
/// The same for clients that put the model's name into the path.
#[utoipa::path(
    post,
    path = "/models/{name}",
    tag = "Hugging Face Inference API",
    params(("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad")),
    request_body = HuggingFaceBody,
    responses(
        (
            status = 200, body = Results,
            description = "One answer as an object, any other number of them as a list, best first; \
                for several questions a list with an entry for each.",
        ),
    )
)]
pub(crate) async fn model_inference(
    _: Model,
    service: State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    inference(service, request).await
}

/// Answer questions with a model named with its owner
///
/// The same for clients that put the model's name on the Hub into the path. The owner may be any: a server knows its model by its
/// name alone.
#[utoipa::path(
    post,
    path = "/models/{owner}/{name}",
    tag = "Hugging Face Inference API",
    params(
        ("owner" = String, Path, description = "The model's owner on the Hub.", example = "deepset"),
        ("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad"),
    ),
    request_body = HuggingFaceBody,
    responses(
        (
            status = 200, body = Results,
            description = "One answer as an object, any other number of them as a list, best first; \
                for several questions a list with an entry for each.",
        ),
    )
)]
pub(crate) async fn owned_model_inference(
    model: Model,
    service: State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    model_inference(model, service, request).await
}
