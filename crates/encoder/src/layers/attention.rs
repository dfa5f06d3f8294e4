//! Attention of some rows of a sequence to all of it, head by head.
//!
//! Keys lie in panels of [`KEY_PANEL`] of them, values one after another, both so that products read them straight through.
//! The scores of a few rows with all keys stay in the nearest cache until they have become weights and met the values.

mod place;

use crate::gemm::{self, Dot};
use crate::layers::activation::{exp2, rounded_exp2};
use crate::layers::encode::Store;
use crate::simd::Simd;

pub(crate) use self::place::{Placement, Role, end_values, place};

/// Keys side by side in a panel.
pub(crate) const KEY_PANEL: usize = 64;

/// Rows whose scores are worked on at once.
pub(crate) const SCORE_ROWS: usize = 12;

/// Rows of a tile that is as wide as a kernel's tiles are.
const TILE_ROWS: usize = 6;

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

/// Some rows of one head, at most [`SCORE_ROWS`].
#[derive(Debug, Clone, Copy)]
struct Head {
    queries: *const u32,
    keys: *const u32,
    values: *const u32,
    out: *mut f32,
}

/// Calls a function with a number of rows, from 1 to 6, as a constant.
macro_rules! with_rows {
    ($rows:expr, $function:ident::<$d:ty, $s:ty, _, $c:tt>($($argument:expr),*)) => {
        match $rows {
            1 => $function::<$d, $s, 1, $c>($($argument),*),
            2 => $function::<$d, $s, 2, $c>($($argument),*),
            3 => $function::<$d, $s, 3, $c>($($argument),*),
            4 => $function::<$d, $s, 4, $c>($($argument),*),
            5 => $function::<$d, $s, 5, $c>($($argument),*),
            _ => $function::<$d, $s, 6, $c>($($argument),*),
        }
    };
}

/// Attends with tiles of up to `C` vectors.
///
/// # Safety
/// As for [`Simd`]; everything is as long as [`Attention`] says, and no other thread accesses the places that are written.
#[inline(always)]
pub(crate) unsafe fn attend<D, S, const C: usize>(attention: &Attention)
where
    S: Simd,
    D: Store + Dot<Simd = S, Sum = S::Floats>,
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
                attend_rows::<D, S, C>(attention, &head, rows);
            }
        }
    }
}

/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn attend_rows<D, S, const C: usize>(attention: &Attention, head: &Head, rows: usize)
where
    S: Simd,
    D: Store + Dot<Simd = S, Sum = S::Floats>,
{
    let padded = padded(attention.length);
    // SAFETY: guaranteed by the caller.
    unsafe {
        for first in (0..rows).step_by(TILE_ROWS) {
            let left = head.queries.add(first * attention.query_stride);
            let scores = attention.scores.add(first * padded);
            with_rows!(
                rows - first,
                score::<D, S, _, C>(attention, left, head.keys, scores)
            );
        }
        let mut factors = [0.0; SCORE_ROWS];
        for (row, factor) in factors.iter_mut().enumerate().take(rows) {
            let scores = attention.scores.add(row * padded);
            let weights = attention.weights.add(row * padded);
            *factor = 1.0 / weigh::<D, S>(scores, weights, attention.length);
        }
        // Heads are narrow: with fewer vectors side by side, registers have room for more rows.
        let narrow = C == 4 && attention.head_size <= 2 * S::LANES;
        if narrow && rows == SCORE_ROWS {
            mean::<D, S, SCORE_ROWS, 2>(attention, head, 0, &factors);
        } else {
            for first in (0..rows).step_by(TILE_ROWS) {
                with_rows!(
                    rows - first,
                    mean::<D, S, _, C>(attention, head, first, &factors)
                );
            }
        }
    }
}

