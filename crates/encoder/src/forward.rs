//! The forward pass: from tokens to logits.
//!
//! A group of sequences is one run of tokens without padding. Each thread has a share of the tokens and takes them through a
//! whole layer, in chunks whose intermediate results stay in its cache; all threads read keys and values. So threads wait
//! for each other once a layer, when keys and values are written.

mod scratch;
mod share;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(crate) use self::scratch::Scratch;
use self::scratch::{MemberScratch, MemberWords, Sizes};
use crate::buffer::Shared;
use crate::config::Activation;
use crate::gemm::{Out, RowScale, Rows};
use crate::kernels::Kernels;
use crate::layers::attention::{Attention, Placement, Role};
use crate::layers::norm::Norm;
use crate::linear::Linear;
use crate::model::{Layer, Model};
use crate::team::{Member, Team};

/// Tokens that are taken through a layer at once by one thread: more make the intermediate results leave the cache, fewer
/// read the weights more often.
const CHUNK_TOKENS: usize = 48;

/// Tokens for which another thread is worth waking.
const TOKENS_PER_THREAD: usize = 16;

/// Time that a sleeping thread may take to join: about an eighth of the time of a pass on one thread, of which a second thread saves half.
fn patience(tokens: usize) -> Duration {
    const BY_TOKEN: Duration = Duration::from_micros(4);
    BY_TOKEN * u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// Sequences of one pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) ids: &'a [u32],
    /// Type of each token; empty if the model has one type or none.
    pub(crate) types: &'a [u32],
    /// Index in `ids` of the first token of each sequence, and the number of tokens last.
    pub(crate) starts: &'a [usize],
}

