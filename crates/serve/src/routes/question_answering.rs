//! Question answering with the arguments of the pipeline.

use axum::{
    extract::{Request, State},
    response::Response,
};

use crate::service::{Received, Service};
use crate::{
    refusal::Refusal,
    wire::{
        answers::{RESULTS, Results},
        problem::Problems,
        question_answering::{QuestionAnsweringBody, read},
    },
};

/// Answer questions
///
/// Finds the spans of `context` that answer `question`. Parameters and results are those of the question-answering pipeline
/// of transformers 4.57.
///
/// `question` is a text or a list of texts. A list of questions needs one context for all of them, or a list of contexts
/// with the same length. One question needs one context. A question in a list that cannot be answered does not affect the
/// others: its entry holds `error` and `index`. A list with one question is answered like the question alone.
///
/// The body is read as JSON, whatever `Content-Type` says. A parameter that is null has its default. Unknown keys are
/// ignored.
#[utoipa::path(
    post,
    path = "/question_answering",
    tag = "question answering",
    request_body = QuestionAnsweringBody,
    responses(
        (status = 200, body = Results, description = RESULTS),
        (status = 422, body = Problems, description = "The body is not valid JSON, or has invalid values. Every problem is listed."),
    )
)]
pub(crate) async fn question_answering(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Refusal> {
    let Received { body, deadline, .. } = service.read(request).await?;
    service.answer_body(body, read, deadline).await
}
