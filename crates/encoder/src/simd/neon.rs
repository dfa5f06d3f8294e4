//! NEON of 64-bit ARM, with its products of bytes and without them.

#[allow(
    clippy::wildcard_imports,
    reason = "dozens of instructions are used; the lint is not for tests, where it would go unfulfilled"
)]
use std::arch::aarch64::*;
use std::arch::asm;

use super::{EXPONENT_SHIFT, Simd, UPPER_HALF, instructions};

/// NEON with the instruction `sdot`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NeonDotprod;

/// NEON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neon;

const LANES: usize = 4;

/// Instructions that both have, and those named in addition.
macro_rules! neon {
    ($name:ident, $($own:tt)*) => {
impl Simd for $name {
    const LANES: usize = LANES;
    const BYTES_ZERO: i32 = 128;
    type Floats = float32x4_t;
    type Ints = int32x4_t;
    type Quads = int8x16_t;

    instructions! {
        splat(value: f32) -> float32x4_t = vdupq_n_f32(value);
        load(from: *const f32) -> float32x4_t = vld1q_f32(from);
        load_first(from: *const f32, count: usize, fill: f32) -> float32x4_t = if count >= LANES {
            vld1q_f32(from)
        } else {
            let mut values = [fill; LANES];
            values.as_mut_ptr().copy_from_nonoverlapping(from, count);
            vld1q_f32(values.as_ptr())
        };
        store(to: *mut f32, values: float32x4_t) = vst1q_f32(to, values);
        store_first(to: *mut f32, count: usize, values: float32x4_t) = if count >= LANES {
            vst1q_f32(to, values);
        } else {
            let mut all = [0.0; LANES];
            vst1q_f32(all.as_mut_ptr(), values);
            to.copy_from_nonoverlapping(all.as_ptr(), count);
        };
        add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
        sub(a: float32x4_t, b: float32x4_t) -> float32x4_t = vsubq_f32(a, b);
        mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
        div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
        mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
        max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmaxq_f32(a, b);
        min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vminq_f32(a, b);
        round(a: float32x4_t) -> float32x4_t = vrndnq_f32(a);
        scale_by_power(a: float32x4_t, n: float32x4_t) -> float32x4_t = {
            let n = vshlq_n_s32::<EXPONENT_SHIFT>(vcvtq_s32_f32(n));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), n))
        };
        sum(a: float32x4_t) -> f32 = vaddvq_f32(a);
        highest(a: float32x4_t) -> f32 = vmaxvq_f32(a);
        lowest(a: float32x4_t) -> f32 = vminvq_f32(a);
        store_bytes(to: *mut u8, values: float32x4_t) = {
            let halves = vmovn_u32(vcvtnq_u32_f32(values));
            let bytes = vmovn_u16(vcombine_u16(halves, halves));
            to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(vreinterpret_u32_u8(bytes)));
        };
        store_bf16(to: *mut u16, values: float32x4_t) = vst1_u16(to, vshrn_n_u32::<16>(rounded(values)));
        store_bf16_pairs(to: *mut u32, low: float32x4_t, high: float32x4_t) = {
            let high = vandq_u32(rounded(high), vdupq_n_u32(UPPER_HALF.cast_unsigned()));
            vst1q_u32(to, vorrq_u32(vshrq_n_u32::<16>(rounded(low)), high));
        };
        int_zero() -> int32x4_t = vdupq_n_s32(0);
        int_splat(value: i32) -> int32x4_t = vdupq_n_s32(value);
        int_load(from: *const i32) -> int32x4_t = vld1q_s32(from);
        int_sub(a: int32x4_t, b: int32x4_t) -> int32x4_t = vsubq_s32(a, b);
        int_mul(a: int32x4_t, b: int32x4_t) -> int32x4_t = vmulq_s32(a, b);
        to_floats(a: int32x4_t) -> float32x4_t = vcvtq_f32_s32(a);
        as_floats(a: int32x4_t) -> float32x4_t = vreinterpretq_f32_s32(a);
        // `sdot` knows only signed bytes: an unsigned one less 128 is the same with its first bit changed.
        quads(word: u32) -> int8x16_t = vreinterpretq_s8_u32(vdupq_n_u32(word ^ 0x8080_8080));
        dot_bf16(sum: float32x4_t, a: int32x4_t, b: int32x4_t) -> float32x4_t = {
            // A bf16 number is the upper half of an f32, and the lower half of a pair comes first.
            let upper = vdupq_n_s32(UPPER_HALF);
            let high_a = vreinterpretq_f32_s32(vandq_s32(a, upper));
            let high_b = vreinterpretq_f32_s32(vandq_s32(b, upper));
            let low_a = vreinterpretq_f32_s32(vshlq_n_s32::<16>(a));
            let low_b = vreinterpretq_f32_s32(vshlq_n_s32::<16>(b));
            vfmaq_f32(vfmaq_f32(sum, high_a, high_b), low_a, low_b)
        };
        $($own)*
    }
}
    };
}

neon! { NeonDotprod,
    dot_bytes(sum: int32x4_t, a: int8x16_t, b: int32x4_t) -> int32x4_t = {
        let mut sum = sum;
        // The intrinsic is not stable yet.
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
        sum
    };
}

neon! { Neon,
    dot_bytes(sum: int32x4_t, a: int8x16_t, b: int32x4_t) -> int32x4_t = {
        // A product is at most 128 * 127, so that it fits into 16 bits; a sum of two is widened.
        let b = vreinterpretq_s8_s32(b);
        let low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
        let high = vpaddlq_s16(vmull_high_s8(a, b));
        vaddq_s32(sum, vpaddq_s32(low, high))
    };
}

/// Bits of `values` whose upper halves are in bf16, rounded to the nearest, ties to even.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn rounded(values: float32x4_t) -> uint32x4_t {
    // SAFETY: the caller guarantees NEON.
    unsafe {
        let bits = vreinterpretq_u32_f32(values);
        let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
        vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)))
    }
}
