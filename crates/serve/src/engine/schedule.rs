//! Which windows go before the model next: fair between requests, and of like length within a batch.
//!
//! Pure: knows no thread, no lock and no clock.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Instant,
};

/// Names a request among those that wait.
pub(crate) type RequestId = u64;

/// One window of one question of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) request: RequestId,
    /// Which question of the request.
    pub(crate) item: usize,
    /// Which window of the question.
    pub(crate) index: usize,
    /// What the model reads in it.
    pub(crate) tokens: usize,
}

/// What is left of a request that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Tokens that it brought.
    pub(crate) brought: usize,
    /// Tokens of them that still wait.
    pub(crate) left: usize,
}

/// Until when a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// Unless its first window is taken by then, it is late.
    pub(crate) start_by: Instant,
    /// Nothing of it is taken afterwards.
    pub(crate) deadline: Instant,
}

/// What goes before the model next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) windows: Vec<Window>,
    /// Requests that are out of the schedule because their turn came too late, and what they would have taken.
    pub(crate) late: Vec<(RequestId, Share)>,
}

/// The windows that wait, by request.
///
/// Requests take turns of [`TURN_TOKENS`], as in self-clocked fair queueing: whoever has had the fewest tokens is next,
/// of equals who came first, and a newcomer starts a turn after whoever is being served. So questions of one window are
/// answered in the order in which they came, whatever their length, and a request of many windows gets the same share of
/// the tokens as any other: it neither holds up the rest nor waits for ever. A single question has its first
/// [`SINGLE_TOKENS`] in one turn: the second window of a long context, had it to wait for all who came after it, would
/// double the wait.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    requests: HashMap<RequestId, Waiting>,
    /// Who is next: [`Waiting::turn`] of every request.
    turns: BTreeSet<(u64, RequestId)>,
    /// The turn that the latest batch began with: where newcomers start.
    clock: u64,
    tokens: usize,
    items: usize,
}

/// The windows of a request that wait; at least one.
#[derive(Debug)]
struct Waiting {
    /// Question and window, by length, so that any length is found at once.
    windows: BTreeMap<usize, VecDeque<(usize, usize)>>,
    /// How many windows of each question are among them.
    windows_of_item: HashMap<usize, usize>,
    share: Share,
    times: Times,
    /// Whether a window of it has been taken.
    started: bool,
    /// The clock when it came.
    start: u64,
    /// Tokens that it has had.
    had: u64,
    /// Tokens that it gets in its first turn, where they are more than in others.
    at_once: u64,
}

/// What a request gets before others get theirs, in tokens: one window of the usual size.
pub(crate) const TURN_TOKENS: usize = 384;

/// What a single question gets in its first turn: two windows, in which all but the longest contexts have room.
const SINGLE_TOKENS: u64 = 2 * TURN_TOKENS as u64;

/// A batch with room for more padding than this part of its tokens would waste a padding backend's time.
const TOKENS_PER_PADDING: usize = 20;

/// How many requests are looked at for windows of like length; bounds the time that the queue is locked.
const LOOK_AHEAD: usize = 64;

impl Schedule {
    /// Adds a request with all its windows; one without any is none.
    pub(crate) fn add(&mut self, request: RequestId, times: Times, windows: &[Window]) {
        if windows.is_empty() {
            return;
        }
        let tokens = windows.iter().map(|window| window.tokens).sum();
        let mut waiting = Waiting {
            windows: BTreeMap::new(),
            windows_of_item: HashMap::new(),
            share: Share {
                brought: tokens,
                left: tokens,
            },
            times,
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

    /// Forgets what waits of a request, if anything does.
    pub(crate) fn withdraw(&mut self, request: RequestId) {
        if let Some(waiting) = self.requests.remove(&request) {
            self.turns.remove(&(waiting.turn(), request));
            self.tokens -= waiting.share.left;
            self.items -= waiting.windows_of_item.len();
        }
    }

    /// Forgets what waits of one question, if anything does.
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

    /// Takes out the windows that go before the model together: at most `max_tokens`, but at least one window, and
    /// none at all only when nothing waits. Requests whose deadline has passed by `now` are forgotten, and those that
    /// should have started by then are late.
    ///
    /// The request whose turn it is leads, always. Others, or more of its own, follow in the order of turns, as long as
    /// they are like it in length and not a whole batch ahead of it.
    pub(crate) fn next_batch(&mut self, max_tokens: usize, now: Instant) -> Next {
        let mut next = Next::default();
        while let Some(&(turn, request)) = self.turns.first() {
            let leader = &self.requests[&request];
            if leader.times.deadline <= now {
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

    /// Tokens that wait.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Questions that wait, at least for a window of theirs.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// What waits of each request.
    pub(crate) fn shares(&self) -> impl Iterator<Item = Share> {
        self.requests.values().map(|waiting| waiting.share)
    }

    /// The first in the order of turns with a window that fits, and how long that is.
    fn fitting(&self, shape: &Shape, horizon: u64, now: Instant) -> Option<(RequestId, usize)> {
        let near = self.turns.iter().take_while(|(turn, _)| *turn <= horizon);
        near.take(LOOK_AHEAD).find_map(|&(_, request)| {
            let waiting = &self.requests[&request];
            let mut lengths = waiting.lengths_near(shape.longest);
            let tokens = lengths.find(|&tokens| shape.has_room_for(tokens))?;
            let in_time = waiting.times.deadline > now && !waiting.is_late(now);
            in_time.then_some((request, tokens))
        })
    }

    /// Takes the first window of this length, which is there, from the request.
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

    /// Changes a request and puts it where it then belongs; `None` if nothing of it waits.
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
    /// Where the clock will be after its next turn.
    fn turn(&self) -> u64 {
        let had = if self.had < self.at_once { 0 } else { self.had };
        self.start + had + TURN_TOKENS as u64
    }

    fn is_late(&self, now: Instant) -> bool {
        !self.started && self.times.start_by < now
    }

    /// Long windows go first: what is left to fill gaps at the end is short.
    fn longest(&self) -> usize {
        self.windows
            .last_key_value()
            .map_or(0, |(tokens, _)| *tokens)
    }

    /// The nearest length up to `tokens`, and the nearest above.
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

/// The outline of a batch.
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

    /// Whether the batch stays within its size, and a backend that fills up short windows would waste little.
    fn has_room_for(self, tokens: usize) -> bool {
        let next = self.with(tokens);
        let padding = next.longest * next.windows - next.tokens;
        next.tokens <= next.max_tokens && padding * TOKENS_PER_PADDING < next.tokens
    }
}

#[cfg(test)]
mod tests;
