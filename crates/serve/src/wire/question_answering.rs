//! The body of `POST /question_answering`: the pipeline's own arguments.

use bakeoff_qa::Compat;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    asked::{Asked, Layout},
    parameters::{Parameters, ParametersBody},
    problem::{Place, Problem},
};
use crate::{config::Limits, fields::Fields};

/// Reads a body and reports everything that is wrong with it at once. Keys without a meaning are ignored.
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

/// Questions about contexts, and how to look for answers.
//
// As documented; `read` reads it.
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

/// Questions about contexts. A list of questions goes with one context for all of them, or with a list of as many
/// contexts; one question goes with one context.
#[derive(Serialize, ToSchema)]
#[schema(as = Texts, example = json!({
    "question": "What does a bake-off compare?",
    "context": "A bake-off puts the products that do one job side by side and finds out which is better.",
}))]
pub(crate) struct TextsBody {
    /// What is asked: one question, or a list of them.
    question: TextBody,
    /// The text that holds the answer: one for all questions, or a list with one for each.
    context: TextBody,
}

/// One text or several.
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

/// Text that is not empty.
#[derive(Serialize, ToSchema)]
#[schema(min_length = 1)]
struct OneText(String);

#[cfg(test)]
mod tests;
