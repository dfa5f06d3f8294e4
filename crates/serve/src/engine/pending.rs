//! Requests whose windows are in the queue or in inference, with their results.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bakeoff_qa::{AnswerSpan, Batch, Logits, Prepared};
use tokio::sync::oneshot;

use super::{
    AnswerSize, Answered, ItemError, Refused, Timing,
    schedule::{RequestId, Window},
    tokenization::PreparedItem,
};

/// Answers or error of an item.
pub(crate) type Outcome = Result<Vec<AnswerSpan>, ItemError>;

/// Request in the queue or in inference.
#[derive(Debug)]
pub(crate) struct Pending {
    /// `None` for items that failed in tokenization.
    items: Vec<Option<Prepared>>,
    tokenization: Vec<Duration>,
    arrived: Instant,
    deadline: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// Logits by item and window.
    logits: Vec<Vec<Option<Logits>>>,
    outcomes: Vec<Option<Outcome>>,
    /// Number of items without an outcome.
    open: usize,
    last_started: Instant,
    /// Size of all outcomes. `None` after the reply.
    answer_size: Option<AnswerSize>,
    /// `None` after the reply.
    reply: Option<oneshot::Sender<Result<Answered, Refused>>>,
}

impl Pending {
    /// Request that enters the queue now, and the receiver of its results.
    pub(crate) fn new(
        prepared: Vec<PreparedItem>,
        deadline: Instant,
        answer_size: AnswerSize,
    ) -> (Self, oneshot::Receiver<Result<Answered, Refused>>) {
        let arrived = Instant::now();
        let (reply, outcomes) = oneshot::channel();
        let mut progress = Progress {
            logits: Vec::new(),
            outcomes: Vec::new(),
            open: 0,
            last_started: arrived,
            answer_size: Some(answer_size),
            reply: Some(reply),
        };
        let tokenization = prepared.iter().map(|item| item.tokenization).collect();
        let mut items = Vec::with_capacity(prepared.len());
        for item in prepared {
            let (item, failed) = match item.outcome {
                Ok(prepared) => (Some(prepared), None),
                Err(error) => (None, Some(Err(error))),
            };
            let windows = item.as_ref().map_or(0, Prepared::windows);
            progress.logits.push(vec![None; windows]);
            progress.open += usize::from(failed.is_none());
            progress.outcomes.push(failed);
            items.push(item);
        }
        progress.reply_if_done(Timing::default());
        let pending = Self {
            items,
            tokenization,
            arrived,
            deadline,
            progress: Mutex::new(progress),
        };
        (pending, outcomes)
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ends the request with an error.
    pub(crate) fn refuse(&self, refused: Refused) {
        self.lock().refuse(refused);
    }

    /// All windows of the items that have not failed.
    pub(crate) fn windows(&self, request: RequestId) -> Vec<Window> {
        let items = self.items.iter().enumerate();
        let prepared = items.filter_map(|(item, prepared)| Some((item, prepared.as_ref()?)));
        prepared
            .flat_map(|(item, prepared)| {
                (0..prepared.windows()).map(move |index| Window {
                    request,
                    item,
                    index,
                    tokens: prepared.tokens(index),
                })
            })
            .collect()
    }

    /// Appends a window to `batch`.
    pub(crate) fn append_to(&self, batch: &mut Batch, window: &Window) {
        if let Some(prepared) = &self.items[window.item] {
            prepared.append_to(batch, window.index);
        }
    }

    /// `true` if the receiver waits for results.
    #[cfg(test)]
    pub(crate) fn is_wanted(&self) -> bool {
        let progress = self.lock();
        let reply = progress.reply.as_ref();
        reply.is_some_and(|reply| !reply.is_closed())
    }

    /// `true` if the receiver waits for the result of the item.
    pub(crate) fn wants(&self, item: usize) -> bool {
        let progress = self.lock();
        let reply = progress.reply.as_ref();
        reply.is_some_and(|reply| !reply.is_closed()) && progress.outcomes[item].is_none()
    }

    /// Adds the result `said` of a window whose inference began at `started`. After the last window of an item, this thread decodes
    /// the answers of the item and calls `count` with its timing.
    pub(crate) fn finish(
        &self,
        window: &Window,
        started: Instant,
        said: Result<Logits, ItemError>,
        count: impl FnOnce(&Timing),
    ) {
        let outcome = match said {
            Ok(logits) => match self.logits_with(window, started, logits) {
                Some(logits) => self.answers(window, &logits),
                None => return,
            },
            Err(error) => Err(error),
        };
        let mut progress = self.lock();
        progress.last_started = progress.last_started.max(started);
        // The item has an outcome if another window of it has failed.
        if progress.reply.is_none() || progress.outcomes[window.item].is_some() {
            return;
        }
        if let (Ok(answers), Some(answer_size)) = (&outcome, &mut progress.answer_size)
            && let Err(refused) = answer_size.add(answers)
        {
            progress.refuse(refused);
            return;
        }
        progress.outcomes[window.item] = Some(outcome);
        progress.open -= 1;
        count(&Timing {
            tokenization: self.tokenization[window.item],
            ..self.timing(started)
        });
        let last_started = progress.last_started;
        progress.reply_if_done(self.timing(last_started));
    }

    /// Logits of all windows of the item, if these were the last ones and the receiver waits for them.
    fn logits_with(
        &self,
        window: &Window,
        started: Instant,
        logits: Logits,
    ) -> Option<Vec<Logits>> {
        if !self.wants(window.item) {
            return None;
        }
        let mut progress = self.lock();
        progress.last_started = progress.last_started.max(started);
        let of_item = &mut progress.logits[window.item];
        of_item[window.index] = Some(logits);
        if of_item.iter().any(Option::is_none) {
            return None;
        }
        mem::take(of_item).into_iter().collect()
    }

    fn answers(&self, window: &Window, logits: &[Logits]) -> Outcome {
        let prepared = self.items[window.item].as_ref();
        // Unwind safe: all data of a question that panicked is dropped.
        let decode = AssertUnwindSafe(|| prepared.map(|prepared| prepared.decode_spans(logits)));
        match catch_unwind(decode) {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) | Err(_) => Err(ItemError::Panicked),
        }
    }

    /// Timing up to now, if inference of the last window began at `started`.
    fn timing(&self, started: Instant) -> Timing {
        Timing {
            queue: started.saturating_duration_since(self.arrived),
            tokenization: Duration::ZERO,
            inference: started.elapsed(),
        }
    }

    /// The data of a poisoned lock is valid, because no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Ends the request with an error, and drops its answers.
    fn refuse(&mut self, refused: Refused) {
        if let Some(reply) = self.reply.take() {
            self.outcomes.fill_with(|| None);
            self.answer_size = None;
            // The receiver is gone if the client has disconnected.
            let _ = reply.send(Err(refused));
        }
    }

    /// Sends the results if every item has an outcome.
    fn reply_if_done(&mut self, timing: Timing) {
        if self.open > 0 {
            return;
        }
        let (Some(reply), Some(answer_size)) = (self.reply.take(), self.answer_size.take()) else {
            return;
        };
        let outcomes = mem::take(&mut self.outcomes);
        let answered = Answered {
            items: outcomes.into_iter().flatten().collect(),
            timing,
            answer_size,
        };
        // The receiver is gone if the client has disconnected.
        let _ = reply.send(Ok(answered));
    }
}
