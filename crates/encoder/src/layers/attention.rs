//! Attention of some rows of a sequence to all of it, head by head.
//!
//! Keys lie in panels of [`KEY_PANEL`] of them, values one after another, both so that products read them straight through.
//! The scores of a few rows with all keys stay in the nearest cache until they have become weights and met the values.

use crate::gemm::{self, Dot};
use crate::layers::activation::exp2;
use crate::layers::encode::Encode;
use crate::simd::Simd;

/// Keys side by side in a panel.
pub(crate) const KEY_PANEL: usize = 64;

/// Rows whose scores are worked on at once.
pub(crate) const SCORE_ROWS: usize = 6;

/// Dimensions of a head are padded to a multiple of this, the widest vector.
pub(crate) const HEAD_ALIGNMENT: usize = 16;

/// Some rows of one sequence, and all of its keys and values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    pub(crate) heads: usize,
    /// Dimensions of a head, padded.
    pub(crate) head_size: usize,
    /// The queries, already multiplied by `log2(e) / sqrt(dimensions)`.
    pub(crate) queries: *const u32,
    /// Words from one row of queries to the next.
    pub(crate) query_stride: usize,
    pub(crate) rows: usize,
    /// Tokens of the sequence.
    pub(crate) length: usize,
    /// By head: panels of keys; in each, by word of the dimensions, one word a key.
    pub(crate) keys: *const u32,
    /// By head: by word of keys, one word a dimension.
    pub(crate) values: *const u32,
    /// Room for [`SCORE_ROWS`] rows of the padded length.
    pub(crate) scores: *mut f32,
    /// Room for [`SCORE_ROWS`] rows of the padded length.
    pub(crate) weights: *mut u32,
    pub(crate) out: *mut f32,
    /// Numbers from one row of `out` to the next.
    pub(crate) out_stride: usize,
}

/// The length of a sequence, padded to whole panels of keys.
pub(crate) fn padded(length: usize) -> usize {
    length.next_multiple_of(KEY_PANEL)
}

/// # Safety
/// As for [`Simd`]; everything is as long as [`Attention`] says, and the places that are written to are nobody else's.
#[inline(always)]
pub(crate) unsafe fn attend<D, S, const C: usize>(attention: &Attention)
where
    S: Simd,
    D: Encode + Dot<Simd = S, Sum = S::Floats>,
{
    let head_words = attention.head_size / D::NUMBERS;
    let padded = padded(attention.length);
    for head in 0..attention.heads {
        for first in (0..attention.rows).step_by(SCORE_ROWS) {
            let rows = (attention.rows - first).min(SCORE_ROWS);
            // SAFETY: inside of what the caller guarantees.
            unsafe {
                let head = Head {
                    queries: attention
                        .queries
                        .add(first * attention.query_stride + head * head_words),
                    keys: attention.keys.add(head * padded * head_words),
                    values: attention
                        .values
                        .add(head * padded / D::NUMBERS * attention.head_size),
                    out: attention
                        .out
                        .add(first * attention.out_stride + head * attention.head_size),
                };
                match rows {
                    1 => attend_rows::<D, S, 1, C>(attention, &head),
                    2 => attend_rows::<D, S, 2, C>(attention, &head),
                    3 => attend_rows::<D, S, 3, C>(attention, &head),
                    4 => attend_rows::<D, S, 4, C>(attention, &head),
                    5 => attend_rows::<D, S, 5, C>(attention, &head),
                    _ => attend_rows::<D, S, SCORE_ROWS, C>(attention, &head),
                }
            }
        }
    }
}

/// Some rows of one head.
#[derive(Debug, Clone, Copy)]
struct Head {
    queries: *const u32,
    keys: *const u32,
    values: *const u32,
    out: *mut f32,
}

/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn attend_rows<D, S, const R: usize, const C: usize>(attention: &Attention, head: &Head)
where
    S: Simd,
    D: Encode + Dot<Simd = S, Sum = S::Floats>,
{
    let padded = padded(attention.length);
    // SAFETY: guaranteed by the caller.
    unsafe {
        score_rows::<D, S, R, C>(attention, head, padded);
        let mut sums = [0.0; R];
        for (row, sum) in sums.iter_mut().enumerate() {
            let scores = attention.scores.add(row * padded);
            *sum = exponentials::<S>(scores, attention.length);
            let weights = attention.weights.add(row * padded);
            D::encode(scores, attention.length, weights);
        }
        weigh_rows::<D, S, R, C>(attention, head, padded, &sums);
    }
}

