//! The Open Inference Protocol, also known as `KServe` V2, with its binary tensor data extension.
//!
//! Questions and contexts come as `BYTES` tensors. Answers go out as tensors of their own, and the way that `MLServer`
//! sends them as well: as one tensor of JSON strings.

mod metadata;
mod request;
mod response;
mod schema;

pub(crate) use self::{
    metadata::{Live, ModelMetadata, ModelReady, Ready, ServerMetadata},
    request::{InferenceRequest, read},
    schema::{InferenceRequestBody, InferenceResponseBody},
};

/// Says how many bytes of a body are JSON; the rest is binary tensor data.
pub(crate) const JSON_BYTES_HEADER: &str = "inference-header-content-length";

/// The only version there is of the model.
pub(crate) const MODEL_VERSION: &str = "1";

/// The tensors that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputName {
    /// For each question, its answers as JSON, or why it failed.
    Output,
    /// The texts of the answers.
    Answer,
    /// Their scores.
    Score,
    /// Where they start.
    Start,
    /// Where they end.
    End,
}

impl OutputName {
    /// In the order in which they are sent.
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
