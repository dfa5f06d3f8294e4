//! What the server and its model say about themselves.

use serde::Serialize;
use utoipa::ToSchema;

use super::{MODEL_VERSION, OutputName};

/// The server is there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServerLive)]
pub(crate) struct Live {
    /// That it is.
    pub(crate) live: bool,
}

/// The server is ready.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServerReady)]
pub(crate) struct Ready {
    /// That it is.
    pub(crate) ready: bool,
}

/// The model is ready.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelReady {
    /// The model's name.
    pub(crate) name: String,
    /// That it is.
    pub(crate) ready: bool,
}

/// What serves here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerMetadata {
    /// `bakeoff`.
    name: &'static str,
    /// The version of Bakeoff.
    version: &'static str,
    /// The extensions of the protocol that it speaks.
    extensions: Vec<&'static str>,
}

/// What the model takes and gives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelMetadata {
    /// The model's name.
    name: String,
    /// The versions of it that can be asked.
    versions: Vec<&'static str>,
    /// What kind of model it is.
    platform: &'static str,
    /// The tensors that it takes.
    inputs: Vec<TensorMetadata>,
    /// The tensors that it gives.
    outputs: Vec<TensorMetadata>,
}

/// A tensor.
#[derive(Debug, Serialize, ToSchema)]
struct TensorMetadata {
    /// Its name.
    name: &'static str,
    /// The type of its elements.
    datatype: &'static str,
    /// Its shape, with -1 for any length.
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
