//! AVX2 with FMA, and with AVX-VNNI where there is that.

#[allow(
    clippy::wildcard_imports,
    reason = "dozens of instructions are used; the lint is not for tests, where it would go unfulfilled"
)]
use std::arch::x86_64::*;

use super::{EXPONENT_SHIFT, Simd, UPPER_HALF, instructions};

/// AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2;

/// AVX2, FMA and AVX-VNNI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AvxVnni;

const LANES: usize = 8;

/// The instructions that both have, and those named in addition.
macro_rules! avx2 {
    ($name:ident, [$($constants:tt)*] $($own:tt)*) => {
        impl Simd for $name {
            const LANES: usize = LANES;
            $($constants)*
            type Floats = __m256;
            type Ints = __m256i;
            type Quads = __m256i;

            instructions! {
                quads(word: u32) -> __m256i = _mm256_set1_epi32(word.cast_signed());
                splat(value: f32) -> __m256 = _mm256_set1_ps(value);
                load(from: *const f32) -> __m256 = _mm256_loadu_ps(from);
                load_first(from: *const f32, count: usize, fill: f32) -> __m256 = {
                    let there = _mm256_castsi256_ps(first(count));
                    _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(from, first(count)), there)
                };
                store(to: *mut f32, values: __m256) = _mm256_storeu_ps(to, values);
                store_first(to: *mut f32, count: usize, values: __m256) =
                    _mm256_maskstore_ps(to, first(count), values);
                add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
                sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
                mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
                div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
                mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
                max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
                min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
                round(a: __m256) -> __m256 =
                    _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
                scale_by_power(a: __m256, n: __m256) -> __m256 = {
                    let n = _mm256_slli_epi32::<EXPONENT_SHIFT>(_mm256_cvtps_epi32(n));
                    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), n))
                };
                sum(a: __m256) -> f32 = {
                    let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                    let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
                    _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
                };
                highest(a: __m256) -> f32 = {
                    let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                    let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
                    _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
                };
                lowest(a: __m256) -> f32 = {
                    let a = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                    let a = _mm_min_ps(a, _mm_movehl_ps(a, a));
                    _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)))
                };
                store_bytes(to: *mut u8, values: __m256) = {
                    let ints = _mm256_cvtps_epi32(values);
                    let shorts = _mm_packus_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256::<1>(ints));
                    _mm_storel_epi64(to.cast(), _mm_packus_epi16(shorts, shorts));
                };
                store_bf16(to: *mut u16, values: __m256) = {
                    let upper = _mm256_srli_epi32::<16>(rounded(values));
                    let halves = _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256::<1>(upper));
                    _mm_storeu_si128(to.cast(), halves);
                };
                store_bf16_pairs(to: *mut u32, low: __m256, high: __m256) = {
                    let high = _mm256_and_si256(rounded(high), _mm256_set1_epi32(UPPER_HALF));
                    let pairs = _mm256_or_si256(_mm256_srli_epi32::<16>(rounded(low)), high);
                    _mm256_storeu_si256(to.cast(), pairs);
                };
                int_zero() -> __m256i = _mm256_setzero_si256();
                int_splat(value: i32) -> __m256i = _mm256_set1_epi32(value);
                int_load(from: *const i32) -> __m256i = _mm256_loadu_si256(from.cast());
                int_sub(a: __m256i, b: __m256i) -> __m256i = _mm256_sub_epi32(a, b);
                int_mul(a: __m256i, b: __m256i) -> __m256i = _mm256_mullo_epi32(a, b);
                to_floats(a: __m256i) -> __m256 = _mm256_cvtepi32_ps(a);
                as_floats(a: __m256i) -> __m256 = _mm256_castsi256_ps(a);
                dot_bf16(sum: __m256, a: __m256i, b: __m256i) -> __m256 = {
                    // A bf16 number is the upper half of an f32, and the lower half of a pair comes first.
                    let upper = _mm256_set1_epi32(UPPER_HALF);
                    let high_a = _mm256_castsi256_ps(_mm256_and_si256(a, upper));
                    let high_b = _mm256_castsi256_ps(_mm256_and_si256(b, upper));
                    let low_a = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(a));
                    let low_b = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(b));
                    _mm256_fmadd_ps(low_a, low_b, _mm256_fmadd_ps(high_a, high_b, sum))
                };
                $($own)*
            }
        }
    };
}

avx2! { AvxVnni, []
    dot_bytes(sum: __m256i, a: __m256i, b: __m256i) -> __m256i = _mm256_dpbusd_avx_epi32(sum, a, b);
}

// `vpmaddubsw` adds two products in 16 bits and saturates. With seven bits on either side the sum of four products fits:
// 4 * 127 * 63 = 32,004. So two steps are added up before they are widened.
avx2! { Avx2, [
        const HIGHEST_BYTE: f32 = 127.0;
        const LARGEST_WEIGHT: f32 = 63.0;
        const BYTE_TILE_ROWS: usize = 4;
        const JOINS_STEPS: bool = true;
    ]
    dot_bytes(sum: __m256i, a: __m256i, b: __m256i) -> __m256i =
        _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
    dot_bytes_twice(sum: __m256i, a: [__m256i; 2], b: [__m256i; 2]) -> __m256i = {
        let products = _mm256_add_epi16(_mm256_maddubs_epi16(a[0], b[0]), _mm256_maddubs_epi16(a[1], b[1]));
        _mm256_add_epi32(sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)))
    };
}

/// Bits of `values` whose upper halves are in bf16, rounded to the nearest, ties to even.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn rounded(values: __m256) -> __m256i {
    // SAFETY: the caller guarantees AVX2.
    unsafe {
        let bits = _mm256_castps_si256(values);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)))
    }
}

/// Mask with all bits set in the first `count` lanes.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn first(count: usize) -> __m256i {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "at most the lanes of a vector"
    )]
    let count = count.min(LANES) as i32;
    // SAFETY: the caller guarantees AVX2.
    unsafe {
        _mm256_cmpgt_epi32(
            _mm256_set1_epi32(count),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
        )
    }
}
