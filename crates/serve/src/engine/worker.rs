//! What an inference worker does: warms up, then puts one batch after the other before the model.

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

/// One inference worker. Survives whatever the model does.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) model: Arc<QuestionAnswering>,
    pub(crate) metrics: Arc<Metrics>,
}

/// As long as what people ask about often is, so that the pace measured on it is a good first guess.
const WARM_UP_CONTEXT: &str = "The model warms up before the first question comes. It reads this passage twice: the \
    first time pays for whatever is put off until it is used, such as buffers and threads, and the second time tells \
    how long a passage of this length takes when nothing else is going on. Whoever asks next finds a model that is \
    ready, and a queue that knows how fast it can be emptied.";

impl Worker {
    /// A first inference, which pays for whatever the model puts off until it is used, and a second one that shows how
    /// fast it is then.
    pub(crate) fn warm_up(&self) -> Result<(), ServeError> {
        let question =
            Question::new("What warms up?", WARM_UP_CONTEXT).map_err(ServeError::WarmUp)?;
        let prepared = self.model.prepare(question, Options::default());
        let prepared = prepared.map_err(ServeError::WarmUp)?;
        // A model with few positions reads the passage in several windows.
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

    /// Works until the queue is closed.
    pub(crate) fn work(&self) {
        while let Some(taken) = self.queue.next_batch() {
            let started = Instant::now();
            self.answer(&taken, started);
            let tokens = taken.iter().map(|taken| taken.window.tokens).sum();
            self.queue.record(tokens, started.elapsed());
        }
    }

    /// Brings a batch to its end. If the model fails on it, its windows are tried again one by one, so that only the
    /// questions fail that are at fault.
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

    /// What the model says about each window.
    ///
    /// The windows share a batch, not a tensor: with weights of 8 bits, activations are quantised by the range of a
    /// whole tensor, and an answer would depend on whatever else happened to be in it. So the bundled backend runs
    /// sequence by sequence and pads nothing.
    fn read(&self, taken: &[Taken]) -> Result<Vec<Logits>, ItemError> {
        let mut batch = Batch::default();
        for Taken { window, pending } in taken {
            pending.append_to(&mut batch, window);
        }
        self.metrics.batch(taken.len(), batch.input_ids.len(), 0);
        self.forward(&batch)
    }

    fn finish(&self, taken: &Taken, started: Instant, said: Result<Logits, ItemError>) {
        let failed = said.is_err();
        // Counted before it is answered: who has an answer finds it in the metrics.
        let count = |timing: &super::Timing| self.metrics.item(timing);
        taken.pending.finish(&taken.window, started, said, count);
        if failed {
            self.queue.withdraw_item(&taken.window);
        }
    }

    fn forward(&self, batch: &Batch) -> Result<Vec<Logits>, ItemError> {
        // Unwind safe because nothing of a batch that panicked is kept.
        let forward = AssertUnwindSafe(|| self.model.forward(batch));
        match catch_unwind(forward) {
            Ok(logits) => logits.map_err(ItemError::Answer),
            Err(_) => Err(ItemError::Panicked),
        }
    }
}
