//! Turns rows of f32 into the words that products are made of.

use crate::gemm::{Dot, Pairs, Quads, RowScale, Single};
use crate::simd::Simd;

/// Encoding of rows of numbers as words.
///
/// # Safety
/// As for [`Simd`].
pub(crate) trait Encode: Dot {
    /// Numbers in a word.
    const NUMBERS: usize;

    /// Writes the words of `count` numbers, and zeros up to the end of the last word.
    ///
    /// # Safety
    /// Both are as long as that, rounded up to a cache line, and no other thread accesses the words.
    unsafe fn encode(row: *const f32, count: usize, words: *mut u32) -> RowScale;
}

/// Encoding of single vectors as words, for words that need no scale of the whole row.
///
/// # Safety
/// As for [`Simd`].
pub(crate) trait Store: Encode {
    /// Writes a vector of numbers, the number `index` of the words first.
    ///
    /// # Safety
    /// There is room for them, and no other thread accesses it.
    unsafe fn store(words: *mut u32, index: usize, values: <Self::Simd as Simd>::Floats);

    /// Writes the words of two rows that are each other's neighbours in them: a vector of words, or two of them where a word
    /// holds one number, the second `apart` words after the first.
    ///
    /// # Safety
    /// As of [`Store::store`].
    unsafe fn store_two(words: *mut u32, apart: usize, values: [<Self::Simd as Simd>::Floats; 2]);
}

impl<S: Simd> Store for Single<S> {
    #[inline(always)]
    unsafe fn store(words: *mut u32, index: usize, values: S::Floats) {
        // SAFETY: guaranteed by the caller.
        unsafe { S::store(words.cast::<f32>().add(index), values) }
    }

    #[inline(always)]
    unsafe fn store_two(words: *mut u32, apart: usize, values: [S::Floats; 2]) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            S::store(words.cast(), values[0]);
            S::store(words.add(apart).cast(), values[1]);
        }
    }
}

impl<S: Simd> Store for Pairs<S> {
    #[inline(always)]
    unsafe fn store(words: *mut u32, index: usize, values: S::Floats) {
        // SAFETY: guaranteed by the caller.
        unsafe { S::store_bf16(words.cast::<u16>().add(index), values) }
    }

    #[inline(always)]
    unsafe fn store_two(words: *mut u32, _: usize, values: [S::Floats; 2]) {
        // SAFETY: guaranteed by the caller.
        unsafe { S::store_bf16_pairs(words, values[0], values[1]) }
    }
}

const EXACT: RowScale = RowScale {
    scale: 1.0,
    zero: 0,
};

impl<S: Simd> Encode for Single<S> {
    const NUMBERS: usize = 1;

    #[inline(always)]
    unsafe fn encode(row: *const f32, count: usize, words: *mut u32) -> RowScale {
        // SAFETY: guaranteed by the caller.
        unsafe { words.cast::<f32>().copy_from_nonoverlapping(row, count) };
        EXACT
    }
}

impl<S: Simd> Encode for Pairs<S> {
    const NUMBERS: usize = 2;

    #[inline(always)]
    unsafe fn encode(row: *const f32, count: usize, words: *mut u32) -> RowScale {
        for at in (0..count).step_by(S::LANES) {
            // SAFETY: rows are as long as their numbers, rounded up to a cache line, and so to a vector.
            unsafe {
                let values = S::load_first(row.add(at), count - at, 0.0);
                S::store_bf16(words.cast::<u16>().add(at), values);
            }
        }
        EXACT
    }
}

impl<S: Simd> Encode for Quads<S> {
    const NUMBERS: usize = 4;

    /// By the lowest and the highest number of the row, zero included, so that zero is exact.
    #[inline(always)]
    unsafe fn encode(row: *const f32, count: usize, words: *mut u32) -> RowScale {
        // SAFETY: rows are as long as their numbers, rounded up to a cache line, and so to a vector.
        unsafe {
            let (mut lows, mut highs) = ([S::splat(0.0); 2], [S::splat(0.0); 2]);
            for block in (0..count).step_by(2 * S::LANES) {
                for (index, (low, high)) in lows.iter_mut().zip(&mut highs).enumerate() {
                    let at = block + index * S::LANES;
                    if at < count {
                        let values = S::load_first(row.add(at), count - at, 0.0);
                        *low = S::min(values, *low);
                        *high = S::max(values, *high);
                    }
                }
            }
            let low = S::lowest(S::min(lows[0], lows[1]));
            let high = S::highest(S::max(highs[0], highs[1]));
            let range = high - low;
            let (scale, steps) = if range > 0.0 {
                (range / S::HIGHEST_BYTE, S::HIGHEST_BYTE / range)
            } else {
                (1.0, 1.0)
            };
            let zero = (-low * steps).round_ties_even().clamp(0.0, S::HIGHEST_BYTE);
            let (factor, shift) = (S::splat(steps), S::splat(zero));
            let (least, most) = (S::splat(0.0), S::splat(S::HIGHEST_BYTE));
            for at in (0..count).step_by(S::LANES) {
                let values = S::load_first(row.add(at), count - at, 0.0);
                let byte = S::min(S::max(S::mul_add(values, factor, shift), least), most);
                S::store_bytes(words.cast::<u8>().add(at), byte);
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number from 0 to 255"
            )]
            let zero = zero as i32;
            RowScale { scale, zero }
        }
    }
}
