//! Body of the Hugging Face Inference API.

use bakeoff_qa::Compat;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    asked::{Asked, Layout},
    fields::Fields,
    parameters::{Parameters, ParametersBody},
    problem::{Place, Problem},
    question_answering::TextsBody,
};
use crate::config::Limits;

/// Reads a body. Unknown keys are ignored.
///
/// # Errors
/// All problems of the body.
pub(crate) fn read(body: &[u8], limits: &Limits, compat: Compat) -> Result<Asked, Vec<Problem>> {
    let mut fields = Fields::from_json(body, limits)?;
    let mut inputs = fields.object("inputs");
    let question = inputs.texts("question", limits);
    let context = inputs.texts("context", limits);
    let mut given = fields.optional_object("parameters");
    let parameters = Parameters::read(&mut given, compat);
    let layout = Layout {
        texts: vec![Place::Key("body"), Place::Key("inputs")],
        parameters: vec![Place::Key("body"), Place::Key("parameters")],
        lists: inputs.lists(),
    };
    fields.absorb(inputs);
    fields.absorb(given);
    fields.finish()?;
    Asked::new(question, context, parameters, layout, limits)
}

/// Questions and contexts, with options.
//
// For the description only. `read` reads the body.
#[derive(Serialize, ToSchema)]
#[schema(as = InferenceApiRequest, example = json!({
    "inputs": {
        "question": "What does a bake-off compare?",
        "context": "A bake-off puts the products that do one job side by side and finds out which is better.",
    },
    "parameters": { "top_k": 2 },
}))]
pub(crate) struct HuggingFaceBody {
    /// Questions and contexts.
    inputs: TextsBody,
    /// Options for finding answers.
    parameters: Option<ParametersBody>,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use serde_json::{Value, json};

    use super::*;

    fn check(body: &Value) -> Result<Asked, Vec<String>> {
        let read = read(
            body.to_string().as_bytes(),
            &Limits::default(),
            Compat::default(),
        );
        read.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn inputs_and_parameters_are_read() {
        let asked = check(&json!({
            "inputs": { "question": ["q", "r"], "context": "c" },
            "parameters": { "top_k": 3 },
            "options": { "wait_for_model": true },
        }))
        .unwrap();
        assert_eq!(asked.items.len(), 2);
        assert_eq!(
            asked.parameters.options.top_k,
            NonZeroUsize::new(3).unwrap()
        );
        let nothing_else =
            check(&json!({ "inputs": { "question": "q", "context": "c" }, "parameters": null }));
        assert_eq!(nothing_else.unwrap().parameters, Parameters::default());
    }

    #[test]
    fn problems_name_their_place() {
        let cases = [
            (json!({}), vec!["inputs: Field required"]),
            (
                json!({ "inputs": ["q", "c"] }),
                vec!["inputs: Input should be a valid dictionary"],
            ),
            (
                json!({ "inputs": { "question": "" }, "parameters": { "top_k": 0 } }),
                vec![
                    "inputs.question: `question` cannot be empty",
                    "inputs.context: Field required",
                    "parameters.top_k: Input should be greater than or equal to 1",
                ],
            ),
            (
                json!({ "inputs": { "question": ["q", 5], "context": "c" }, "parameters": [] }),
                vec![
                    "parameters: Input should be a valid dictionary",
                    "inputs.question[1]: Input should be a valid string",
                ],
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(check(&body).unwrap_err(), expected, "{body}");
        }
    }
}
