//! The functions between the two products of a feed-forward layer.

use crate::config::Activation;
use crate::gemm::Out;
use crate::simd::Simd;

/// Precision of an activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exactness {
    /// Error of about 1e-7.
    Float,
    /// Error below 2e-4, for results that are rounded to eight bits or bf16: a fiftieth of a step of eight bits.
    Rounded,
}

/// Applies `activation` to `rows` rows of `columns` numbers, a multiple of the lanes.
///
/// # Safety
/// As for [`Simd`]; no other thread accesses the numbers.
#[inline(always)]
pub(crate) unsafe fn activate<S: Simd>(
    (activation, exactness): (Activation, Exactness),
    numbers: &Out,
    (rows, columns): (usize, usize),
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match (activation, exactness) {
            (Activation::Gelu, Exactness::Rounded) => {
                each::<S, RoundedGelu>(numbers, rows, columns);
            }
            (Activation::Gelu, Exactness::Float) => each::<S, Gelu>(numbers, rows, columns),
            (Activation::GeluTanh, _) => each::<S, GeluTanh>(numbers, rows, columns),
            (Activation::Relu, _) => each::<S, Relu>(numbers, rows, columns),
        }
    }
}

/// A function of one number.
///
/// A type and not a closure, since closures do not always end up inside of the function that has the instructions.
trait Function {
    /// # Safety
    /// As for [`Simd`].
    unsafe fn of<S: Simd>(x: S::Floats) -> S::Floats;
}

/// # Safety
/// As for [`activate`].
#[inline(always)]
unsafe fn each<S: Simd, F: Function>(numbers: &Out, rows: usize, columns: usize) {
    for row in 0..rows {
        for column in (0..columns).step_by(S::LANES) {
            // SAFETY: inside of the rows and columns that the caller guarantees.
            unsafe {
                let place = numbers.first.add(row * numbers.stride + column);
                S::store(place, F::of::<S>(S::load(place)));
            }
        }
    }
}

/// The larger of `x` and zero.
struct Relu;

/// `x` times the normal distribution.
struct Gelu;

/// The error function with an error below 1.9e-4.
struct RoundedGelu;

/// Approximation of [`Gelu`] by the hyperbolic tangent.
struct GeluTanh;

impl Function for Relu {
    #[inline(always)]
    unsafe fn of<S: Simd>(x: S::Floats) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::max(x, S::splat(0.0)) }
    }
}

impl Function for RoundedGelu {
    /// `x` times an even power series of the normal distribution about 1/2, found by least squares of the largest error, 1.9e-4,
    /// and held where it ends.
    #[inline(always)]
    unsafe fn of<S: Simd>(x: S::Floats) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let held = S::min(S::max(x, S::splat(-GELU_END)), S::splat(GELU_END));
            let square = S::mul(held, held);
            let mut series = S::splat(GELU_SERIES[0]);
            for coefficient in &GELU_SERIES[1..] {
                series = S::mul_add(series, square, S::splat(*coefficient));
            }
            let distribution = S::mul_add(series, held, S::splat(0.5));
            S::mul(x, distribution)
        }
    }
}

/// Argument at which the series ends.
const GELU_END: f32 = 4.0;

/// For `x^13`, `x^11` and so on to `x`.
const GELU_SERIES: [f32; 7] = [
    2.278_150_1e-8,
    -1.598_605_4e-6,
    4.795_558e-5,
    -0.000_814_016_04,
    0.008_772_391,
    -0.064_573_12,
    0.397_883_36,
];

impl Function for Gelu {
    /// By Abramowitz and Stegun 7.1.26, whose error is at most 1.5e-7.
    #[inline(always)]
    unsafe fn of<S: Simd>(x: S::Floats) -> S::Floats {
        const SERIES: [f32; 5] = [
            1.061_405_4,
            -1.453_152,
            1.421_413_7,
            -0.284_496_72,
            0.254_829_6,
        ];
        // SAFETY: guaranteed by the caller.
        unsafe {
            let negative = S::sub(S::splat(0.0), x);
            let magnitude = S::max(x, negative);
            let z = S::mul(magnitude, S::splat(std::f32::consts::FRAC_1_SQRT_2));
            let one = S::splat(1.0);
            let t = S::div(one, S::mul_add(S::splat(0.327_591_1), z, one));
            let mut series = S::splat(SERIES[0]);
            for coefficient in &SERIES[1..] {
                series = S::mul_add(series, t, S::splat(*coefficient));
            }
            let exponent = S::mul(S::mul(z, z), S::splat(-std::f32::consts::LOG2_E));
            // The complement of the error function of |x|/sqrt(2), halved: what the tail beyond |x| weighs.
            let tail = S::mul(S::mul(series, t), exp2::<S>(exponent));
            let tail = S::mul(tail, S::splat(0.5));
            // x times the distribution, which is 1 - tail above zero and tail below: max(x, 0) - |x| tail in both cases.
            S::sub(S::max(x, S::splat(0.0)), S::mul(magnitude, tail))
        }
    }
}

impl Function for GeluTanh {
    /// `x / (1 + exp(-2 u))` with the `u` of the approximation by tanh.
    #[inline(always)]
    unsafe fn of<S: Simd>(x: S::Floats) -> S::Floats {
        /// `-2 sqrt(2 / pi) log2(e)`
        const FACTOR: f32 = -2.302_208_2;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let cubic = S::mul_add(S::mul(x, x), S::splat(0.044_715), S::splat(1.0));
            let exponent = S::mul(S::mul(x, cubic), S::splat(FACTOR));
            let exponent = S::min(exponent, S::splat(126.0));
            S::div(x, S::add(S::splat(1.0), exp2::<S>(exponent)))
        }
    }
}

/// Two to the power of `x`, at most 126; values below -126 count as -126. The relative error is below 7.5e-8.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn exp2<S: Simd>(x: S::Floats) -> S::Floats {
    // SAFETY: guaranteed by the caller.
    unsafe { exp2_by::<S, 6>(x, &EXP2_SERIES) }
}

/// Two to the power of `x` with a relative error below 7.5e-5, for results that are rounded to bf16, which is 25 times as coarse.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn rounded_exp2<S: Simd>(x: S::Floats) -> S::Floats {
    // SAFETY: guaranteed by the caller.
    unsafe { exp2_by::<S, 4>(x, &ROUNDED_EXP2_SERIES) }
}

/// # Safety
/// As for [`Simd`].
#[inline(always)]
unsafe fn exp2_by<S: Simd, const N: usize>(x: S::Floats, series: &[f32; N]) -> S::Floats {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let x = S::max(x, S::splat(-126.0));
        let whole = S::round(x);
        let part = S::sub(x, whole);
        let mut power = S::splat(series[0]);
        for coefficient in &series[1..] {
            power = S::mul_add(power, part, S::splat(*coefficient));
        }
        S::scale_by_power(power, whole)
    }
}

/// For `x^5` and so on to 1, from -1/2 to 1/2, found by least squares of the largest relative error, 7.5e-8.
const EXP2_SERIES: [f32; 6] = [
    0.001_327_647_1,
    0.009_675_541,
    0.055_507_13,
    0.240_221_2,
    0.693_146_94,
    1.000_000_1,
];

/// Likewise for `x^3` and so on; the error is 7.5e-5.
const ROUNDED_EXP2_SERIES: [f32; 4] = [0.055_171_67, 0.242_611_13, 0.693_260_97, 0.999_928_06];
