//! Metadata and readiness of the server and the model.

use serde::Serialize;
use utoipa::ToSchema;

use super::{MODEL_VERSION, OutputName};

/// Liveness of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServerLive)]
pub(crate) struct Live {
    /// Always `true`.
    pub(crate) live: bool,
}

/// Readiness of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServerReady)]
pub(crate) struct Ready {
    /// Always `true`.
    pub(crate) ready: bool,
}

/// Readiness of the model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelReady {
    /// Name of the model.
    pub(crate) name: String,
    /// Always `true`.
    pub(crate) ready: bool,
}

/// Metadata of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerMetadata {
    /// Always `bakeoff`.
    name: &'static str,
    /// Version of Bakeoff.
    version: &'static str,
    /// Supported extensions of the protocol.
    extensions: Vec<&'static str>,
}

/// Metadata of the model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelMetadata {
    /// Name of the model.
    name: String,
    /// Versions of the model.
    versions: Vec<&'static str>,
    /// Platform of the model.
    platform: &'static str,
    /// Input tensors.
    inputs: Vec<TensorMetadata>,
    /// Output tensors.
    outputs: Vec<TensorMetadata>,
}

/// Metadata of a tensor.
#[derive(Debug, Serialize, ToSchema)]
struct TensorMetadata {
    /// Name of the tensor.
    name: &'static str,
    /// Type of the elements.
    datatype: &'static str,
    /// Shape of the tensor. -1 is any length.
    shape: Vec<i64>,
}

impl ServerMetadata {
    pub(crate) fn current() -> Self {
        Self {
            name: "bakeoff",
            version: env!("CARGO_PKG_VERSION"),
            extensions: vec!["binary_tensor_data"],
        }
    }
}

impl ModelMetadata {
    pub(crate) fn new(name: &str) -> Self {
        let input = |name| TensorMetadata {
            name,
            datatype: "BYTES",
            shape: vec![-1],
        };
        let output = |(name, output): (&'static str, OutputName)| TensorMetadata {
            name,
            datatype: output.datatype(),
            shape: if output == OutputName::Output {
                vec![-1]
            } else {
                vec![-1, -1]
            },
        };
        Self {
            name: name.to_owned(),
            versions: vec![MODEL_VERSION],
            platform: "onnx",
            inputs: ["question", "context"].map(input).into(),
            outputs: OutputName::ALL.map(output).into(),
        }
    }
}
