//! The weights in a model folder, and which of them are run.

use std::path::{Path, PathBuf};

use crate::error::ModelError;
use crate::files::refuse_lfs_pointer;
use crate::model::ModelOptions;

/// A kind of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// `model.safetensors`, or several such files with an index, run by the encoder.
    Safetensors,
    /// A graph, run by an engine for any graph.
    Onnx,
}

/// Places in which exporters put a graph; the first that is there is run.
const GRAPHS: [&str; 4] = [
    "model.onnx",
    "onnx/model.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
];

/// The weights that are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundWeights {
    /// The files with the weights.
    Safetensors(Vec<PathBuf>),
    /// The graph.
    Onnx(PathBuf),
}

impl FoundWeights {
    /// Those in `folder` that `options` mean, for a model of the class `architecture`.
    ///
    /// # Errors
    /// [`ModelError::NoWeights`], [`ModelError::OnnxOnly`], [`ModelError::NoGraph`], [`ModelError::LfsPointer`], and [`ModelError::Weights`] for an index
    /// that cannot be used.
    pub(crate) fn of(
        folder: &Path,
        architecture: &str,
        options: &ModelOptions,
    ) -> Result<Self, ModelError> {
        let safetensors = [bakeoff_encoder::WEIGHTS, bakeoff_encoder::INDEX]
            .iter()
            .any(|file| folder.join(file).exists());
        let graph = GRAPHS
            .iter()
            .map(|file| folder.join(file))
            .find(|graph| graph.exists());
        let for_encoder = options.dtype.is_some() || options.isa.is_some();
        let chosen = options
            .weights
            .or_else(|| for_encoder.then_some(Weights::Safetensors));
        let folder_of = || folder.to_owned();
        let of_encoder = match chosen {
            Some(weights) => weights == Weights::Safetensors,
            None => safetensors && (bakeoff_encoder::runs(architecture) || graph.is_none()),
        };
        let found = match graph {
            None if !safetensors => {
                return Err(ModelError::NoWeights {
                    folder: folder_of(),
                });
            }
            None if !of_encoder => {
                return Err(ModelError::NoGraph {
                    folder: folder_of(),
                });
            }
            Some(_) if of_encoder && !safetensors => {
                return Err(ModelError::OnnxOnly {
                    folder: folder_of(),
                });
            }
            Some(graph) if !of_encoder => Self::Onnx(graph),
            _ => Self::Safetensors(files(folder)?),
        };
        for path in found.files() {
            // What is not there is said by whoever loads it.
            if path.exists() {
                refuse_lfs_pointer(path)?;
            }
        }
        Ok(found)
    }

    /// The files that are loaded, but for those that a graph keeps weights in.
    fn files(&self) -> &[PathBuf] {
        match self {
            Self::Safetensors(files) => files,
            Self::Onnx(graph) => std::slice::from_ref(graph),
        }
    }
}

/// One file, or those that the index names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let index = folder.join(bakeoff_encoder::INDEX);
    if index.exists() {
        refuse_lfs_pointer(&index)?;
    }
    bakeoff_encoder::weight_files(folder).map_err(|error| ModelError::Weights {
        path: folder.to_owned(),
        source: error.into(),
    })
}