/// State of one pass that its threads share.
#[derive(Debug)]
struct Pass<'a> {
    model: &'a Model,
    kernels: &'a Kernels,
    activation: Activation,
    group: Group<'a>,
    /// Index of the first key of each sequence, counted in keys padded to whole panels.
    key_starts: &'a [usize],
    sizes: Sizes,
    /// Input and output of a layer: rows of f32.
    states: Shared<'a, f32>,
    /// The states as words, for the next product.
    encoded: Shared<'a, u32>,
    scales: Shared<'a, RowScale>,
    queries: Shared<'a, u32>,
    /// Of even and of odd layers: a thread may be one layer ahead of another that still reads.
    keys: [Shared<'a, u32>; 2],
    values: [Shared<'a, u32>; 2],
    logits: [Shared<'a, f32>; 2],
    members: &'a [Mutex<MemberWords>],
}

/// Computes the logits of `group`, on as many threads of `team` as are idle and worth it; they are in `scratch` afterwards.
pub(crate) fn forward(
    (model, kernels, activation): (&Model, &Kernels, Activation),
    group: Group<'_>,
    scratch: &mut Scratch,
    team: &Team,
) {
    let sizes = Sizes::new(model, kernels);
    let wanted = (group.ids.len() / TOKENS_PER_THREAD).clamp(1, team.size());
    let mut helpers = std::mem::take(&mut scratch.helpers);
    scratch.with_room(&sizes, &group, team.size(), |buffers| {
        let pass = Pass {
            model,
            kernels,
            activation,
            group,
            key_starts: buffers.key_starts,
            sizes,
            states: buffers.states,
            encoded: buffers.encoded,
            scales: buffers.scales,
            queries: buffers.queries,
            keys: buffers.keys,
            values: buffers.values,
            logits: buffers.logits,
            members: buffers.members,
        };
        let patience = patience(group.ids.len());
        team.run(wanted, patience, &mut helpers, |member| {
            pass.work(member);
        });
    });
    scratch.helpers = helpers;
}

impl Pass<'_> {
    /// Runs the pass for the tokens of one thread.
    fn work(&self, member: &Member<'_>) {
        // No other thread locks it, and the pass overwrites all that a panic left in it.
        let words = self.members[member.rank].lock();
        let mut words = words.unwrap_or_else(PoisonError::into_inner);
        let scratch = &words.shared();
        let tokens = share::of(
            self.group.starts,
            member.rank,
            member.size,
            &self.model.shape,
        );
        self.embed(tokens.clone(), scratch);
        for (index, layer) in self.model.layers.iter().enumerate() {
            for chunk in chunks(tokens.clone()) {
                self.project(layer, index % 2, chunk, scratch);
            }
            member.meet();
            for chunk in chunks(tokens.clone()) {
                self.attend(layer, index % 2, chunk.clone(), scratch);
                self.feed_forward(layer, chunk, scratch);
            }
        }
        self.answer(tokens);
    }

    /// The states before the first layer.
    fn embed(&self, tokens: Range<usize>, scratch: &MemberScratch<'_>) {
        let (embeddings, hidden) = (&self.model.embeddings, self.model.shape.hidden);
        let word = scratch.change.at(0, hidden);
        for sequence in self.group.starts.windows(2) {
            let own = tokens.start.max(sequence[0])..tokens.end.min(sequence[1]);
            if own.is_empty() {
                continue;
            }
            // Without padding a token's position is how many came before it.
            let is_padding =
                |token: usize| Some(self.group.ids[token] as usize) == embeddings.padding;
            let mut before = (sequence[0]..own.start)
                .filter(|token| !is_padding(*token))
                .count();
            for token in own {
                let position = match embeddings.padding {
                    None => before,
                    Some(_) if is_padding(token) => 0,
                    Some(_) => before + 1,
                } * hidden;
                before += usize::from(!is_padding(token));
                let position = &embeddings.positions[position..position + hidden];
                // SAFETY: the scratch is this thread's, and so is the row of a token of its share.
                let (word, state) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(word, hidden),
                        std::slice::from_raw_parts_mut(self.state(token), hidden),
                    )
                };
                let id = self.group.ids[token] as usize;
                embeddings.words.widen(id * hidden, word);
                state.copy_from_slice(position);
                // A model with one type gives it to all tokens.
                let kind = self.group.types.get(token).copied().unwrap_or(0);
                let kind = embeddings.types.chunks(hidden).nth(kind as usize);
                for (state, kind) in state.iter_mut().zip(kind.into_iter().flatten()) {
                    *state += kind;
                }
                self.add_norm(&embeddings.norm, token, word.as_ptr());
            }
        }
    }

    /// Queries, keys and values of a chunk.
    fn project(
        &self,
        layer: &Layer,
        parity: usize,
        chunk: Range<usize>,
        scratch: &MemberScratch<'_>,
    ) {
        let linear = &layer.projections;
        let columns = linear.panel_columns();
        let tile = Out {
            first: scratch.tile.at(0, chunk.len() * columns),
            stride: columns,
        };
        for panel in 0..linear.panels() {
            self.product(linear, panel, &self.encoded_rows(&chunk), &tile);
            self.place(
                panel * columns..(panel + 1) * columns,
                parity,
                &chunk,
                &tile,
            );
        }
        for (sequence, own) in self.sequences_in(&chunk) {
            let [start, end] = self.bounds(sequence);
            if own.end == end {
                for head in 0..self.model.shape.heads {
                    let (_, values) = self.head(parity, sequence, head);
                    // SAFETY: the room for a head's values is as long as the padded sequence, and only the thread that has
                    // the last token writes after its value.
                    unsafe {
                        (self.kernels.end_values)(
                            values,
                            end - start,
                            self.model.shape.padded_head,
                        );
                    }
                }
            }
        }
    }

    /// Puts some columns of the projections of a chunk where attention reads them.
    fn place(&self, columns: Range<usize>, parity: usize, chunk: &Range<usize>, tile: &Out) {
        let shape = &self.model.shape;
        let section = columns.start / shape.section;
        let role = [Role::Queries, Role::Keys, Role::Values][section];
        let mut column = columns.start;
        while column < columns.end {
            let dimension = column - section * shape.section;
            let (head, dimension) = (dimension / shape.padded_head, dimension % shape.padded_head);
            if head >= shape.heads {
                return;
            }
            let count = (shape.padded_head - dimension).min(columns.end - column);
            for (sequence, own) in self.sequences_in(chunk) {
                let row = own.start - chunk.start;
                let (to, stride_or_token) = match role {
                    Role::Queries => {
                        let word =
                            (head * shape.padded_head + dimension) / self.kernels.attention_numbers;
                        let first = own.start * self.sizes.query_words + word;
                        let words = (own.len() - 1) * self.sizes.query_words
                            + count / self.kernels.attention_numbers;
                        (self.queries.at(first, words), self.sizes.query_words)
                    }
                    Role::Keys => (
                        self.head(parity, sequence, head).0,
                        own.start - self.bounds(sequence)[0],
                    ),
                    Role::Values => (
                        self.head(parity, sequence, head).1,
                        own.start - self.bounds(sequence)[0],
                    ),
                };
                let placement = Placement {
                    role,
                    // The tile has a row for each token of the chunk.
                    rows: tile
                        .first
                        .wrapping_add(row * tile.stride + column - columns.start),
                    stride: tile.stride,
                    count: own.len(),
                    columns: count,
                    to,
                    stride_or_token,
                    dimension,
                    head_size: shape.padded_head,
                    scale: std::f32::consts::LOG2_E / (shape.head as f32).sqrt(),
                };
                // SAFETY: queries have room for each token, keys and values for each padded sequence; the places of these
                // tokens are this thread's.
                unsafe { (self.kernels.place)(&placement) };
            }
            column += count;
        }
    }

    /// Attention of a chunk, its output layer, and the norm after that.
    fn attend(
        &self,
        layer: &Layer,
        parity: usize,
        chunk: Range<usize>,
        scratch: &MemberScratch<'_>,
    ) {
        let shape = &self.model.shape;
        let context = scratch.context.at(0, chunk.len() * shape.section);
        for (sequence, own) in self.sequences_in(&chunk) {
            let [start, end] = self.bounds(sequence);
            let (keys, values) = self.head(parity, sequence, 0);
            let attention = Attention {
                heads: shape.heads,
                head_size: shape.padded_head,
                queries: self.queries.at(
                    own.start * self.sizes.query_words,
                    own.len() * self.sizes.query_words,
                ),
                query_stride: self.sizes.query_words,
                rows: own.len(),
                length: end - start,
                keys,
                values,
                scores: scratch.scores.at(0, scratch::score_numbers(end - start)),
                weights: scratch.weights.at(0, scratch::score_numbers(end - start)),
                out: context.wrapping_add((own.start - chunk.start) * shape.section),
                out_stride: shape.section,
            };
            // SAFETY: keys and values are there, as the threads have met since; the rest is this thread's.
            unsafe { (self.kernels.attend)(&attention) };
        }
        let rows = self.encode(context, shape.section, &chunk, scratch);
        self.add_product(
            (&layer.attention_output, &layer.attention_norm),
            &rows,
            chunk,
            scratch,
        );
    }

    /// Both products of a chunk's feed-forward layer, and the norm after that.
    fn feed_forward(&self, layer: &Layer, chunk: Range<usize>, scratch: &MemberScratch<'_>) {
        let (up, count) = (&layer.up, chunk.len());
        let stride = up.columns();
        let inner = scratch.inner.at(0, count * stride);
        let rows = self.encoded_rows(&chunk);
        for panel in 0..up.panels() {
            let out = Out {
                first: inner.wrapping_add(panel * up.panel_columns()),
                stride,
            };
            self.product(up, panel, &rows, &out);
            let how = (self.activation, self.kernels.exactness);
            // SAFETY: the inner rows are this thread's.
            unsafe { (self.kernels.activate)(how, &out, (count, up.panel_columns())) };
        }
        let rows = self.encode(inner, stride, &chunk, scratch);
        self.add_product((&layer.down, &layer.output_norm), &rows, chunk, scratch);
    }

    /// Takes rows through a linear layer, adds them to the states, and normalises these.
    fn add_product(
        &self,
        (linear, norm): (&Linear, &Norm),
        rows: &Rows,
        chunk: Range<usize>,
        scratch: &MemberScratch<'_>,
    ) {
        let stride = linear.columns();
        let change = scratch.change.at(0, chunk.len() * stride);
        for panel in 0..linear.panels() {
            let out = Out {
                first: change.wrapping_add(panel * linear.panel_columns()),
                stride,
            };
            self.product(linear, panel, rows, &out);
        }
        for (row, token) in chunk.enumerate() {
            self.add_norm(norm, token, change.wrapping_add(row * stride));
        }
    }

    /// The logits of a share of the tokens.
    fn answer(&self, tokens: Range<usize>) {
        let hidden = self.model.shape.hidden;
        for token in tokens {
            // SAFETY: the row of a token of this thread's share.
            let state = unsafe { std::slice::from_raw_parts(self.state(token), hidden) };
            let weights = self.model.head.weights.chunks(hidden);
            for ((logits, weights), bias) in
                self.logits.iter().zip(weights).zip(self.model.head.bias)
            {
                // SAFETY: as above.
                unsafe { logits.at(token, 1).write(dot(state, weights) + bias) };
            }
        }
    }

    fn product(&self, linear: &Linear, panel: usize, rows: &Rows, out: &Out) {
        // SAFETY: rows are as many words long as the panel is deep, and there is room for the panel's columns of each.
        unsafe { (self.kernels.product)(rows, &linear.panel(panel), out) };
    }

    /// Adds `change` to a token's state, normalises it, and encodes it for the next product.
    fn add_norm(&self, norm: &Norm, token: usize, change: *const f32) {
        let (state, hidden) = (self.state(token), self.model.shape.hidden);
        let words = self
            .encoded
            .at(token * self.sizes.hidden_words, self.sizes.hidden_words);
        // SAFETY: the rows of a token of this thread's share.
        unsafe {
            (self.kernels.add_norm)(norm, state, change);
            let scale = (self.kernels.encode)(state, hidden, words);
            self.scales.at(token, 1).write(scale);
        }
    }

    /// Encodes a chunk's rows of `columns` numbers in the thread's scratch.
    fn encode(
        &self,
        from: *const f32,
        columns: usize,
        chunk: &Range<usize>,
        scratch: &MemberScratch<'_>,
    ) -> Rows {
        let stride = columns / self.kernels.numbers;
        let words = scratch.words.at(0, chunk.len() * stride);
        let scales = scratch.scales.at(0, chunk.len());
        for row in 0..chunk.len() {
            // SAFETY: the scratch is this thread's, and has room for a chunk.
            unsafe {
                let from = from.add(row * columns);
                let scale = (self.kernels.encode)(from, columns, words.add(row * stride));
                scales.add(row).write(scale);
            }
        }
        Rows {
            words,
            stride,
            count: chunk.len(),
            scales,
        }
    }

    /// A chunk's states as words.
    fn encoded_rows(&self, chunk: &Range<usize>) -> Rows {
        let stride = self.sizes.hidden_words;
        Rows {
            words: self.encoded.at(chunk.start * stride, chunk.len() * stride),
            stride,
            count: chunk.len(),
            scales: self.scales.at(chunk.start, chunk.len()),
        }
    }

    fn state(&self, token: usize) -> *mut f32 {
        let columns = self.sizes.hidden_columns;
        self.states.at(token * columns, columns)
    }

    /// The keys and the values of one head of a sequence; those of the next heads follow.
    fn head(&self, parity: usize, sequence: usize, head: usize) -> (*mut u32, *mut u32) {
        let keys = self.key_starts[sequence + 1] - self.key_starts[sequence];
        let words = keys * self.sizes.head_words;
        let first = self.key_starts[sequence] * self.sizes.head_words * self.model.shape.heads;
        let at = first + head * words;
        (
            self.keys[parity].at(at, words),
            self.values[parity].at(at, words),
        )
    }

    fn bounds(&self, sequence: usize) -> [usize; 2] {
        [self.group.starts[sequence], self.group.starts[sequence + 1]]
    }

    /// Sequences with tokens in a chunk, each with the range of those tokens.
    fn sequences_in<'a>(
        &'a self,
        chunk: &'a Range<usize>,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
        let starts = self.group.starts;
        let first = starts
            .partition_point(|start| *start <= chunk.start)
            .saturating_sub(1);
        (first..starts.len() - 1)
            .take_while(|sequence| starts[*sequence] < chunk.end)
            .map(|sequence| {
                let own = starts[sequence].max(chunk.start)..starts[sequence + 1].min(chunk.end);
                (sequence, own)
            })
    }
}

/// Parts of about the same size, none larger than a chunk.
fn chunks(tokens: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let parts = tokens.len().div_ceil(CHUNK_TOKENS).max(1);
    // A multiple of a tile's rows, so that only the last one is left with some.
    let size = tokens.len().div_ceil(parts).next_multiple_of(6).max(1);
    tokens
        .clone()
        .step_by(size)
        .map(move |start| start..(start + size).min(tokens.end))
}

/// The sum of products, in as many sums as let the compiler use vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const SUMS: usize = 16;
    let mut sums = [0.0; SUMS];
    let (a_chunks, a_rest) = a.as_chunks::<SUMS>();
    let (b_chunks, b_rest) = b.as_chunks::<SUMS>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
