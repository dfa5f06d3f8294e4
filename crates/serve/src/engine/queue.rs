//! What waits for a worker: the schedule, who may join it, and the lock around both.
//!
//! Not a channel, because what nobody waits for any more leaves at once, and turns are fair.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Refused,
    admission::admit,
    pace::Pace,
    pending::Pending,
    schedule::{RequestId, Schedule, Share, Times, Window},
};
use crate::{
    config::{Admission, ServeConfig},
    metrics::Metrics,
};

/// How long a request may wait for a worker at least, whatever the limit: workers that are busy with a batch each are
/// no overload yet.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// A queue of windows, bounded in tokens and time.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limits: Admission,
    max_batch_tokens: NonZeroUsize,
    workers: NonZeroUsize,
    metrics: Arc<Metrics>,
}

/// A request's place in the queue, from before its tokenisation until nobody waits for its answers. Dropping it takes
/// out whatever still waits of the request.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    request: RequestId,
}

/// A window that a worker takes, and the request that it belongs to.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) window: Window,
    pub(crate) pending: Arc<Pending>,
}

#[derive(Debug)]
struct State {
    schedule: Schedule,
    /// The tokens estimated of each request that is not in the schedule yet.
    expected: HashMap<RequestId, usize>,
    /// Every request that has been in the schedule and whose ticket is still held.
    pending: HashMap<RequestId, Arc<Pending>>,
    pace: Pace,
    next_request: RequestId,
    closed: bool,
}

impl State {
    /// Tokens that wait for a worker, those included that are only expected: what admission counts.
    fn tokens(&self) -> usize {
        self.schedule.tokens() + self.expected.values().sum::<usize>()
    }
}

impl Queue {
    pub(crate) fn new(config: &ServeConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            state: Mutex::new(State {
                schedule: Schedule::default(),
                expected: HashMap::new(),
                pending: HashMap::new(),
                pace: Pace::new(config.threads),
                next_request: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            limits: config.admission.clone(),
            max_batch_tokens: config.max_batch_tokens,
            workers: config.threads,
            metrics,
        }
    }

    /// A place for a request of about so many tokens, so that one that would be refused costs no tokenisation.
    ///
    /// # Errors
    /// [`Refused::Overloaded`] and [`Refused::Stopped`].
    pub(crate) fn reserve(self: &Arc<Self>, tokens: usize) -> Result<Ticket, Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Stopped);
        }
        let expected = state.expected.values().map(|&tokens| Share {
            brought: tokens,
            left: tokens,
        });
        let waiting = state.schedule.shares().chain(expected);
        let rate = state.pace.tokens_per_second();
        admit(&self.limits, rate, waiting, tokens).map_err(Refused::Overloaded)?;
        let request = state.next_request;
        state.next_request += 1;
        state.expected.insert(request, tokens);
        self.count(&state);
        Ok(Ticket {
            queue: Arc::clone(self),
            request,
        })
    }

    /// The windows that a worker puts before the model next, as soon as there are any; `None` once the queue is closed.
    ///
    /// A batch is no larger than one worker's share of what waits, so that none is left without work when the others
    /// have taken it all, and batches get smaller towards the end.
    ///
    /// Whoever has waited too long by then is refused: the pace can fall after a request was let in, and then the
    /// time is better spent on those who have not waited so long yet.
    pub(crate) fn next_batch(&self) -> Option<Vec<Taken>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let share = state.schedule.tokens().div_ceil(self.workers.get());
            let max_tokens = share.min(self.max_batch_tokens.get());
            let next = state.schedule.next_batch(max_tokens, Instant::now());
            for (request, share) in next.late {
                self.refuse_late(&mut state, request, share);
            }
            self.count(&state);
            let taken = next.windows.into_iter().filter_map(|window| {
                let pending = Arc::clone(state.pending.get(&window.request)?);
                Some(Taken { window, pending })
            });
            let taken: Vec<_> = taken.collect();
            if !taken.is_empty() {
                return Some(taken);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn refuse_late(&self, state: &mut State, request: RequestId, share: Share) {
        let Some(pending) = state.pending.get(&request) else {
            return;
        };
        let rate = state.pace.tokens_per_second();
        let again = admit(&self.limits, rate, state.schedule.shares(), share.brought);
        pending.refuse(Refused::Overloaded(again.err().unwrap_or_default()));
    }

    /// Takes out what waits of a question that has failed.
    pub(crate) fn withdraw_item(&self, window: &Window) {
        let mut state = self.lock();
        state.schedule.withdraw_item(window.request, window.item);
        self.count(&state);
    }

    /// Notes that so many tokens kept one worker busy for so long.
    pub(crate) fn record(&self, tokens: usize, busy: Duration) {
        self.lock().pace.record(tokens, busy);
    }

    /// Takes and gives nothing any more; what still waits is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.schedule = Schedule::default();
        state.expected.clear();
        state.pending.clear();
        self.count(&state);
        drop(state);
        self.changed.notify_all();
    }

    /// How many questions wait for a worker.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().schedule.items()
    }

    /// How many tokens wait for a worker, those included that are only expected.
    #[cfg(test)]
    pub(crate) fn tokens(&self) -> usize {
        self.lock().tokens()
    }

    /// Whether nobody in the queue has gone.
    #[cfg(test)]
    pub(crate) fn all_wanted(&self) -> bool {
        self.lock()
            .pending
            .values()
            .all(|pending| pending.is_wanted())
    }

    /// How many requests the queue knows of.
    #[cfg(test)]
    pub(crate) fn tickets(&self) -> usize {
        let state = self.lock();
        state.pending.len() + state.expected.len()
    }

    fn count(&self, state: &State) {
        self.metrics.queue(state.schedule.items(), state.tokens());
    }

    /// No code panics while it holds the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Puts the request into the queue, if there is room for what it turned out to be.
    ///
    /// # Errors
    /// [`Refused::Overloaded`] and [`Refused::Stopped`].
    pub(crate) fn enqueue(&self, pending: Pending) -> Result<(), Refused> {
        let windows = pending.windows(self.request);
        let tokens = windows.iter().map(|window| window.tokens).sum();
        let mut state = self.queue.lock();
        if state.closed {
            return Err(Refused::Stopped);
        }
        // What others are expected to bring gets no room before what is there.
        let rate = state.pace.tokens_per_second();
        admit(&self.queue.limits, rate, state.schedule.shares(), tokens)
            .map_err(Refused::Overloaded)?;
        state.expected.remove(&self.request);
        let patience = self.queue.limits.max_queue_delay.max(LEAST_PATIENCE);
        let deadline = pending.deadline();
        let start_by = pending.arrived().checked_add(patience);
        let times = Times {
            start_by: start_by.unwrap_or(deadline),
            deadline,
        };
        state.schedule.add(self.request, times, &windows);
        state.pending.insert(self.request, Arc::new(pending));
        self.queue.count(&state);
        drop(state);
        if windows.len() > 1 {
            self.queue.changed.notify_all();
        } else {
            self.queue.changed.notify_one();
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.expected.remove(&self.request);
        state.schedule.withdraw(self.request);
        let pending = state.pending.remove(&self.request);
        self.queue.count(&state);
        drop(state);
        // Long texts take a while to free, which nobody needs to wait for.
        drop(pending);
    }
}
