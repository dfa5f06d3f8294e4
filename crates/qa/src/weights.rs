//! Selection of the weights in a model folder.

use std::path::{Path, PathBuf};

use crate::error::ModelError;
use crate::files::refuse_lfs_pointer;
use crate::model::ModelOptions;

/// Kind of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// `model.safetensors`, or several such files with an index. The encoder runs them.
    Safetensors,
    /// ONNX file. The rten engine runs it.
    Onnx,
}

/// Paths of ONNX files. The first one that exists is used.
const GRAPHS: [&str; 4] = [
    "model.onnx",
    "onnx/model.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
];

/// Selected weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundWeights {
    /// Paths of the safetensors files.
    Safetensors(Vec<PathBuf>),
    /// Path of the ONNX file.
    Onnx(PathBuf),
}

impl FoundWeights {
    /// Weights in `folder` for a model of the class `architecture`, selected by `options`.
    ///
    /// # Errors
    /// [`ModelError::NoWeights`], [`ModelError::OnnxOnly`], [`ModelError::NoGraph`], [`ModelError::LfsPointer`], and
    /// [`ModelError::Weights`] for an invalid index.
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
            // Loading the weights reports a missing file.
            if path.exists() {
                refuse_lfs_pointer(path)?;
            }
        }
        Ok(found)
    }

    /// Files that are loaded, without external weights of an ONNX file.
    fn files(&self) -> &[PathBuf] {
        match self {
            Self::Safetensors(files) => files,
            Self::Onnx(graph) => std::slice::from_ref(graph),
        }
    }
}

/// Paths of the safetensors files: one file, or the files in the index.
///
/// # Errors
/// [`ModelError::LfsPointer`], and [`ModelError::Weights`] for an invalid index.
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
