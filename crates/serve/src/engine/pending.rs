//! A request whose windows wait or are in work, and what has come of them.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bakeoff_qa::{AnswerSpan, Batch, Logits, Prepared};
use tokio::sync::oneshot;

use super::{
    Answered, ItemError, Refused, Timing, Weight,
    schedule::{RequestId, Window},
    tokenization::PreparedItem,
};

/// What became of an item.
pub(crate) type Outcome = Result<Vec<AnswerSpan>, ItemError>;

/// A request in the queue or in work.
#[derive(Debug)]
pub(crate) struct Pending {
    /// `None` for items that failed before.
    items: Vec<Option<Prepared>>,
    tokenization: Vec<Duration>,
    arrived: Instant,
    deadline: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// By item and window.
    logits: Vec<Vec<Option<Logits>>>,
    outcomes: Vec<Option<Outcome>>,
    /// Items without an outcome.
    open: usize,
    last_started: Instant,
    /// Of all outcomes so far; gone with them.
    weight: Option<Weight>,
    /// Gone once everything is done.
    reply: Option<oneshot::Sender<Result<Answered, Refused>>>,
}

impl Pending {
    /// A request that arrives in the queue now, and where its outcomes will come.
    pub(crate) fn new(
        prepared: Vec<PreparedItem>,
        deadline: Instant,
        weight: Weight,
    ) -> (Self, oneshot::Receiver<Result<Answered, Refused>>) {
        let arrived = Instant::now();
        let (reply, outcomes) = oneshot::channel();
        let mut progress = Progress {
            logits: Vec::new(),
            outcomes: Vec::new(),
            open: 0,
            last_started: arrived,
            weight: Some(weight),
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

    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// Ends the request as a whole.
    pub(crate) fn refuse(&self, refused: Refused) {
        self.lock().refuse(refused);
    }

    /// Every window of every item that has not failed.
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

    /// Appends a window to what goes before the model.
    pub(crate) fn append_to(&self, batch: &mut Batch, window: &Window) {
        if let Some(prepared) = &self.items[window.item] {
            prepared.append_to(batch, window.index);
        }
    }

    /// Whether somebody waits for what becomes of any item.
    #[cfg(test)]
    pub(crate) fn is_wanted(&self) -> bool {
        let progress = self.lock();
        let reply = progress.reply.as_ref();
        reply.is_some_and(|reply| !reply.is_closed())
    }

    /// Whether somebody waits for what becomes of the item.
    pub(crate) fn wants(&self, item: usize) -> bool {
        let progress = self.lock();
        let reply = progress.reply.as_ref();
        reply.is_some_and(|reply| !reply.is_closed()) && progress.outcomes[item].is_none()
    }

    /// Notes what the model, started at `started`, said about a window. The thread that brings the last one of an item
    /// turns all of them into answers, after `count` was told where its time went.
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
        // Done already when another window of the item has failed.
        if progress.reply.is_none() || progress.outcomes[window.item].is_some() {
            return;
        }
        if let (Ok(answers), Some(weight)) = (&outcome, &mut progress.weight)
            && let Err(refused) = weight.add(answers)
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

    /// The logits of every window of the item with these, if they are all there now and somebody wants them.
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
        // Unwind safe because nothing of a question that panicked is kept.
        let decode = AssertUnwindSafe(|| prepared.map(|prepared| prepared.decode_spans(logits)));
        match catch_unwind(decode) {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) | Err(_) => Err(ItemError::Panicked),
        }
    }

    /// Where the time went up to now, if the last window was started at `started`.
    fn timing(&self, started: Instant) -> Timing {
        Timing {
            queue: started.saturating_duration_since(self.arrived),
            tokenization: Duration::ZERO,
            inference: started.elapsed(),
        }
    }

    /// No code panics while it holds the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Ends the request as a whole, and forgets what there is of its answers.
    fn refuse(&mut self, refused: Refused) {
        if let Some(reply) = self.reply.take() {
            self.outcomes.fill_with(|| None);
            self.weight = None;
            // Who asked may have left meanwhile.
            let _ = reply.send(Err(refused));
        }
    }

    /// Sends the outcomes once there is one for each item.
    fn reply_if_done(&mut self, timing: Timing) {
        if self.open > 0 {
            return;
        }
        let (Some(reply), Some(weight)) = (self.reply.take(), self.weight.take()) else {
            return;
        };
        let outcomes = mem::take(&mut self.outcomes);
        let answered = Answered {
            items: outcomes.into_iter().flatten().collect(),
            timing,
            weight,
        };
        // Who asked may have left meanwhile.
        let _ = reply.send(Ok(answered));
    }
}
