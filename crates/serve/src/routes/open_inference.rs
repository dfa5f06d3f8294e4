//! The Open Inference Protocol, also known as `KServe` V2.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};

use utoipa::IntoParams;

use crate::edge::Counted;
use crate::service::{Received, Service};
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

/// Model in a request's path. It is the model that this server serves.
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

/// Parameters of a path with the name of a model.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the description is used")]
pub(crate) struct ModelPath {
    /// Name of the model, as in `/info`.
    #[param(example = "minilm-squad")]
    name: String,
}

/// Server metadata
#[utoipa::path(
    get,
    path = "/v2",
    tag = "Open Inference Protocol",
    operation_id = "server_metadata",
    responses((status = 200, description = "Name and version of the server, and its protocol extensions.", body = ServerMetadata))
)]
pub(crate) async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata::current())
}

/// Server liveness
#[utoipa::path(
    get,
    path = "/v2/health/live",
    tag = "Open Inference Protocol",
    operation_id = "server_live",
    responses((status = 200, description = "The server is running.", body = Live))
)]
pub(crate) async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Server readiness
#[utoipa::path(
    get,
    path = "/v2/health/ready",
    tag = "Open Inference Protocol",
    operation_id = "server_ready",
    responses((status = 200, description = "The server answers questions.", body = Ready))
)]
pub(crate) async fn ready(State(service): State<Service>) -> Result<Json<Ready>, Refusal> {
    service.readiness.check()?;
    Ok(Json(Ready { ready: true }))
}

/// Model metadata
#[utoipa::path(
    get,
    path = "/v2/models/{name}",
    tag = "Open Inference Protocol",
    operation_id = "model_metadata",
    params(ModelPath),
    responses((status = 200, description = "Input and output tensors of the model.", body = ModelMetadata))
)]
pub(crate) async fn model(model: Model) -> Json<ModelMetadata> {
    Json(ModelMetadata::new(&model.name))
}

/// Model readiness
#[utoipa::path(
    get,
    path = "/v2/models/{name}/ready",
    tag = "Open Inference Protocol",
    operation_id = "model_ready",
    params(ModelPath),
    responses((status = 200, description = "The model answers questions.", body = ModelReady))
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

/// Answer questions
///
/// The inputs are the `BYTES` tensors `question` and `context`. The outputs are the tensors `answer`, `score`, `start` and
/// `end`, with a row for each question and a column for each answer. A row with fewer answers ends with empty texts and
/// zeros. The tensor `output` has the format of `MLServer`: one JSON text for each question, with the result of the
/// pipeline, or `error` and `index` if the question failed.
///
/// Tensor data can follow the JSON in binary form. A request sets `binary_data_size` for its inputs. It sets `binary_data` or
/// `binary_data_output` for binary outputs. `Inference-Header-Content-Length` is then the length of the JSON in bytes.
#[utoipa::path(
    post,
    path = "/v2/models/{name}/infer",
    tag = "Open Inference Protocol",
    operation_id = "infer",
    params(
        ModelPath,
        ("Inference-Header-Content-Length" = Option<String>, Header, description = "Length of the JSON in bytes, if binary data follows it."),
    ),
    request_body = InferenceRequestBody,
    responses((
        status = 200, description = "The requested tensors.",
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