/// The products of `R` queries with all keys.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn score_rows<D, S, const R: usize, const C: usize>(
    attention: &Attention,
    head: &Head,
    padded: usize,
) where
    S: Simd,
    D: Encode + Dot<Simd = S, Sum = S::Floats>,
{
    let head_words = attention.head_size / D::NUMBERS;
    let mut key = 0;
    while key < attention.length {
        let vectors_left = (attention.length - key).div_ceil(S::LANES);
        let in_panel = (KEY_PANEL - key % KEY_PANEL) / S::LANES;
        // SAFETY: inside of a panel, which is as long as that.
        unsafe {
            let panel = head.keys.add(key / KEY_PANEL * KEY_PANEL * head_words);
            let right = (panel.add(key % KEY_PANEL), KEY_PANEL);
            let left = (head.queries, attention.query_stride);
            let scores = attention.scores.add(key);
            key += S::LANES
                * match vectors_left.min(in_panel) {
                    vectors if vectors >= C => put::<S, R, C>(
                        gemm::tile::<D, R, C>(head_words, left, right),
                        scores,
                        padded,
                    ),
                    2 | 3 => put::<S, R, 2>(
                        gemm::tile::<D, R, 2>(head_words, left, right),
                        scores,
                        padded,
                    ),
                    _ => put::<S, R, 1>(
                        gemm::tile::<D, R, 1>(head_words, left, right),
                        scores,
                        padded,
                    ),
                };
        }
    }
}

/// Writes a tile; how many vectors wide it is.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn put<S: Simd, const R: usize, const C: usize>(
    tile: [[S::Floats; C]; R],
    to: *mut f32,
    stride: usize,
) -> usize {
    for (r, vectors) in tile.into_iter().enumerate() {
        for (c, vector) in vectors.into_iter().enumerate() {
            // SAFETY: guaranteed by the caller.
            unsafe { S::store(to.add(r * stride + c * S::LANES), vector) };
        }
    }
    C
}

/// Two to the power of each score, less the highest; their sum.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn exponentials<S: Simd>(scores: *mut f32, length: usize) -> f32 {
    // SAFETY: rows are as long as that, rounded up to a panel.
    unsafe {
        let mut highest = S::splat(f32::NEG_INFINITY);
        for at in (0..length).step_by(S::LANES) {
            let values = S::load_first(scores.add(at), length - at, f32::NEG_INFINITY);
            highest = S::max(values, highest);
        }
        let highest = S::splat(S::highest(highest));
        let mut sum = S::splat(0.0);
        for at in (0..length).step_by(S::LANES) {
            let values = S::load_first(scores.add(at), length - at, f32::NEG_INFINITY);
            let values = exp2::<S>(S::sub(values, highest));
            S::store(scores.add(at), values);
            sum = S::add(sum, values);
        }
        S::sum(sum)
    }
}

/// The mean of all values by the weights of `R` rows.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn weigh_rows<D, S, const R: usize, const C: usize>(
    attention: &Attention,
    head: &Head,
    padded: usize,
    sums: &[f32; R],
) where
    S: Simd,
    D: Encode + Dot<Simd = S, Sum = S::Floats>,
{
    let steps = attention.length.div_ceil(D::NUMBERS);
    let left = (attention.weights.cast_const(), padded);
    let mut column = 0;
    while column < attention.head_size {
        // SAFETY: the columns are those of a head.
        unsafe {
            let right = (head.values.add(column), attention.head_size);
            let out = head.out.add(column);
            let stride = attention.out_stride;
            let vectors = (attention.head_size - column) / S::LANES;
            column += S::LANES
                * match vectors {
                    vectors if vectors >= C => put::<S, R, C>(
                        mean::<S, R, C>(gemm::tile::<D, R, C>(steps, left, right), sums),
                        out,
                        stride,
                    ),
                    2 | 3 => put::<S, R, 2>(
                        mean::<S, R, 2>(gemm::tile::<D, R, 2>(steps, left, right), sums),
                        out,
                        stride,
                    ),
                    _ => put::<S, R, 1>(
                        mean::<S, R, 1>(gemm::tile::<D, R, 1>(steps, left, right), sums),
                        out,
                        stride,
                    ),
                };
        }
    }
}

