//! The memory that passes work in, kept from one to the next.

use std::sync::{Mutex, PoisonError};

use crate::buffer::{LINE_WORDS, Shared, Words};
use crate::forward::{CHUNK_TOKENS, Group};
use crate::gemm::RowScale;
use crate::kernels::Kernels;
use crate::layers::attention::{self, SCORE_ROWS};
use crate::linear::WIDEST_PANEL;
use crate::model::Model;

/// Buffers of one call. They grow to the size of the largest group.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// First tokens of the sequences of a group.
    pub(crate) starts: Vec<usize>,
    key_starts: Vec<usize>,
    states: Words,
    encoded: Words,
    scales: Words,
    queries: Words,
    keys: [Words; 2],
    values: [Words; 2],
    logits: [Words; 2],
    members: Vec<Mutex<MemberWords>>,
    /// The threads that help with a call.
    pub(crate) helpers: Vec<usize>,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct MemberWords {
    tile: Words,
    context: Words,
    change: Words,
    inner: Words,
    words: Words,
    scales: Words,
    scores: Words,
    weights: Words,
}

/// Buffers of one thread during a pass.
#[derive(Debug)]
pub(crate) struct MemberScratch<'a> {
    /// Some columns of a chunk's projections.
    pub(crate) tile: Shared<'a, f32>,
    /// Output of attention for a chunk.
    pub(crate) context: Shared<'a, f32>,
    /// Numbers that are added to a chunk's states.
    pub(crate) change: Shared<'a, f32>,
    /// Numbers between the two products of a feed-forward layer.
    pub(crate) inner: Shared<'a, f32>,
    /// Either of these as words, and what the words mean.
    pub(crate) words: Shared<'a, u32>,
    pub(crate) scales: Shared<'a, RowScale>,
    pub(crate) scores: Shared<'a, f32>,
    pub(crate) weights: Shared<'a, u32>,
}

/// Views of a [`Scratch`].
#[derive(Debug)]
pub(crate) struct Buffers<'a> {
    pub(crate) key_starts: &'a [usize],
    pub(crate) states: Shared<'a, f32>,
    pub(crate) encoded: Shared<'a, u32>,
    pub(crate) scales: Shared<'a, RowScale>,
    pub(crate) queries: Shared<'a, u32>,
    pub(crate) keys: [Shared<'a, u32>; 2],
    pub(crate) values: [Shared<'a, u32>; 2],
    pub(crate) logits: [Shared<'a, f32>; 2],
    /// Buffers of each thread, which locks them for the whole pass.
    pub(crate) members: &'a [Mutex<MemberWords>],
}

/// Lengths of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Numbers of a state, padded.
    pub(crate) hidden_columns: usize,
    /// Words of an encoded state.
    pub(crate) hidden_words: usize,
    /// Words of the queries of all heads.
    pub(crate) query_words: usize,
    /// Words of a key or value of one head.
    pub(crate) head_words: usize,
    section: usize,
    heads: usize,
    intermediate_columns: usize,
}

impl Sizes {
    pub(crate) fn new(model: &Model, kernels: &Kernels) -> Self {
        let shape = &model.shape;
        let hidden_columns = shape.hidden.next_multiple_of(WIDEST_PANEL);
        Self {
            hidden_columns,
            hidden_words: hidden_columns / kernels.numbers,
            query_words: shape.section / kernels.attention_numbers,
            head_words: shape.padded_head / kernels.attention_numbers,
            section: shape.section,
            heads: shape.heads,
            intermediate_columns: shape.intermediate.next_multiple_of(WIDEST_PANEL),
        }
    }
}

/// Numbers of the scores of a sequence of `length` tokens that are worked on at once.
pub(crate) fn score_numbers(length: usize) -> usize {
    SCORE_ROWS * attention::padded(length)
}

impl Scratch {
    /// Calls `work` with room for `group` on `threads` threads.
    pub(crate) fn with_room(
        &mut self,
        sizes: &Sizes,
        group: &Group<'_>,
        threads: usize,
        work: impl FnOnce(Buffers<'_>),
    ) {
        self.grow(sizes, group, threads);
        work(Buffers {
            key_starts: &self.key_starts,
            states: self.states.shared(),
            encoded: self.encoded.shared(),
            scales: self.scales.shared(),
            queries: self.queries.shared(),
            keys: self.keys.each_mut().map(Words::shared),
            values: self.values.each_mut().map(Words::shared),
            logits: self.logits.each_mut().map(Words::shared),
            members: &self.members,
        });
    }

    /// The start logits and the end logits of the last group, which had `tokens` tokens.
    pub(crate) fn logits(&self, tokens: usize) -> [impl Iterator<Item = f32> + '_; 2] {
        self.logits.each_ref().map(|words| {
            let bits = words.as_slice()[..tokens].iter();
            bits.map(|bits| f32::from_bits(*bits))
        })
    }

    fn grow(&mut self, sizes: &Sizes, group: &Group<'_>, threads: usize) {
        let mut padded = 0;
        self.key_starts.clear();
        self.key_starts.push(0);
        let mut longest = 0;
        for bounds in group.starts.windows(2) {
            let length = bounds[1] - bounds[0];
            longest = longest.max(length);
            padded += attention::padded(length);
            self.key_starts.push(padded);
        }
        let tokens = group.ids.len();
        self.states.grow(tokens * sizes.hidden_columns);
        self.encoded.grow(tokens * sizes.hidden_words);
        self.scales
            .grow(tokens * size_of::<RowScale>() / size_of::<u32>());
        self.queries.grow(tokens * sizes.query_words);
        let cached = padded * sizes.head_words * sizes.heads;
        for words in self.keys.iter_mut().chain(&mut self.values) {
            words.grow(cached);
        }
        for words in &mut self.logits {
            words.grow(tokens);
        }
        if self.members.len() < threads {
            self.members.resize_with(threads, Mutex::default);
        }
        for member in &mut self.members {
            let member = member.get_mut().unwrap_or_else(PoisonError::into_inner);
            member.grow(sizes, longest);
        }
    }
}

impl MemberWords {
    fn grow(&mut self, sizes: &Sizes, longest: usize) {
        let widest = sizes.section.max(sizes.intermediate_columns);
        self.tile.grow(CHUNK_TOKENS * WIDEST_PANEL);
        self.context.grow(CHUNK_TOKENS * sizes.section);
        self.change.grow(CHUNK_TOKENS * sizes.hidden_columns);
        self.inner.grow(CHUNK_TOKENS * sizes.intermediate_columns);
        self.words.grow(CHUNK_TOKENS * widest);
        self.scales
            .grow(2 * CHUNK_TOKENS.next_multiple_of(LINE_WORDS));
        self.scores.grow(score_numbers(longest));
        self.weights.grow(score_numbers(longest));
    }

    pub(crate) fn shared(&mut self) -> MemberScratch<'_> {
        MemberScratch {
            tile: self.tile.shared(),
            context: self.context.shared(),
            change: self.change.shared(),
            inner: self.inner.shared(),
            words: self.words.shared(),
            scales: self.scales.shared(),
            scores: self.scores.shared(),
            weights: self.weights.shared(),
        }
    }
}
