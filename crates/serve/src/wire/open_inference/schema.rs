//! Requests and responses for the description only. `request` reads requests, and `response` writes responses.
#![expect(dead_code, reason = "only the schemas are used")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::parameters::ParametersBody;

/// Request with question and context tensors.
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
    /// Id of the request. The response has the same id.
    id: Option<String>,
    /// Tensors `question` and `context`, in any order. `context` has one element for all questions, or as many elements as `question`.
    #[schema(min_items = 2, max_items = 2)]
    inputs: Vec<RequestInput>,
    /// Options for finding answers.
    parameters: Option<RequestParameters>,
    /// Requested output tensors; all of them by default.
    #[schema(max_items = 5)]
    outputs: Option<Vec<RequestOutput>>,
}

/// Options for finding answers, and for the format of outputs.
#[derive(Serialize, ToSchema)]
struct RequestParameters {
    /// `true` if the data of outputs follows the JSON in binary form. Each output can override it.
    #[schema(default = false)]
    binary_data_output: Option<bool>,
    #[serde(flatten)]
    parameters: ParametersBody,
}

/// Input tensor.
#[derive(Serialize, ToSchema)]
struct RequestInput {
    /// Name of the tensor.
    name: InputName,
    /// Shape `[n]` or `[n, 1]`.
    #[schema(min_items = 1, max_items = 2, minimum = 0)]
    shape: Vec<usize>,
    /// Type of the elements: text in UTF-8.
    datatype: InputType,
    /// Format of the data.
    parameters: Option<InputParameters>,
    /// Texts, unless the data is binary.
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

/// Format of the data of a tensor.
#[derive(Serialize, ToSchema)]
struct InputParameters {
    /// Size of the tensor's binary data after the JSON, in bytes. Each text follows its length in four bytes, least significant byte
    /// first.
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    binary_data_size: Option<u64>,
}

/// Text, or row with one text.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum TextOrRow {
    Text(String),
    Row([String; 1]),
}

/// Requested output tensor.
#[derive(Serialize, ToSchema)]
struct RequestOutput {
    /// Name of the tensor.
    name: OutputNameBody,
    /// Format of the data.
    parameters: Option<OutputParameters>,
}

/// Name of an output tensor. `output` has the answers or the error of each question as JSON. The other tensors have a row for each
/// question and a column for each answer.
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

/// Requested format of the data of a tensor.
#[derive(Serialize, ToSchema)]
struct OutputParameters {
    /// `true` if the data follows the JSON in binary form.
    binary_data: Option<bool>,
}

/// Response with answer tensors.
#[derive(Serialize, ToSchema)]
#[schema(as = InferenceResponse)]
pub(crate) struct InferenceResponseBody {
    /// Name of the model.
    model_name: String,
    /// Version of the model.
    model_version: String,
    /// Id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Requested output tensors, in the order of the request.
    outputs: Vec<ResponseOutput>,
}

/// Output tensor.
#[derive(Serialize, ToSchema)]
struct ResponseOutput {
    /// Name of the tensor.
    name: OutputNameBody,
    /// Type of the elements.
    datatype: OutputType,
    /// Shape `[n]` for `output`, and `[n, k]` for the other tensors: n questions with at most k answers each.
    shape: Vec<usize>,
    /// Format of the data.
    parameters: Option<ResponseParameters>,
    /// Elements, row by row, unless the data is binary.
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

/// Format of the data of a tensor.
#[derive(Serialize, ToSchema)]
struct ResponseParameters {
    /// Content type of `output` in `MLServer`.
    content_type: Option<String>,
    /// Size of the tensor's binary data after the JSON, in bytes.
    binary_data_size: Option<u64>,
}

/// Text or number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Element {
    Text(String),
    Number(f64),
}
