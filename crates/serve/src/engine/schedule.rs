//! Schedule: selects the windows of the next batch. It is fair between requests, and windows of a batch have similar lengths.
//!
//! Pure: it has no thread, no lock and no clock.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Instant,
};

/// Id of a request in the queue.
pub(crate) type RequestId = u64;

/// Window of a question of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) request: RequestId,
    /// Index of the question in the request.
    pub(crate) item: usize,
    /// Index of the window in the question.
    pub(crate) index: usize,
    /// Number of tokens in the window.
    pub(crate) tokens: usize,
}

/// Tokens of a waiting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestTokens {
    /// All tokens of the request.
    pub(crate) total: usize,
    /// Tokens that still wait.
    pub(crate) left: usize,
}

/// Time limits of a waiting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Time by which the first window must be taken. After it the request is late.
    pub(crate) start_by: Instant,
    /// Time after which no window is taken.
    pub(crate) deadline: Instant,
}

/// Windows of the next batch, and late requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) windows: Vec<Window>,
    /// Late requests and their tokens. They are no longer in the schedule.
    pub(crate) late: Vec<(RequestId, RequestTokens)>,
}

/// Waiting windows by request.
///
/// Requests take turns of [`TURN_TOKENS`], as in self-clocked fair queueing. The request that has had the fewest tokens is next.
/// Of equal requests the older one is next. A new request starts one turn after the current one.
///
/// Therefore questions with one window are answered in order of arrival. A request with many windows gets the same share of
/// tokens as other requests: it does not block them, and it does not wait forever. A single question gets its first
/// [`SINGLE_TOKENS`] in one turn. Otherwise the second window of its context would wait for all later requests.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    requests: HashMap<RequestId, Waiting>,
    /// [`Waiting::turn`] and id of every request. The first entry is the next request.
    turns: BTreeSet<(u64, RequestId)>,
    /// Turn of the latest batch. New requests start here.
    clock: u64,
    tokens: usize,
    items: usize,
}

/// Waiting windows of a request, at least one.
#[derive(Debug)]
struct Waiting {
    /// Indices of question and window, by the number of tokens.
    windows: BTreeMap<usize, VecDeque<(usize, usize)>>,
    /// Number of waiting windows of each question.
    windows_of_item: HashMap<usize, usize>,
    share: RequestTokens,
    deadlines: Deadlines,
    /// `true` if a window has been taken.
    started: bool,
    /// Clock at the arrival of the request.
    start: u64,
    /// Tokens of the taken windows.
    had: u64,
    /// Tokens in the first turn, if they are more than in other turns; otherwise 0.
    at_once: u64,
}

/// Size of a turn in tokens: one window of the default size.
pub(crate) const TURN_TOKENS: usize = 384;

/// Size of the first turn of a single question in tokens: two windows of the default size.
const SINGLE_TOKENS: u64 = 2 * TURN_TOKENS as u64;

/// Minimum number of tokens in a batch for each token of padding. The backends of this crate do not pad. For a backend that pads,
/// the limit keeps padding below 5 % of a batch.
const TOKENS_PER_PADDING: usize = 20;

/// Number of requests that are searched for windows of similar length. It limits the time in which the queue is locked.
const LOOK_AHEAD: usize = 64;

impl Schedule {
    /// Adds a request with all its windows. A request without windows is not added.
    pub(crate) fn add(&mut self, request: RequestId, deadlines: Deadlines, windows: &[Window]) {
        if windows.is_empty() {
            return;
        }
        let tokens = windows.iter().map(|window| window.tokens).sum();
        let mut waiting = Waiting {
            windows: BTreeMap::new(),
            windows_of_item: HashMap::new(),
            share: RequestTokens {
                total: tokens,
                left: tokens,
            },
            deadlines,
            started: false,
            start: self.clock,
            had: 0,
            at_once: 0,
        };
        for window in windows {
            let alike = waiting.windows.entry(window.tokens).or_default();
            alike.push_back((window.item, window.index));
            *waiting.windows_of_item.entry(window.item).or_default() += 1;
        }
        if waiting.windows_of_item.len() == 1 {
            waiting.at_once = SINGLE_TOKENS;
        }
        self.tokens += tokens;
        self.items += waiting.windows_of_item.len();
        self.turns.insert((waiting.turn(), request));
        self.requests.insert(request, waiting);
    }

    /// Removes the waiting windows of a request.
    pub(crate) fn withdraw(&mut self, request: RequestId) {
        if let Some(waiting) = self.requests.remove(&request) {
            self.turns.remove(&(waiting.turn(), request));
            self.tokens -= waiting.share.left;
            self.items -= waiting.windows_of_item.len();
        }
    }

    /// Removes the waiting windows of a question.
    pub(crate) fn withdraw_item(&mut self, request: RequestId, item: usize) {
        self.change(request, |waiting| {
            waiting.windows.retain(|_, alike| {
                alike.retain(|&(of, _)| of != item);
                !alike.is_empty()
            });
            waiting.windows_of_item.remove(&item);
            let left = waiting.windows.iter();
            waiting.share.left = left.map(|(tokens, alike)| tokens * alike.len()).sum();
        });
    }