/// The products of `R` queries with all keys.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn score<D, S, const R: usize, const C: usize>(
    attention: &Attention,
    queries: *const u32,
    keys: *const u32,
    scores: *mut f32,
) where
    S: Simd,
    D: Store + Dot<Simd = S, Sum = S::Floats>,
{
    let (steps, stride) = (attention.head_size / D::NUMBERS, padded(attention.length));
    let left = (queries, attention.query_stride);
    let mut key = 0;
    while key < attention.length {
        let vectors = (attention.length - key).div_ceil(S::LANES);
        let in_panel = (KEY_PANEL - key % KEY_PANEL) / S::LANES;
        // SAFETY: inside of a panel, which is as long as that.
        unsafe {
            let panel = keys.add(key / KEY_PANEL * KEY_PANEL * steps);
            let right = (panel.add(key % KEY_PANEL), KEY_PANEL);
            let to = scores.add(key);
            let vectors = vectors.min(in_panel);
            key += S::LANES
                * if vectors >= C {
                    put::<S, R, C>(gemm::tile::<D, R, C>(steps, left, right), to, stride)
                } else if vectors >= 2 {
                    put::<S, R, 2>(gemm::tile::<D, R, 2>(steps, left, right), to, stride)
                } else {
                    put::<S, R, 1>(gemm::tile::<D, R, 1>(steps, left, right), to, stride)
                };
        }
    }
}

/// Writes a tile and returns its width in vectors.
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

/// Two to the power of each score, less the highest, as words; their sum.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn weigh<D, S>(scores: *const f32, weights: *mut u32, length: usize) -> f32
where
    S: Simd,
    D: Store + Dot<Simd = S>,
{
    let whole = length / S::LANES * S::LANES;
    let rest = length - whole;
    // SAFETY: rows are as long as that, rounded up to a panel.
    unsafe {
        let mut highest = S::load_first(scores.add(whole), rest, f32::NEG_INFINITY);
        for at in (0..whole).step_by(S::LANES) {
            highest = S::max(S::load(scores.add(at)), highest);
        }
        let highest = S::splat(S::highest(highest));
        let mut sum = S::splat(0.0);
        for at in (0..whole).step_by(S::LANES) {
            let power = power::<D, S>(S::sub(S::load(scores.add(at)), highest));
            D::store(weights, at, power);
            sum = S::add(sum, power);
        }
        if rest > 0 {
            let score = S::load_first(scores.add(whole), rest, f32::NEG_INFINITY);
            let power = power::<D, S>(S::sub(score, highest));
            D::store(weights, whole, power);
            sum = S::add(sum, power);
        }
        S::sum(sum)
    }
}

/// Two to the power of `score`, as exactly as words of `D` need it.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn power<D: Store, S: Simd>(score: S::Floats) -> S::Floats {
    // SAFETY: guaranteed by the caller.
    unsafe {
        if D::NUMBERS == 1 {
            exp2::<S>(score)
        } else {
            rounded_exp2::<S>(score)
        }
    }
}

/// The mean of all values by the weights of `R` rows from `first` on.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn mean<D, S, const R: usize, const C: usize>(
    attention: &Attention,
    head: &Head,
    first: usize,
    factors: &[f32; SCORE_ROWS],
) where
    S: Simd,
    D: Store + Dot<Simd = S, Sum = S::Floats>,
{
    let steps = attention.length.div_ceil(D::NUMBERS);
    let (padded, stride) = (padded(attention.length), attention.out_stride);
    let mut column = 0;
    while column < attention.head_size {
        // SAFETY: the columns are those of a head, the rows those that have scores.
        unsafe {
            let left = (attention.weights.add(first * padded).cast_const(), padded);
            let right = (head.values.add(column), attention.head_size);
            let out = head.out.add(first * stride + column);
            let factors = &factors[first..];
            let vectors = (attention.head_size - column) / S::LANES;
            column += S::LANES
                * if vectors >= C {
                    let tile = gemm::tile::<D, R, C>(steps, left, right);
                    put::<S, R, C>(scaled::<S, R, C>(tile, factors), out, stride)
                } else if vectors >= 2 {
                    let tile = gemm::tile::<D, R, 2>(steps, left, right);
                    put::<S, R, 2>(scaled::<S, R, 2>(tile, factors), out, stride)
                } else {
                    let tile = gemm::tile::<D, R, 1>(steps, left, right);
                    put::<S, R, 1>(scaled::<S, R, 1>(tile, factors), out, stride)
                };
        }
    }
}

/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn scaled<S: Simd, const R: usize, const C: usize>(
    mut tile: [[S::Floats; C]; R],
    factors: &[f32],
) -> [[S::Floats; C]; R] {
    for (vectors, factor) in tile.iter_mut().zip(factors) {
        for vector in vectors {
            // SAFETY: guaranteed by the caller.
            *vector = unsafe { S::mul(*vector, S::splat(*factor)) };
        }
    }
    tile
}
