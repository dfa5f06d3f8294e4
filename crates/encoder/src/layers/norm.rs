//! Layer normalisation.

use crate::simd::Simd;

/// Weights of a layer normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

/// Sums side by side: one alone would wait for itself at each addition.
const SUMS: usize = 4;

/// Adds `change` to `row`, and normalises it.
///
/// # Safety
/// As for [`Simd`]; both have as many numbers as `norm`, and no other thread accesses `row`.
#[inline(always)]
pub(crate) unsafe fn add_norm<S: Simd>(norm: &Norm, row: *mut f32, change: *const f32) {
    let width = norm.weight.len();
    // SAFETY: every access is to the first `width` numbers, which the caller guarantees, as `norm` has them.
    unsafe {
        let mut sums = [S::splat(0.0); SUMS];
        for block in (0..width).step_by(SUMS * S::LANES) {
            for (index, sum) in sums.iter_mut().enumerate() {
                let at = block + index * S::LANES;
                if at < width {
                    let count = width - at;
                    let value = S::add(
                        S::load_first(row.add(at), count, 0.0),
                        S::load_first(change.add(at), count, 0.0),
                    );
                    S::store_first(row.add(at), count, value);
                    *sum = S::add(*sum, value);
                }
            }
        }
        let mean = total::<S>(sums) / width as f32;
        let mut squares = [S::splat(0.0); SUMS];
        for block in (0..width).step_by(SUMS * S::LANES) {
            for (index, squares) in squares.iter_mut().enumerate() {
                let at = block + index * S::LANES;
                if at < width {
                    let value = S::load_first(row.add(at), width - at, mean);
                    let apart = S::sub(value, S::splat(mean));
                    *squares = S::mul_add(apart, apart, *squares);
                }
            }
        }
        let variance = total::<S>(squares) / width as f32;
        let factor = S::splat(1.0 / (variance + norm.epsilon).sqrt());
        for at in (0..width).step_by(S::LANES) {
            let count = width - at;
            let apart = S::sub(S::load_first(row.add(at), count, 0.0), S::splat(mean));
            let weight = S::load_first(norm.weight.as_ptr().add(at), count, 0.0);
            let bias = S::load_first(norm.bias.as_ptr().add(at), count, 0.0);
            let value = S::mul_add(S::mul(apart, factor), weight, bias);
            S::store_first(row.add(at), count, value);
        }
    }
}

/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn total<S: Simd>([a, b, c, d]: [S::Floats; SUMS]) -> f32 {
    // SAFETY: guaranteed by the caller.
    unsafe { S::sum(S::add(S::add(a, b), S::add(c, d))) }
}
