//! Backend for ONNX files: the rten engine. It runs one sequence at a time, without padding, on one thread for each call.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use crate::backend::{Backend, Batch, Logits, onnx_framing};
use crate::error::{BackendError, ModelError};
use crate::files::folder_of;
use crate::guard;

/// Question-answering graph from an ONNX file, and the threads that run it.
#[derive(Debug)]
pub struct RtenBackend {
    model: Model,
    inputs: Vec<(Input, NodeId)>,
    outputs: [NodeId; 2],
    // The engine works only on the threads of a pool. With a shared pool, callers would wait for each other. Each call takes a
    // pool with one thread, so that the number of pools is the largest number of calls at once.
    idle: Mutex<Vec<Arc<ThreadPool>>>,
}

impl RtenBackend {
    /// Loads the graph from a file.
    ///
    /// A damaged file is an error. A malicious file can use any amount of time and memory, because the loader evaluates the
    /// parts of the graph that do not depend on inputs.
    ///
    /// # Errors
    /// [`ModelError::NoWeights`], [`ModelError::Weights`], [`ModelError::MissingOutput`] and
    /// [`ModelError::UnknownInput`].
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if !path.exists() {
            return Err(ModelError::NoWeights {
                folder: folder_of(path).to_owned(),
            });
        }
        let load = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            onnx_framing::check(BufReader::new(file), length)?;
            Ok(load_options().load_file(path)?)
        };
        Self::new(load, path)
    }

    /// Loads the graph from static bytes. `path` is the file in error messages.
    ///
    /// # Errors
    /// See [`RtenBackend::open`], except [`ModelError::NoWeights`].
    pub fn from_static(bytes: &'static [u8], path: &Path) -> Result<Self, ModelError> {
        let load = || {
            onnx_framing::check(Cursor::new(bytes), bytes.len() as u64)?;
            Ok(load_options().load_static_slice(bytes)?)
        };
        Self::new(load, path)
    }

    /// Loads the graph from bytes. `path` is the file in error messages.
    ///
    /// # Errors
    /// See [`RtenBackend::open`], except [`ModelError::NoWeights`].
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, ModelError> {
        Self::with_options(&load_options(), bytes, path)
    }

    /// Loads the graph from bytes without evaluating any part of it. `path` is the file in error messages.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn from_untrusted_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, ModelError> {
        let mut options = load_options();
        options.enable_optimization(false);
        Self::with_options(&options, bytes, path)
    }

    fn with_options(
        options: &ModelOptions,
        bytes: Vec<u8>,
        path: &Path,
    ) -> Result<Self, ModelError> {
        let load = || {
            onnx_framing::check(Cursor::new(&bytes), bytes.len() as u64)?;
            Ok(options.load(bytes)?)
        };
        Self::new(load, path)
    }

    fn new(
        load: impl FnOnce() -> Result<Model, BackendError>,
        path: &Path,
    ) -> Result<Self, ModelError> {
        let model = guard::no_panic(load).map_err(|source| ModelError::Weights {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            inputs: inputs(&model, path)?,
            outputs: outputs(&model, path)?,
            model,
            idle: Mutex::default(),
        })
    }

    /// Start and end logits of one sequence.
    fn run(
        &self,
        ids: &[u32],
        type_ids: &[u32],
        pool: &Arc<ThreadPool>,
    ) -> Result<[Value; 2], BackendError> {
        let inputs = self
            .inputs
            .iter()
            .map(|(input, node)| Ok((*node, input.tensor(ids, type_ids)?)));
        let inputs: Vec<(NodeId, ValueOrView)> = inputs.collect::<Result<_, BackendError>>()?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        Ok(self.model.run_n(inputs, self.outputs, Some(options))?)
    }

    fn borrow_pool(&self) -> Arc<ThreadPool> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)))
    }

    fn give_back(&self, pool: Arc<ThreadPool>) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pool);
    }
}

impl Backend for RtenBackend {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let pool = self.borrow_pool();
        let mut logits = Logits::default();
        for sequence in batch.sequences() {
            let (ids, type_ids) = (
                &batch.input_ids[sequence.clone()],
                &batch.token_type_ids[sequence],
            );
            let [start, end] = self.run(ids, type_ids, &pool)?;
            extend(&mut logits.start, &start, ids.len())?;
            extend(&mut logits.end, &end, ids.len())?;
        }
        self.give_back(pool);
        Ok(logits)
    }
}

/// Input that a graph can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Ids,
    AttentionMask,
    TokenTypeIds,
}

const INPUTS: [(&str, Input); 3] = [
    ("input_ids", Input::Ids),
    ("attention_mask", Input::AttentionMask),
    ("token_type_ids", Input::TokenTypeIds),
];

const OUTPUTS: [&str; 2] = ["start_logits", "end_logits"];

impl Input {
    fn tensor(self, ids: &[u32], type_ids: &[u32]) -> Result<ValueOrView<'static>, BackendError> {
        let values = match self {
            Self::Ids => ids
                .iter()
                .map(|&id| i32::try_from(id))
                .collect::<Result<Vec<_>, _>>()?,
            Self::AttentionMask => vec![1; ids.len()],
            Self::TokenTypeIds => type_ids
                .iter()
                .map(|&id| i32::try_from(id))
                .collect::<Result<Vec<_>, _>>()?,
        };
        Ok(NdTensor::from_data([1, ids.len()], values).into())
    }
}

fn load_options() -> ModelOptions {
    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    options
}

fn inputs(model: &Model, path: &Path) -> Result<Vec<(Input, NodeId)>, ModelError> {
    let declared = model.input_ids().iter().map(|&node| {
        let name = name_of(model, node);
        let known = INPUTS.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, input)| (*input, node))
            .ok_or_else(|| ModelError::UnknownInput {
                path: path.to_owned(),
                input: name,
                known: INPUTS.iter().map(|(name, _)| *name).collect(),
            })
    });
    declared.collect()
}

fn outputs(model: &Model, path: &Path) -> Result<[NodeId; 2], ModelError> {
    let find = |output: &'static str| {
        let found = model
            .output_ids()
            .iter()
            .find(|&&node| name_of(model, node) == output);
        found.copied().ok_or_else(|| ModelError::MissingOutput {
            path: path.to_owned(),
            output,
            found: model
                .output_ids()
                .iter()
                .map(|&node| name_of(model, node))
                .collect(),
        })
    };
    let [start, end] = OUTPUTS;
    Ok([find(start)?, find(end)?])
}

fn name_of(model: &Model, node: NodeId) -> String {
    model
        .node_info(node)
        .and_then(|info| info.name().map(str::to_owned))
        .unwrap_or_default()
}

/// Appends the logits of a sequence with `tokens` tokens.
///
/// # Errors
/// A `value` with another shape.
fn extend(logits: &mut Vec<f32>, value: &Value, tokens: usize) -> Result<(), BackendError> {
    let row: NdTensorView<f32, 2> = value.try_into()?;
    if row.shape() != [1, tokens] {
        return Err(format!(
            "the graph gave logits of shape {:?} for {tokens} tokens",
            row.shape()
        )
        .into());
    }
    logits.extend(row.iter());
    Ok(())
}
