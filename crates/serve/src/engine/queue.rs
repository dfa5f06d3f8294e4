//! Queue of windows that wait for a worker: the schedule and the admission, behind a lock.
//!
//! The queue is not a channel, because abandoned requests leave it at once, and because requests take turns.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Refused,
    admission::admit,
    pending::Pending,
    schedule::{Deadlines, RequestId, RequestTokens, Schedule, Window},
    throughput::Throughput,
};
use crate::{
    config::{Admission, ServeConfig},
    metrics::Metrics,
};

/// Minimum time before a waiting request is rejected. A queue with busy workers is not yet an overload.
const MIN_QUEUE_DELAY: Duration = Duration::from_millis(100);

/// Queue of windows, limited in tokens and in time.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limits: Admission,
    max_batch_tokens: NonZeroUsize,
    workers: NonZeroUsize,
    metrics: Arc<Metrics>,
    /// Time that tests have moved the clock forward.
    #[cfg(test)]
    ahead: Mutex<Duration>,
}

/// Place of a request in the queue, from before its tokenization until its response. Dropping it removes the waiting windows of
/// the request.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    request: RequestId,
}

/// Window that a worker has taken from the queue, and its request.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) window: Window,
    pub(crate) pending: Arc<Pending>,
}

#[derive(Debug)]
struct State {
    schedule: Schedule,
    /// Estimated tokens of each request that is not in the schedule yet.
    expected: HashMap<RequestId, usize>,
    /// Requests that were added to the schedule and whose ticket still exists.
    pending: HashMap<RequestId, Arc<Pending>>,
    throughput: Throughput,
    next_request: RequestId,
    closed: bool,
}

impl State {
    /// Tokens in the queue, including estimated tokens.
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
                throughput: Throughput::new(config.threads),
                next_request: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            limits: config.admission.clone(),
            max_batch_tokens: config.max_batch_tokens,
            workers: config.threads,
            metrics,
            #[cfg(test)]
            ahead: Mutex::default(),
        }
    }

    /// Reserves a place for a request with about `tokens` tokens, before its tokenization.
    ///
    /// # Errors
    /// [`Refused::Overloaded`] and [`Refused::Stopped`].
    pub(crate) fn reserve(self: &Arc<Self>, tokens: usize) -> Result<Ticket, Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Stopped);
        }
        let expected = state.expected.values().map(|&tokens| RequestTokens {
            total: tokens,
            left: tokens,
        });
        let waiting = state.schedule.shares().chain(expected);
        let rate = state.throughput.tokens_per_second();
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

    /// Waits for the next batch. `None` after the queue was closed.
    ///
    /// A batch is at most one worker's share of the queue, so that other workers have work too. Batches get smaller when the queue
    /// runs empty.
    ///
    /// Requests that have waited too long are rejected. This happens if the throughput has fallen since their admission. The
    /// workers then have time for newer requests.
    pub(crate) fn next_batch(&self) -> Option<Vec<Taken>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let share = state.schedule.tokens().div_ceil(self.workers.get());
            let max_tokens = share.min(self.max_batch_tokens.get());
            let next = state.schedule.next_batch(max_tokens, self.now());
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

    fn refuse_late(&self, state: &mut State, request: RequestId, share: RequestTokens) {
        let Some(pending) = state.pending.get(&request) else {
            return;
        };
        let rate = state.throughput.tokens_per_second();
        let again = admit(&self.limits, rate, state.schedule.shares(), share.total);
        pending.refuse(Refused::Overloaded(again.err().unwrap_or_default()));
    }

    /// Removes the waiting windows of a question that has failed.
    pub(crate) fn withdraw_item(&self, window: &Window) {
        let mut state = self.lock();
        state.schedule.withdraw_item(window.request, window.item);
        self.count(&state);
    }

    /// Adds a batch to the throughput: its tokens, and the time that it kept one worker busy.
    pub(crate) fn record(&self, tokens: usize, busy: Duration) {
        self.lock().throughput.record(tokens, busy);
    }

    /// Closes the queue, and drops everything that waits.
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

    /// Time by which the queue judges deadlines.
    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        reason = "in tests the queue has a clock of its own"
    )]
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Time by which the queue judges deadlines: the time of the system plus the time from [`Queue::advance`].
    #[cfg(test)]
    fn now(&self) -> Instant {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        Instant::now() + *ahead
    }

    /// Moves the clock of the queue forward.
    #[cfg(test)]
    pub(crate) fn advance(&self, by: Duration) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Number of questions in the queue.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().schedule.items()
    }

    /// Tokens in the queue, including estimated tokens.
    #[cfg(test)]
    pub(crate) fn tokens(&self) -> usize {
        self.lock().tokens()
    }

    /// `true` if the clients of all requests in the queue wait for results.
    #[cfg(test)]
    pub(crate) fn all_wanted(&self) -> bool {
        self.lock()
            .pending
            .values()
            .all(|pending| pending.is_wanted())
    }

    /// Number of requests with a ticket.
    #[cfg(test)]
    pub(crate) fn tickets(&self) -> usize {
        let state = self.lock();
        state.pending.len() + state.expected.len()
    }

    fn count(&self, state: &State) {
        self.metrics.queue(state.schedule.items(), state.tokens());
    }

    /// The data of a poisoned lock is valid, because no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Adds the request to the queue, if its real number of tokens is within the limits.
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
        // Estimated tokens of other requests do not count here.
        let rate = state.throughput.tokens_per_second();
        admit(&self.queue.limits, rate, state.schedule.shares(), tokens)
            .map_err(Refused::Overloaded)?;
        state.expected.remove(&self.request);
        let max_delay = self.queue.limits.max_queue_delay.max(MIN_QUEUE_DELAY);
        let deadline = pending.deadline();
        let start_by = self.queue.now().checked_add(max_delay);
        let deadlines = Deadlines {
            start_by: start_by.unwrap_or(deadline),
            deadline,
        };
        state.schedule.add(self.request, deadlines, &windows);
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
        // Outside the lock, because freeing long texts takes time.
        drop(pending);
    }
}
