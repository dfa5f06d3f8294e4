//! Open Inference Protocol, also known as `KServe` V2, with its binary tensor data extension.
//!
//! Questions and contexts are `BYTES` tensors. Answers have a tensor for each field, and one tensor of JSON texts in the format of
//! `MLServer`.

mod metadata;
mod request;
mod response;
mod schema;

pub(crate) use self::{
    metadata::{Live, ModelMetadata, ModelReady, Ready, ServerMetadata},
    request::{InferenceRequest, read},
    schema::{InferenceRequestBody, InferenceResponseBody},
};

/// Header with the length of the JSON in a body, in bytes. The rest is binary tensor data.
pub(crate) const JSON_BYTES_HEADER: &str = "inference-header-content-length";

/// Version of the model. There is only one.
pub(crate) const MODEL_VERSION: &str = "1";

/// Output tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputName {
    /// Answers or error of each question, as JSON.
    Output,
    /// Texts of the answers.
    Answer,
    /// Scores of the answers.
    Score,
    /// Starts of the answers.
    Start,
    /// Ends of the answers.
    End,
}

impl OutputName {
    /// All outputs, in the order of a response.
    const ALL: [(&'static str, Self); 5] = [
        ("output", Self::Output),
        ("answer", Self::Answer),
        ("score", Self::Score),
        ("start", Self::Start),
        ("end", Self::End),
    ];

    fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    fn datatype(self) -> &'static str {
        match self {
            Self::Output | Self::Answer => "BYTES",
            Self::Score => "FP64",
            Self::Start | Self::End => "INT64",
        }
    }
}

#[cfg(test)]
mod tests;