    /// Removes and returns the windows of the next batch: at most `max_tokens`, but at least one window. The batch is empty only if
    /// nothing waits. Requests with a deadline before `now` are removed. Requests that should have started before `now` are late.
    ///
    /// The first window is from the request with the next turn. Windows of similar length follow, in the order of turns. Their
    /// requests can be ahead of the first one by at most a batch.
    pub(crate) fn next_batch(&mut self, max_tokens: usize, now: Instant) -> Next {
        let mut next = Next::default();
        while let Some(&(turn, request)) = self.turns.first() {
            let leader = &self.requests[&request];
            if leader.deadlines.deadline <= now {
                self.withdraw(request);
                continue;
            }
            if leader.is_late(now) {
                next.late.push((request, leader.share));
                self.withdraw(request);
                continue;
            }
            let horizon = turn + max_tokens as u64;
            let mut shape = Shape::new(leader.longest(), max_tokens);
            self.clock = self.clock.max(turn);
            next.windows.push(self.take(request, shape.longest));
            while let Some((request, tokens)) = self.fitting(&shape, horizon, now) {
                shape = shape.with(tokens);
                next.windows.push(self.take(request, tokens));
            }
            break;
        }
        next
    }

    /// Number of waiting tokens.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Number of questions with waiting windows.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Tokens of each waiting request.
    pub(crate) fn shares(&self) -> impl Iterator<Item = RequestTokens> {
        self.requests.values().map(|waiting| waiting.share)
    }

    /// First request in the order of turns with a window that fits, and the tokens of that window.
    fn fitting(&self, shape: &Shape, horizon: u64, now: Instant) -> Option<(RequestId, usize)> {
        let near = self.turns.iter().take_while(|(turn, _)| *turn <= horizon);
        near.take(LOOK_AHEAD).find_map(|&(_, request)| {
            let waiting = &self.requests[&request];
            let mut lengths = waiting.lengths_near(shape.longest);
            let tokens = lengths.find(|&tokens| shape.has_room_for(tokens))?;
            let in_time = waiting.deadlines.deadline > now && !waiting.is_late(now);
            in_time.then_some((request, tokens))
        })
    }

    /// Removes the first window with `tokens` tokens of a request. The window must exist.
    fn take(&mut self, request: RequestId, tokens: usize) -> Window {
        let taken = self.change(request, |waiting| {
            waiting.had += tokens as u64;
            waiting.started = true;
            waiting.take(tokens)
        });
        let (item, index) = taken.flatten().expect("the window was just found");
        Window {
            request,
            item,
            index,
            tokens,
        }
    }

    /// Changes a request and updates its turn. `None` if the request does not wait.
    fn change<T>(
        &mut self,
        request: RequestId,
        change: impl FnOnce(&mut Waiting) -> T,
    ) -> Option<T> {
        let waiting = self.requests.get_mut(&request)?;
        self.turns.remove(&(waiting.turn(), request));
        let (tokens, items) = (waiting.share.left, waiting.windows_of_item.len());
        let result = change(waiting);
        self.tokens -= tokens - waiting.share.left;
        self.items -= items - waiting.windows_of_item.len();
        if waiting.windows.is_empty() {
            self.requests.remove(&request);
        } else {
            self.turns.insert((waiting.turn(), request));
        }
        Some(result)
    }
}

impl Waiting {
    /// Clock at the end of the next turn.
    fn turn(&self) -> u64 {
        let had = if self.had < self.at_once { 0 } else { self.had };
        self.start + had + TURN_TOKENS as u64
    }

    fn is_late(&self, now: Instant) -> bool {
        !self.started && self.deadlines.start_by < now
    }

    /// Tokens of the longest window. Long windows go first, so that short windows can fill up the last batches.
    fn longest(&self) -> usize {
        self.windows
            .last_key_value()
            .map_or(0, |(tokens, _)| *tokens)
    }

    /// The nearest window lengths: the largest one up to `tokens`, and the smallest one above.
    fn lengths_near(&self, tokens: usize) -> impl Iterator<Item = usize> {
        let below = self.windows.range(..=tokens).next_back();
        let above = self.windows.range(tokens + 1..).next();
        below.into_iter().chain(above).map(|(tokens, _)| *tokens)
    }

    fn take(&mut self, tokens: usize) -> Option<(usize, usize)> {
        let alike = self.windows.get_mut(&tokens)?;
        let (item, window) = alike.pop_front()?;
        if alike.is_empty() {
            self.windows.remove(&tokens);
        }
        let of_item = self.windows_of_item.get_mut(&item)?;
        *of_item -= 1;
        if *of_item == 0 {
            self.windows_of_item.remove(&item);
        }
        self.share.left -= tokens;
        Some((item, window))
    }
}

/// Size of a batch.
#[derive(Debug, Clone, Copy)]
struct Shape {
    windows: usize,
    tokens: usize,
    longest: usize,
    max_tokens: usize,
}

impl Shape {
    fn new(tokens: usize, max_tokens: usize) -> Self {
        Self {
            windows: 1,
            tokens,
            longest: tokens,
            max_tokens,
        }
    }

    fn with(self, tokens: usize) -> Self {
        Self {
            windows: self.windows + 1,
            tokens: self.tokens + tokens,
            longest: self.longest.max(tokens),
            ..self
        }
    }

    /// `true` if a window with `tokens` tokens fits into the batch and has a similar length.
    fn has_room_for(self, tokens: usize) -> bool {
        let next = self.with(tokens);
        let padding = next.longest * next.windows - next.tokens;
        next.tokens <= next.max_tokens && padding * TOKENS_PER_PADDING < next.tokens
    }
}

#[cfg(test)]
mod tests;
