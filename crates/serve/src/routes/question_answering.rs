//! The pipeline's own arguments over HTTP.

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{Received, Service};
use crate::{
    refusal::Refusal,
    wire::{
        answers::Results,
        problem::Problems,
        question_answering::{QuestionAnsweringBody, read},
    },
};

/// Answer questions
///
/// Finds the spans of `context` that answer `question`, with the parameters and the results of the
/// question-answering pipeline of transformers 4.57.
///
/// A list of questions goes with one context for all of them, or with a list of as many contexts; one question goes with
/// one context. A question in a list that cannot be answered fails alone: its place holds `error` and `index`. A list of
/// one is answered like the question alone.
///
/// The body is read as JSON whatever `Content-Type` says. Parameters that are null take their default, and keys
/// that have no meaning here are ignored.
#[utoipa::path(
    post,
    path = "/question_answering",
    tag = "question answering",
    request_body = QuestionAnsweringBody,
    responses(
        (
            status = 200, body = Results,
            description = "One answer as an object, any other number of them as a list, best first; \
                for several questions a list with an entry for each.",
        ),
        (status = 422, description = "The body is no JSON, or not what is asked for; lists every problem.", body = Problems),
    )
)]
pub(crate) async fn question_answering(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    let Received { body, deadline, .. } = service.read(request).await?;
    let asked = service.parse(body, read).await?;
    service.answer_as_json(asked, deadline).await
}