/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn mean<S: Simd, const R: usize, const C: usize>(
    mut tile: [[S::Floats; C]; R],
    sums: &[f32; R],
) -> [[S::Floats; C]; R] {
    for (vectors, sum) in tile.iter_mut().zip(sums) {
        for vector in vectors {
            // SAFETY: guaranteed by the caller.
            *vector = unsafe { S::mul(*vector, S::splat(1.0 / sum)) };
        }
    }
    tile
}

/// What the columns of a row of the first product of attention are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Queries,
    Keys,
    Values,
}

/// Where some columns of one head's rows go: queries, keys or values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) role: Role,
    /// One row of f32 after another.
    pub(crate) rows: *const f32,
    /// Numbers from one row to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
    /// How many of the numbers of a row, at most [`KEY_PANEL`] and a multiple of [`HEAD_ALIGNMENT`].
    pub(crate) columns: usize,
    /// Queries: where the first row's words go. Otherwise: the head's keys or values.
    pub(crate) to: *mut u32,
    /// Queries: words from one row to the next. Keys and values: which token of the sequence the first row is.
    pub(crate) stride_or_token: usize,
    /// Which dimension of the head the first column is; 0 for queries.
    pub(crate) dimension: usize,
    /// Dimensions of a head, padded.
    pub(crate) head_size: usize,
    /// What queries are multiplied with.
    pub(crate) scale: f32,
}

/// Puts rows where [`attend`] wants them.
///
/// # Safety
/// As for [`Simd`]; everything is as long as [`Placement`] says, and the places that are written to are nobody else's.
#[inline(always)]
pub(crate) unsafe fn place<D: Encode>(placement: &Placement) {
    let mut words = [0; KEY_PANEL];
    let scale = if placement.role == Role::Queries {
        placement.scale
    } else {
        1.0
    };
    for row in 0..placement.count {
        // SAFETY: inside of what the caller guarantees.
        unsafe {
            let mut numbers = [0.0; KEY_PANEL];
            let from = placement.rows.add(row * placement.stride);
            for at in (0..placement.columns).step_by(D::Simd::LANES) {
                let values = D::Simd::mul(D::Simd::load(from.add(at)), D::Simd::splat(scale));
                D::Simd::store(numbers.as_mut_ptr().add(at), values);
            }
            D::encode(numbers.as_ptr(), placement.columns, words.as_mut_ptr());
            let count = placement.columns / D::NUMBERS;
            match placement.role {
                Role::Queries => {
                    let to = placement.to.add(row * placement.stride_or_token);
                    to.copy_from_nonoverlapping(words.as_ptr(), count);
                }
                Role::Keys => {
                    let token = placement.stride_or_token + row;
                    place_key::<D>(placement, token, &words[..count]);
                }
                Role::Values => {
                    let token = placement.stride_or_token + row;
                    place_value::<D>(placement, token, &words[..count]);
                }
            }
        }
    }
}

/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_key<D: Encode>(placement: &Placement, token: usize, words: &[u32]) {
    let panel = token / KEY_PANEL * KEY_PANEL * (placement.head_size / D::NUMBERS);
    let step = placement.dimension / D::NUMBERS;
    // SAFETY: the token's panel and the head's dimensions are inside of what the caller guarantees.
    unsafe {
        let to = placement
            .to
            .add(panel + step * KEY_PANEL + token % KEY_PANEL);
        for (index, word) in words.iter().enumerate() {
            to.add(index * KEY_PANEL).write(*word);
        }
    }
}

/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_value<D: Encode>(placement: &Placement, token: usize, words: &[u32]) {
    // SAFETY: the token's word and the head's dimensions are inside of what the caller guarantees.
    unsafe {
        let to = placement
            .to
            .add(token / D::NUMBERS * placement.head_size + placement.dimension);
        if D::NUMBERS == 1 {
            to.copy_from_nonoverlapping(words.as_ptr(), words.len());
        } else {
            // Two keys share a word, and may be two threads'.
            let to = to.cast::<u16>().add(token % 2);
            let halves = words.as_ptr().cast::<u16>();
            for index in 0..placement.columns {
                to.add(2 * index).write(halves.add(index).read());
            }
        }
    }
}

/// Makes the value after the last one of a sequence zero, where it shares a word with it.
///
/// # Safety
/// As for [`place`], of the head at `to`.
#[inline(always)]
pub(crate) unsafe fn end_values<D: Encode>(to: *mut u32, length: usize, head_size: usize) {
    if D::NUMBERS == 2 && !length.is_multiple_of(2) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let to = to.add(length / 2 * head_size).cast::<u16>();
            for index in 0..head_size {
                to.add(2 * index + 1).write(0);
            }
        }
    }
}
