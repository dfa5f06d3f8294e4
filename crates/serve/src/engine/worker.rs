//! Inference worker: warms up the model, and then runs one batch after another.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
    time::Instant,
};

use bakeoff_qa::{Batch, Logits, Options, Question, QuestionAnswering};

use super::{
    ItemError,
    queue::{Queue, Taken},
};
use crate::{error::ServeError, metrics::Metrics};

/// Inference worker. It survives errors and panics of the model.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) model: Arc<QuestionAnswering>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Context of the warm-up question. It has a typical length, so that its throughput is a good first estimate.
const WARM_UP_CONTEXT: &str = "The model warms up before the first question comes. It reads this passage twice: the \
    first time pays for whatever is put off until it is used, such as buffers and threads, and the second time tells \
    how long a passage of this length takes when nothing else is going on. Whoever asks next finds a model that is \
    ready, and a queue that knows how fast it can be emptied.";

impl Worker {
    /// Runs two inferences. The first one initializes the model, and the second one measures the throughput.
    ///
    /// # Errors
    /// [`ServeError::WarmUp`] and [`ServeError::WarmUpPanicked`].
    pub(crate) fn warm_up(&self) -> Result<(), ServeError> {
        let question =
            Question::new("What warms up?", WARM_UP_CONTEXT).map_err(ServeError::WarmUp)?;
        let prepared = self.model.prepare(question, Options::default());
        let prepared = prepared.map_err(ServeError::WarmUp)?;
        // A model with few positions needs several windows.
        let windows = 0..prepared.windows();
        let mut batch = Batch::default();
        for window in windows.clone() {
            prepared.append_to(&mut batch, window);
        }
        let mut started = Instant::now();
        for last in [false, true] {
            let logits = self.forward(&batch).map_err(|error| match error {
                ItemError::Answer(error) => ServeError::WarmUp(error),
                ItemError::Panicked => ServeError::WarmUpPanicked,
            })?;
            if last {
                let tokens = windows.clone().map(|window| prepared.tokens(window)).sum();
                self.queue.record(tokens, started.elapsed());
                prepared.decode_spans(&logits);
            }
            started = Instant::now();
        }
        Ok(())
    }

    /// Runs batches until the queue is closed.
    pub(crate) fn work(&self) {
        while let Some(taken) = self.queue.next_batch() {
            let started = Instant::now();
            self.answer(&taken, started);
            let tokens = taken.iter().map(|taken| taken.window.tokens).sum();
            self.queue.record(tokens, started.elapsed());
        }
    }

    /// Runs a batch and passes on its results. If the model fails, the windows run again one by one, so that only the questions that
    /// cause the failure fail.
    fn answer(&self, taken: &[Taken], started: Instant) {
        match self.read(taken) {
            Ok(logits) => {
                for (taken, logits) in taken.iter().zip(logits) {
                    self.finish(taken, started, Ok(logits));
                }
            }
            Err(error) => match taken {
                [culprit] => self.finish(culprit, started, Err(error)),
                _ => {
                    for taken in taken {
                        if taken.pending.wants(taken.window.item) {
                            self.answer(slice::from_ref(taken), started);
                        }
                    }
                }
            },
        }
    }

    /// Logits of each window.
    ///
    /// The backends do not pad the windows of a batch into one tensor. In ONNX files with 8-bit weights, activations are quantised
    /// by the range of a whole tensor, so that answers would depend on other windows of the batch.
    fn read(&self, taken: &[Taken]) -> Result<Vec<Logits>, ItemError> {
        let mut batch = Batch::default();
        for Taken { window, pending } in taken {
            pending.append_to(&mut batch, window);
        }
        self.metrics.batch(taken.len(), batch.input_ids.len());
        self.forward(&batch)
    }

    fn finish(&self, taken: &Taken, started: Instant, said: Result<Logits, ItemError>) {
        let failed = said.is_err();
        // Counted before the reply, so that the metrics include every answered question.
        let count = |timing: &super::Timing| self.metrics.item(timing);
        taken.pending.finish(&taken.window, started, said, count);
        if failed {
            self.queue.withdraw_item(&taken.window);
        }
    }

    fn forward(&self, batch: &Batch) -> Result<Vec<Logits>, ItemError> {
        // Unwind safe: all data of a batch that panicked is dropped.
        let forward = AssertUnwindSafe(|| self.model.forward(batch));
        match catch_unwind(forward) {
            Ok(logits) => logits.map_err(ItemError::Answer),
            Err(_) => Err(ItemError::Panicked),
        }
    }
}
