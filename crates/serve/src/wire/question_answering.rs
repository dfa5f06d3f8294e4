//! Body of `POST /question_answering`: the arguments of the pipeline.

use bakeoff_qa::Compat;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    asked::{Asked, Layout},
    fields::Fields,
    parameters::{Parameters, ParametersBody},
    problem::{Place, Problem},
};
use crate::config::Limits;

/// Reads a body. Unknown keys are ignored.
///
/// # Errors
/// All problems of the body.
pub(crate) fn read(body: &[u8], limits: &Limits, compat: Compat) -> Result<Asked, Vec<Problem>> {
    let mut fields = Fields::from_json(body, limits)?;
    let question = fields.texts("question", limits);
    let context = fields.texts("context", limits);
    let parameters = Parameters::read(&mut fields, compat);
    let layout = Layout {
        texts: vec![Place::Key("body")],
        parameters: vec![Place::Key("body")],
        lists: fields.lists(),
    };
    fields.finish()?;
    Asked::new(question, context, parameters, layout, limits)
}

/// Questions and contexts, with options.
//
// For the description only. `read` reads the body.
#[derive(Serialize, ToSchema)]
#[schema(as = QuestionAnsweringRequest, example = json!({
    "question": "What does a bake-off compare?",
    "context": "A bake-off puts the products that do one job side by side and finds out which is better.",
}))]
pub(crate) struct QuestionAnsweringBody {
    #[serde(flatten)]
    texts: TextsBody,
    #[serde(flatten)]
    parameters: ParametersBody,
}

/// Questions and contexts. A list of questions needs one context for all of them, or a list of contexts with the same length. One
/// question needs one context.
#[derive(Serialize, ToSchema)]
#[schema(as = Texts, example = json!({
    "question": "What does a bake-off compare?",
    "context": "A bake-off puts the products that do one job side by side and finds out which is better.",
}))]
pub(crate) struct TextsBody {
    /// One question, or a list of questions.
    question: TextBody,
    /// Text with the answer: one context for all questions, or a list with one context for each question.
    context: TextBody,
}

/// One text, or a list of texts.
#[derive(Serialize, ToSchema)]
#[schema(as = Text)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum TextBody {
    /// One text.
    One(OneText),
    /// A list of texts.
    Many(Vec<String>),
}

/// Text with at least one character.
#[derive(Serialize, ToSchema)]
#[schema(min_length = 1)]
struct OneText(String);

#[cfg(test)]
mod tests;
