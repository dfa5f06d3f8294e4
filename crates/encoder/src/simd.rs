//! Vectors of floats and integers, one type for each instruction set.
//!
//! Kernels are written once against [`Simd`] and compiled for each instruction set by being inlined into a function that
//! has it enabled (see `kernels.rs`). Nothing here is called outside of such a function.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use self::avx2::{Avx2, AvxVnni};
#[cfg(target_arch = "x86_64")]
pub(crate) use self::avx512::{Avx512, Avx512Bf16, Avx512Bw};
#[cfg(target_arch = "aarch64")]
pub(crate) use self::neon::{Neon, NeonDotprod};
pub(crate) use self::portable::Portable;

/// One instruction set: vectors of [`LANES`](Self::LANES) lanes of 32 bits each.
///
/// # Safety
/// Every function may be called only where the CPU has the instruction set. Those that take pointers access `LANES`
/// elements there, or as many as they are told; alignment does not matter.
pub(crate) trait Simd: Copy + 'static {
    /// Numbers in a vector.
    const LANES: usize;
    /// Number that [`dot_bytes`](Self::dot_bytes) subtracts from each unsigned byte.
    const BYTES_ZERO: i32 = 0;
    /// Highest value of an unsigned byte that [`dot_bytes`](Self::dot_bytes) multiplies.
    const HIGHEST_BYTE: f32 = 255.0;
    /// Largest magnitude of a signed byte that [`dot_bytes`](Self::dot_bytes) multiplies. -128 stays unused, for symmetry.
    const LARGEST_WEIGHT: f32 = 127.0;
    /// Rows of a tile of products of bytes.
    const BYTE_TILE_ROWS: usize = 6;
    /// `true` if [`dot_bytes_twice`](Self::dot_bytes_twice) takes fewer instructions than two calls of
    /// [`dot_bytes`](Self::dot_bytes).
    const JOINS_STEPS: bool = false;
    /// A vector of f32.
    type Floats: Copy;
    /// A vector of i32.
    type Ints: Copy;
    /// Four bytes repeated in all lanes, made ready to be multiplied.
    type Quads: Copy;

    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn load(from: *const f32) -> Self::Floats;
    /// The first `count` lanes, at most all; `fill` in the others.
    unsafe fn load_first(from: *const f32, count: usize, fill: f32) -> Self::Floats;
    unsafe fn store(to: *mut f32, values: Self::Floats);
    /// The first `count` lanes, at most all.
    unsafe fn store_first(to: *mut f32, count: usize, values: Self::Floats);
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn sub(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn div(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b + c`
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    unsafe fn max(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn min(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// To the nearest whole number.
    unsafe fn round(a: Self::Floats) -> Self::Floats;
    /// `a` times two to the power of `n`, whole numbers from -126 to 127.
    unsafe fn scale_by_power(a: Self::Floats, n: Self::Floats) -> Self::Floats;
    unsafe fn sum(a: Self::Floats) -> f32;
    unsafe fn highest(a: Self::Floats) -> f32;
    unsafe fn lowest(a: Self::Floats) -> f32;
    /// Rounds numbers from 0 to 255 and writes one byte for each.
    unsafe fn store_bytes(to: *mut u8, values: Self::Floats);
    /// Rounds to bf16 and writes two bytes for each.
    unsafe fn store_bf16(to: *mut u16, values: Self::Floats);
    /// Rounds to bf16 and writes a word for each pair, `low` in its lower half.
    unsafe fn store_bf16_pairs(to: *mut u32, low: Self::Floats, high: Self::Floats);

    unsafe fn int_zero() -> Self::Ints;
    unsafe fn int_splat(value: i32) -> Self::Ints;
    unsafe fn int_load(from: *const i32) -> Self::Ints;
    unsafe fn int_sub(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    unsafe fn int_mul(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    unsafe fn to_floats(a: Self::Ints) -> Self::Floats;
    /// Floats with the same bits.
    unsafe fn as_floats(a: Self::Ints) -> Self::Floats;
    /// Four unsigned bytes.
    unsafe fn quads(word: u32) -> Self::Quads;
    /// Adds to each lane the sum of four products: unsigned bytes of `a`, less [`BYTES_ZERO`](Self::BYTES_ZERO), with signed bytes of
    /// `b`, without saturation.
    unsafe fn dot_bytes(sum: Self::Ints, a: Self::Quads, b: Self::Ints) -> Self::Ints;
    /// Two steps of [`dot_bytes`](Self::dot_bytes).
    #[inline(always)]
    unsafe fn dot_bytes_twice(
        sum: Self::Ints,
        a: [Self::Quads; 2],
        b: [Self::Ints; 2],
    ) -> Self::Ints {
        // SAFETY: guaranteed by the caller.
        unsafe { Self::dot_bytes(Self::dot_bytes(sum, a[0], b[0]), a[1], b[1]) }
    }
    /// Adds to each lane the sum of two products of bf16 numbers.
    unsafe fn dot_bf16(sum: Self::Floats, a: Self::Ints, b: Self::Ints) -> Self::Floats;
}

/// Implements functions of [`Simd`], each by one expression.
macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $body:expr;)*) => {$(
        #[inline(always)]
        #[allow(unused_unsafe, reason = "some are safe on some instruction sets")]
        unsafe fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: the caller of a function of `Simd` guarantees the instruction set, and that pointers are valid for
            // as many elements as the function says.
            unsafe { $body }
        }
    )*};
}
use instructions;

/// Bits to the right of the exponent of a float.
const EXPONENT_SHIFT: i32 = 23;

/// The bits of the upper half of a word, where the bf16 number of an f32 is.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const UPPER_HALF: i32 = 0xffff_0000_u32.cast_signed();

/// `value` in bf16, to the nearest, ties to even.
#[inline(always)]
pub(crate) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounding = 0x7fff + (bits >> 16 & 1);
    (bits.wrapping_add(rounding) >> 16) as u16
}

/// The number that `bits` are in bf16.
#[inline(always)]
pub(crate) fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
