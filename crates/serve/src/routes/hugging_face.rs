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
    service.answer_as_json(&asked, deadline).await
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
