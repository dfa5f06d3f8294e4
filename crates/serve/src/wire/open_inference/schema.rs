//! Requests and responses as documented; `request` reads the ones, `response` writes the others.
#![expect(dead_code, reason = "only the schemas are used")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::parameters::ParametersBody;

/// Tensors with questions and contexts.
#[derive(Serialize, ToSchema)]
#[schema(as = InferenceRequest, example = json!({
    "id": "1",
    "inputs": [
        { "name": "question", "shape": [1], "datatype": "BYTES", "data": ["What does a bake-off compare?"] },
        {
            "name": "context", "shape": [1], "datatype": "BYTES",
            "data": ["A bake-off puts the products that do one job side by side and finds out which is better."],
        },
    ],
    "parameters": { "top_k": 2 },
    "outputs": [{ "name": "answer" }, { "name": "score" }],
}))]
pub(crate) struct InferenceRequestBody {
    /// Repeated in the response.
    id: Option<String>,
    /// The tensors `question` and `context`, in any order. One context goes for all questions; else there are as many.
    #[schema(min_items = 2, max_items = 2)]
    inputs: Vec<RequestInput>,
    /// How to look for answers.
    parameters: Option<RequestParameters>,
    /// The tensors that the response shall have; all of them unless given.
    #[schema(max_items = 5)]
    outputs: Option<Vec<RequestOutput>>,
}

/// How to look for answers, and how to send them.
#[derive(Serialize, ToSchema)]
struct RequestParameters {
    /// Whether the data of tensors goes after the JSON instead of into it, unless the output says otherwise.
    #[schema(default = false)]
    binary_data_output: Option<bool>,
    #[serde(flatten)]
    parameters: ParametersBody,
}

/// A tensor that the model takes.
#[derive(Serialize, ToSchema)]
struct RequestInput {
    /// Which one.
    name: InputName,
    /// `[n]` or `[n, 1]`.
    #[schema(min_items = 1, max_items = 2, minimum = 0)]
    shape: Vec<usize>,
    /// Text in UTF-8.
    datatype: InputType,
    /// How the data is sent.
    parameters: Option<InputParameters>,
    /// The texts, unless they follow in binary.
    data: Option<Vec<TextOrRow>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InputName {
    Question,
    Context,
}

#[derive(Serialize, ToSchema)]
enum InputType {
    #[serde(rename = "BYTES")]
    Bytes,
}

/// How the data of a tensor is sent.
#[derive(Serialize, ToSchema)]
struct InputParameters {
    /// Bytes of this tensor's data, which follow the JSON: each text behind its length in four bytes, least significant
    /// first.
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    binary_data_size: Option<u64>,
}

/// A text, or a row of one.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum TextOrRow {
    Text(String),
    Row([String; 1]),
}

/// A tensor that the response shall have.
#[derive(Serialize, ToSchema)]
struct RequestOutput {
    /// Which one.
    name: OutputNameBody,
    /// How its data shall be sent.
    parameters: Option<OutputParameters>,
}

/// `output` has for each question its answers as JSON or why it failed; the others have a row for each question with a
/// column for each answer, filled up with empty ones.
#[derive(Serialize, ToSchema)]
#[schema(as = OutputName)]
#[serde(rename_all = "snake_case")]
enum OutputNameBody {
    Output,
    Answer,
    Score,
    Start,
    End,
}

/// How the data of a tensor shall be sent.
#[derive(Serialize, ToSchema)]
struct OutputParameters {
    /// Whether it goes after the JSON instead of into it.
    binary_data: Option<bool>,
}

/// Tensors with answers.
#[derive(Serialize, ToSchema)]
#[schema(as = InferenceResponse)]
pub(crate) struct InferenceResponseBody {
    /// The model that answered.
    model_name: String,
    /// Its version.
    model_version: String,
    /// The request's.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The tensors that were asked for, in that order.
    outputs: Vec<ResponseOutput>,
}

/// A tensor of answers.
#[derive(Serialize, ToSchema)]
struct ResponseOutput {
    /// Which one.
    name: OutputNameBody,
    /// The type of its elements.
    datatype: OutputType,
    /// `[n]` for `output`, else `[n, k]`: n questions with up to k answers each.
    shape: Vec<usize>,
    /// How the data is sent.
    parameters: Option<ResponseParameters>,
    /// The elements, row after row, unless they follow in binary.
    data: Option<Vec<Element>>,
}

#[derive(Serialize, ToSchema)]
enum OutputType {
    #[serde(rename = "BYTES")]
    Bytes,
    #[serde(rename = "FP64")]
    Fp64,
    #[serde(rename = "INT64")]
    Int64,
}

/// How the data of a tensor is sent.
#[derive(Serialize, ToSchema)]
struct ResponseParameters {
    /// What the texts of `output` are, in `MLServer`'s words.
    content_type: Option<String>,
    /// Bytes of this tensor's data, which follow the JSON.
    binary_data_size: Option<u64>,
}

/// Text or a number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Element {
    Text(String),
    Number(f64),
}
