//! AVX-512 without VNNI, with it, and with BF16 too.

#[allow(
    clippy::wildcard_imports,
    reason = "dozens of instructions are used; the lint is not for tests, where it would go unfulfilled"
)]
use std::arch::x86_64::*;
use std::mem;

use super::{Simd, UPPER_HALF, instructions};

/// AVX-512 F, BW, DQ and VL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512Bw;

/// AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512;

/// AVX-512 F, BW, DQ, VL, VNNI and BF16.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512Bf16;

/// Mask with the lowest `count` of sixteen bits set; `count` is below 16.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    (1 << count) - 1
}

/// Instructions that all have, and those named in addition.
macro_rules! avx512 {
    ($name:ident, [$($constants:tt)*] $($own:tt)*) => {
impl Simd for $name {
    const LANES: usize = 16;
    $($constants)*
    type Floats = __m512;
    type Ints = __m512i;
    type Quads = __m512i;

    instructions! {
        splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        load(from: *const f32) -> __m512 = _mm512_loadu_ps(from);
        // Most vectors are whole, and a branch that is always taken costs less than a mask.
        load_first(from: *const f32, count: usize, fill: f32) -> __m512 = if count >= Self::LANES {
            _mm512_loadu_ps(from)
        } else {
            _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first(count), from)
        };
        store(to: *mut f32, values: __m512) = _mm512_storeu_ps(to, values);
        store_first(to: *mut f32, count: usize, values: __m512) = if count >= Self::LANES {
            _mm512_storeu_ps(to, values);
        } else {
            _mm512_mask_storeu_ps(to, first(count), values);
        };
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        mul_add(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        round(a: __m512) -> __m512 = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT }>(a);
        scale_by_power(a: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(a, n);
        sum(a: __m512) -> f32 = _mm512_reduce_add_ps(a);
        highest(a: __m512) -> f32 = _mm512_reduce_max_ps(a);
        lowest(a: __m512) -> f32 = _mm512_reduce_min_ps(a);
        store_bytes(to: *mut u8, values: __m512) =
            _mm_storeu_si128(to.cast(), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(values)));
        int_zero() -> __m512i = _mm512_setzero_si512();
        int_splat(value: i32) -> __m512i = _mm512_set1_epi32(value);
        int_load(from: *const i32) -> __m512i = _mm512_loadu_si512(from.cast());
        int_sub(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi32(a, b);
        int_mul(a: __m512i, b: __m512i) -> __m512i = _mm512_mullo_epi32(a, b);
        to_floats(a: __m512i) -> __m512 = _mm512_cvtepi32_ps(a);
        as_floats(a: __m512i) -> __m512 = _mm512_castsi512_ps(a);
        quads(word: u32) -> __m512i = _mm512_set1_epi32(word.cast_signed());
        $($own)*
    }
}
    };
}

avx512! { Avx512Bf16, []
    dot_bytes(sum: __m512i, a: __m512i, b: __m512i) -> __m512i = _mm512_dpbusd_epi32(sum, a, b);
    store_bf16(to: *mut u16, values: __m512) =
        _mm256_storeu_si256(to.cast(), mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(values)));
    store_bf16_pairs(to: *mut u32, low: __m512, high: __m512) = {
        let low = mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(low));
        let high = mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(high));
        let high = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(high));
        _mm512_storeu_si512(to.cast(), _mm512_or_si512(_mm512_cvtepu16_epi32(low), high));
    };
    dot_bf16(sum: __m512, a: __m512i, b: __m512i) -> __m512 =
        _mm512_dpbf16_ps(sum, mem::transmute::<__m512i, __m512bh>(a), mem::transmute::<__m512i, __m512bh>(b));
}

/// Products of bf16 numbers and stores of them without the instructions of BF16.
macro_rules! without_bf16 {
    ($name:ident, [$($constants:tt)*] $($own:tt)*) => {
avx512! { $name, [$($constants)*]
        store_bf16(to: *mut u16, values: __m512) =
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded(values))));
        store_bf16_pairs(to: *mut u32, low: __m512, high: __m512) = {
            let upper = _mm512_set1_epi32(UPPER_HALF);
            let high = _mm512_and_si512(rounded(high), upper);
            _mm512_storeu_si512(to.cast(), _mm512_or_si512(_mm512_srli_epi32::<16>(rounded(low)), high));
        };
        dot_bf16(sum: __m512, a: __m512i, b: __m512i) -> __m512 = {
            // A bf16 number is the upper half of an f32, and the lower half of a pair comes first.
            let upper = _mm512_set1_epi32(UPPER_HALF);
            let high_a = _mm512_castsi512_ps(_mm512_and_si512(a, upper));
            let high_b = _mm512_castsi512_ps(_mm512_and_si512(b, upper));
            let low_a = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(a));
            let low_b = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(b));
            _mm512_fmadd_ps(low_a, low_b, _mm512_fmadd_ps(high_a, high_b, sum))
        };
    $($own)*
}
    };
}

without_bf16! { Avx512, []
    dot_bytes(sum: __m512i, a: __m512i, b: __m512i) -> __m512i = _mm512_dpbusd_epi32(sum, a, b);
}

// As for AVX2: seven bits on either side, so that the sum of four products fits into 16 bits.
without_bf16! { Avx512Bw, [
        const HIGHEST_BYTE: f32 = 127.0;
        const LARGEST_WEIGHT: f32 = 63.0;
        const BYTE_TILE_ROWS: usize = 4;
        const JOINS_STEPS: bool = true;
    ]
    dot_bytes(sum: __m512i, a: __m512i, b: __m512i) -> __m512i =
        _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
    dot_bytes_twice(sum: __m512i, a: [__m512i; 2], b: [__m512i; 2]) -> __m512i = {
        let products = _mm512_add_epi16(_mm512_maddubs_epi16(a[0], b[0]), _mm512_maddubs_epi16(a[1], b[1]));
        _mm512_add_epi32(sum, _mm512_madd_epi16(products, _mm512_set1_epi16(1)))
    };
}

/// Bits of `values` whose upper halves are in bf16, rounded to the nearest, ties to even.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn rounded(values: __m512) -> __m512i {
    // SAFETY: the caller guarantees AVX-512.
    unsafe {
        let bits = _mm512_castps_si512(values);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)))
    }
}
