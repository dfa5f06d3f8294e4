//! Revision of a model: a hash that shows if two servers serve the same model.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::error::ModelError;
use crate::files::{ModelFiles, folder_of};
use crate::weights::FoundWeights;

/// First twelve hexadecimal digits of the SHA-256 of all files that affect a model's answers.
pub(crate) struct Revision(LazyLock<String, Box<dyn FnOnce() -> String + Send>>);

impl Revision {
    /// Revision of a model with weights in memory. It is computed at its first use, which takes tens of milliseconds.
    #[cfg(feature = "bundled-model")]
    pub(crate) fn of_bytes(files: &ModelFiles, weights: &'static [u8]) -> Self {
        let mut hasher = hasher(files);
        Self(LazyLock::new(Box::new(move || {
            add(&mut hasher, bakeoff_encoder::WEIGHTS, weights);
            digits(hasher)
        })))
    }

    /// Revision of a model with weights in files. It is computed at once, before the files can change.
    ///
    /// # Errors
    /// [`ModelError::Read`].
    pub(crate) fn of_weights(
        files: &ModelFiles,
        weights: &FoundWeights,
    ) -> Result<Self, ModelError> {
        let mut hasher = hasher(files);
        let weights = match weights {
            FoundWeights::Onnx(graph) => onnx_weights(graph)?,
            FoundWeights::Safetensors(weights) => weights.clone(),
        };
        for path in weights {
            let read = add_file(&mut hasher, &path);
            read.map_err(|source| ModelError::Read { path, source })?;
        }
        Ok(Self::known(digits(hasher)))
    }

    /// Revision of a model without weight files.
    pub(crate) fn of_settings(files: &ModelFiles) -> Self {
        Self::known(digits(hasher(files)))
    }

    fn known(digits: String) -> Self {
        Self(LazyLock::new(Box::new(move || digits)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The graph, and the files in its folder that can hold its weights, sorted by name.
///
/// # Errors
/// [`ModelError::Read`].
fn onnx_weights(graph: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let folder = folder_of(graph);
    let failed = |source| ModelError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut external = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // The engine reads only files with these extensions.
        let holds_weights = path.extension().is_some_and(|extension| {
            let extension = extension.to_string_lossy();
            extension.starts_with("data") || extension.starts_with("onnx_data")
        });
        if holds_weights && path.is_file() {
            external.push(path);
        }
    }
    external.sort_unstable();
    external.insert(0, graph.to_owned());
    Ok(external)
}

fn hasher(files: &ModelFiles) -> Sha256 {
    let mut hasher = Sha256::new();
    for (name, content) in files.contents() {
        add(&mut hasher, name, content);
    }
    hasher
}

fn add(hasher: &mut Sha256, name: &str, content: &[u8]) {
    start(hasher, name, content.len() as u64);
    hasher.update(content);
}

fn add_file(hasher: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    start(hasher, &name, file.metadata()?.len());
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            bytes => hasher.update(&chunk[..bytes]),
        }
    }
}

/// Adds name and length of a file, so that different files with the same concatenated content have different hashes.
fn start(hasher: &mut Sha256, name: &str, bytes: u64) {
    hasher.update((name.len() as u64).to_le_bytes());
    hasher.update(name);
    hasher.update(bytes.to_le_bytes());
}

fn digits(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    digest[..6].iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
