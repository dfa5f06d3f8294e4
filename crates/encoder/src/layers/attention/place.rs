//! Writes queries, keys and values in the layout that attention reads.

use super::{HEAD_ALIGNMENT, KEY_PANEL};
use crate::layers::encode::Store;
use crate::simd::Simd;

/// Role of some columns of the projections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Queries,
    Keys,
    Values,
}

/// Some columns of some rows of one head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) role: Role,
    /// First of the rows of f32.
    pub(crate) rows: *const f32,
    /// Numbers from one row to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
    /// Numbers of a row that are placed: at most [`KEY_PANEL`], a multiple of [`HEAD_ALIGNMENT`].
    pub(crate) columns: usize,
    /// Destination: for queries the words of the first row, otherwise the keys or values of the head.
    pub(crate) to: *mut u32,
    /// Queries: words from one row to the next. Keys and values: index of the first row's token in the sequence.
    pub(crate) stride_or_token: usize,
    /// Dimension of the head that the first column holds; 0 for queries.
    pub(crate) dimension: usize,
    /// Dimensions of a head, padded.
    pub(crate) head_size: usize,
    /// Factor of the queries.
    pub(crate) scale: f32,
}

/// Writes rows in the layout that attention reads.
///
/// # Safety
/// As for [`Simd`]; everything is as long as [`Placement`] says, and no other thread accesses the places that are written.
#[inline(always)]
pub(crate) unsafe fn place<D: Store>(placement: &Placement) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match placement.role {
            Role::Queries => place_queries::<D>(placement),
            Role::Keys => place_keys::<D>(placement),
            Role::Values => place_values::<D>(placement),
        }
    }
}

/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_queries<D: Store>(placement: &Placement) {
    for row in 0..placement.count {
        // SAFETY: inside of what the caller guarantees.
        unsafe {
            let from = placement.rows.add(row * placement.stride);
            let to = placement.to.add(row * placement.stride_or_token);
            let scale = D::Simd::splat(placement.scale);
            for at in (0..placement.columns).step_by(D::Simd::LANES) {
                D::store(to, at, D::Simd::mul(D::Simd::load(from.add(at)), scale));
            }
        }
    }
}

/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_keys<D: Store>(placement: &Placement) {
    let head_words = placement.head_size / D::NUMBERS;
    let step = placement.dimension / D::NUMBERS;
    let mut words = [0; KEY_PANEL];
    for row in 0..placement.count {
        let token = placement.stride_or_token + row;
        // SAFETY: the token's panel and the head's dimensions are inside of what the caller guarantees.
        unsafe {
            let from = placement.rows.add(row * placement.stride);
            for at in (0..placement.columns).step_by(D::Simd::LANES) {
                D::store(words.as_mut_ptr(), at, D::Simd::load(from.add(at)));
            }
            let panel = token / KEY_PANEL * KEY_PANEL * head_words;
            let to = placement
                .to
                .add(panel + step * KEY_PANEL + token % KEY_PANEL);
            let mut index = 0;
            while index < placement.columns / D::NUMBERS {
                // As many stores one after another as every head has.
                for _ in 0..HEAD_ALIGNMENT / D::NUMBERS {
                    to.add(index * KEY_PANEL).write(words[index]);
                    index += 1;
                }
            }
        }
    }
}

/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_values<D: Store>(placement: &Placement) {
    let mut row = 0;
    while row < placement.count {
        let token = placement.stride_or_token + row;
        // SAFETY: the token's word and the head's dimensions are inside of what the caller guarantees.
        unsafe {
            let from = placement.rows.add(row * placement.stride);
            let to = token / D::NUMBERS * placement.head_size + placement.dimension;
            let to = placement.to.add(to);
            // Two tokens may share a word: together if both are here, otherwise a half each.
            if token.is_multiple_of(2) && row + 1 < placement.count {
                for at in (0..placement.columns).step_by(D::Simd::LANES) {
                    let next = from.add(placement.stride);
                    let values = [D::Simd::load(from.add(at)), D::Simd::load(next.add(at))];
                    D::store_two(to.add(at), placement.head_size, values);
                }
                row += 2;
            } else {
                place_value::<D>(placement, from, to, token);
                row += 1;
            }
        }
    }
}

/// One row, in the half of the words that is its token's where two share them.
///
/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_value<D: Store>(
    placement: &Placement,
    from: *const f32,
    to: *mut u32,
    token: usize,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        if D::NUMBERS == 1 {
            for at in (0..placement.columns).step_by(D::Simd::LANES) {
                D::store(to, at, D::Simd::load(from.add(at)));
            }
            return;
        }
        let mut halves = [0_u32; KEY_PANEL];
        for at in (0..placement.columns).step_by(D::Simd::LANES) {
            D::store(halves.as_mut_ptr(), at, D::Simd::load(from.add(at)));
        }
        let halves = halves.as_ptr().cast::<u16>();
        let to = to.cast::<u16>().add(token % 2);
        for index in 0..placement.columns {
            to.add(2 * index).write(halves.add(index).read());
        }
    }
}

/// Makes the value after the last one of a sequence zero, where it shares words with it.
///
/// # Safety
/// As for [`place`], of the head at `to`.
#[inline(always)]
pub(crate) unsafe fn end_values<D: Store>(to: *mut u32, length: usize, head_size: usize) {
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
