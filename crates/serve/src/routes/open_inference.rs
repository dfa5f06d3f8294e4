//! The Open Inference Protocol, also known as `KServe` V2.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{Counted, Received, Service};
use crate::{
    memory::Buffer,
    refusal::Refusal,
    wire::{
        answers::{Failed, Span},
        open_inference::{
            InferenceRequest, InferenceRequestBody, InferenceResponseBody, JSON_BYTES_HEADER, Live,
            MODEL_VERSION, ModelMetadata, ModelReady, Ready, ServerMetadata, read,
        },
    },
};

/// The model that a path names, which is the one that is served here.
#[derive(Debug)]
pub(crate) struct Model {
    name: String,
}

impl FromRequestParts<Service> for Model {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let Path(named) = Path::<HashMap<String, String>>::from_request_parts(parts, service)
            .await
            .map_err(|_| Refusal::NoSuchModel)?;
        let name = service.engine.model().name();
        let version = named.get("version").map_or(MODEL_VERSION, String::as_str);
        if named.get("name").is_none_or(|named| named != name) || version != MODEL_VERSION {
            return Err(Refusal::NoSuchModel);
        }
        Ok(Self {
            name: name.to_owned(),
        })
    }
}

/// What serves here?
#[utoipa::path(
    get,
    path = "/v2",
    tag = "Open Inference Protocol",
    operation_id = "server_metadata",
    responses((status = 200, description = "Name, version and extensions of the protocol.", body = ServerMetadata))
)]
pub(crate) async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata::current())
}

/// Is the server there?
#[utoipa::path(
    get,
    path = "/v2/health/live",
    tag = "Open Inference Protocol",
    operation_id = "server_live",
    responses((status = 200, description = "It is.", body = Live))
)]
pub(crate) async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Is the server ready?
#[utoipa::path(
    get,
    path = "/v2/health/ready",
    tag = "Open Inference Protocol",
    operation_id = "server_ready",
    responses((status = 200, description = "Questions are answered without delay.", body = Ready))
)]
pub(crate) async fn ready(State(service): State<Service>) -> Result<Json<Ready>, Refusal> {
    service.readiness.check()?;
    Ok(Json(Ready { ready: true }))
}

/// What does the model take and give?
#[utoipa::path(
    get,
    path = "/v2/models/{name}",
    tag = "Open Inference Protocol",
    operation_id = "model_metadata",
    params(("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad")),
    responses((status = 200, description = "Its tensors.", body = ModelMetadata))
)]
pub(crate) async fn model(model: Model) -> Json<ModelMetadata> {
    Json(ModelMetadata::new(&model.name))
}

/// What does this version of the model take and give?
#[utoipa::path(
    get,
    path = "/v2/models/{name}/versions/{version}",
    tag = "Open Inference Protocol",
    operation_id = "model_version_metadata",
    params(
        ("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad"),
        ("version" = String, Path, description = "There is `1` only.", example = "1"),
    ),
    responses((status = 200, description = "Its tensors.", body = ModelMetadata))
)]
pub(crate) async fn version(named: Model) -> Json<ModelMetadata> {
    model(named).await
}

/// Is the model ready?
#[utoipa::path(
    get,
    path = "/v2/models/{name}/ready",
    tag = "Open Inference Protocol",
    operation_id = "model_ready",
    params(("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad")),
    responses((status = 200, description = "Questions are answered without delay.", body = ModelReady))
)]
pub(crate) async fn model_ready(
    model: Model,
    State(service): State<Service>,
) -> Result<Json<ModelReady>, Refusal> {
    service.readiness.check()?;
    Ok(Json(ModelReady {
        name: model.name,
        ready: true,
    }))
}

/// Is this version of the model ready?
#[utoipa::path(
    get,
    path = "/v2/models/{name}/versions/{version}/ready",
    tag = "Open Inference Protocol",
    operation_id = "model_version_ready",
    params(
        ("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad"),
        ("version" = String, Path, description = "There is `1` only.", example = "1"),
    ),
    responses((status = 200, description = "Questions are answered without delay.", body = ModelReady))
)]
pub(crate) async fn version_ready(
    model: Model,
    service: State<Service>,
) -> Result<Json<ModelReady>, Refusal> {
    model_ready(model, service).await
}

/// Answer questions
///
/// Takes the `BYTES` tensors `question` and `context`, and gives the tensors `answer`, `score`, `start` and `end` with a
/// row for each question and a column for each answer. Rows with fewer answers than others are filled up with empty
/// texts and zeros. The tensor `output` says it all in one, the way that `MLServer` does: for each question the JSON of the
/// pipeline, or `error` and `index` for a question that failed.
///
/// Data goes after the JSON in binary where `binary_data_size` says so in a request and `binary_data` or
/// `binary_data_output` asks for it in a response; `Inference-Header-Content-Length` is then the length of the JSON.
#[utoipa::path(
    post,
    path = "/v2/models/{name}/infer",
    tag = "Open Inference Protocol",
    operation_id = "infer",
    params(
        ("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad"),
        ("Inference-Header-Content-Length" = Option<String>, Header, description = "How many bytes of the body are JSON, if not all are."),
    ),
    request_body = InferenceRequestBody,
    responses((
        status = 200, description = "The tensors that were asked for.",
        content((InferenceResponseBody = "application/json"), (Vec<u8> = "application/octet-stream")),
    ))
)]
pub(crate) async fn infer(
    model: Model,
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    let Received {
        headers,
        body,
        deadline,
    } = service.read(request).await?;
    let InferenceRequest { asked, form } = service
        .parse(body, move |body, limits, compat| {
            let json_bytes = headers.get(JSON_BYTES_HEADER).map(HeaderValue::as_bytes);
            read(body, json_bytes, limits, compat)
        })
        .await?;
    let outcomes = service.answer(&asked, deadline).await?;
    let timing = outcomes.timing;
    let write = move |items: Vec<Result<Vec<Span<'_>>, Failed>>, out: &mut Buffer| {
        form.respond(&model.name, &items, out)
    };
    let (json_bytes, body) = service.write(Arc::new(asked), outcomes, write).await?;
    let mut response = match json_bytes {
        None => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Some(length) => {
            let length = [(JSON_BYTES_HEADER, length.to_string())];
            (length, body).into_response()
        }
    };
    response.extensions_mut().insert(timing);
    response.extensions_mut().insert(Counted);
    Ok(response)
}

/// Answer questions with this version of the model
///
/// The same for clients that name a version.
#[utoipa::path(
    post,
    path = "/v2/models/{name}/versions/{version}/infer",
    tag = "Open Inference Protocol",
    operation_id = "version_infer",
    params(
        ("name" = String, Path, description = "The model's name, as `/info` tells it.", example = "minilm-squad"),
        ("version" = String, Path, description = "There is `1` only.", example = "1"),
        ("Inference-Header-Content-Length" = Option<String>, Header, description = "How many bytes of the body are JSON, if not all are."),
    ),
    request_body = InferenceRequestBody,
    responses((
        status = 200, description = "The tensors that were asked for.",
        content((InferenceResponseBody = "application/json"), (Vec<u8> = "application/octet-stream")),
    ))
)]
pub(crate) async fn version_infer(
    model: Model,
    service: State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    infer(model, service, request).await
}
