//! Plain Rust, for every CPU; what the others are tested against.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "bytes, halves and bits are what these functions are about"
)]

use std::array;

use super::{EXPONENT_SHIFT, Simd, bf16, from_bf16, instructions};

/// Plain Rust, which the compiler may turn into whatever vectors the target always has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 8;
type Floats = [f32; LANES];
type Ints = [i32; LANES];

impl Simd for Portable {
    const LANES: usize = LANES;
    type Floats = Floats;
    type Ints = Ints;
    type Quads = [u8; 4];

    instructions! {
        splat(value: f32) -> Floats = [value; LANES];
        load(from: *const f32) -> Floats = from.cast::<Floats>().read_unaligned();
        load_first(from: *const f32, count: usize, fill: f32) -> Floats =
            array::from_fn(|lane| if lane < count { *from.add(lane) } else { fill });
        store(to: *mut f32, values: Floats) = to.cast::<Floats>().write_unaligned(values);
        store_first(to: *mut f32, count: usize, values: Floats) =
            for (lane, value) in values.into_iter().enumerate().take(count) { *to.add(lane) = value; };
        add(a: Floats, b: Floats) -> Floats = zip(a, b, |a, b| a + b);
        sub(a: Floats, b: Floats) -> Floats = zip(a, b, |a, b| a - b);
        mul(a: Floats, b: Floats) -> Floats = zip(a, b, |a, b| a * b);
        div(a: Floats, b: Floats) -> Floats = zip(a, b, |a, b| a / b);
        // Not `mul_add`, which is a call into the C library where the target has no such instruction.
        mul_add(a: Floats, b: Floats, c: Floats) -> Floats = array::from_fn(|lane| a[lane] * b[lane] + c[lane]);
        max(a: Floats, b: Floats) -> Floats = zip(a, b, |a, b| if a > b { a } else { b });
        min(a: Floats, b: Floats) -> Floats = zip(a, b, |a, b| if a < b { a } else { b });
        round(a: Floats) -> Floats = a.map(round_one);
        scale_by_power(a: Floats, n: Floats) -> Floats = zip(a, n, |a, n| {
            f32::from_bits((a.to_bits() as i32).wrapping_add((n as i32) << EXPONENT_SHIFT) as u32)
        });
        sum(a: Floats) -> f32 = {
            let halves: [f32; LANES / 2] = array::from_fn(|lane| a[lane] + a[lane + LANES / 2]);
            (halves[0] + halves[2]) + (halves[1] + halves[3])
        };
        highest(a: Floats) -> f32 = a.into_iter().fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
        lowest(a: Floats) -> f32 = a.into_iter().fold(f32::INFINITY, |a, b| if a < b { a } else { b });
        store_bytes(to: *mut u8, values: Floats) =
            to.cast::<[u8; LANES]>().write(values.map(|value| round_one(value) as u8));
        store_bf16(to: *mut u16, values: Floats) = to.cast::<[u16; LANES]>().write_unaligned(values.map(bf16));
        store_bf16_pairs(to: *mut u32, low: Floats, high: Floats) = to.cast::<[u32; LANES]>().write_unaligned(
            array::from_fn(|lane| u32::from(bf16(low[lane])) | u32::from(bf16(high[lane])) << 16)
        );
        int_zero() -> Ints = [0; LANES];
        int_splat(value: i32) -> Ints = [value; LANES];
        int_load(from: *const i32) -> Ints = from.cast::<Ints>().read_unaligned();
        int_sub(a: Ints, b: Ints) -> Ints = zip(a, b, i32::wrapping_sub);
        int_mul(a: Ints, b: Ints) -> Ints = zip(a, b, i32::wrapping_mul);
        to_floats(a: Ints) -> Floats = a.map(|value| value as f32);
        as_floats(a: Ints) -> Floats = a.map(|bits| f32::from_bits(bits.cast_unsigned()));
        quads(word: u32) -> [u8; 4] = word.to_le_bytes();
        dot_bytes(sum: Ints, a: [u8; 4], b: Ints) -> Ints = zip(sum, b, |sum, word| {
            let b = word.to_le_bytes().map(|byte| i32::from(byte as i8));
            sum + i32::from(a[0]) * b[0] + i32::from(a[1]) * b[1] + i32::from(a[2]) * b[2] + i32::from(a[3]) * b[3]
        });
        dot_bf16(sum: Floats, a: Ints, b: Ints) -> Floats = {
            let halves = |word: i32| (from_bf16(word as u16), from_bf16((word >> 16) as u16));
            array::from_fn(|lane| {
                let (a, b) = (halves(a[lane]), halves(b[lane]));
                sum[lane] + a.1 * b.1 + a.0 * b.0
            })
        };
    }
}

#[inline(always)]
fn zip<A: Copy, B: Copy, C>(a: [A; LANES], b: [B; LANES], join: impl Fn(A, B) -> C) -> [C; LANES] {
    array::from_fn(|lane| join(a[lane], b[lane]))
}

/// To the nearest whole number, for numbers far below 2^22; others have no fraction that matters here.
#[inline(always)]
fn round_one(value: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    (value + MAGIC) - MAGIC
}
