//! Every instruction set that this CPU has against plain sums, over odd sizes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::buffer::Words;
use crate::layers::attention::{Role, padded};
use crate::linear::Linear;
use crate::simd::from_bf16;

const DTYPES: [Dtype; 3] = [Dtype::Int8, Dtype::Bf16, Dtype::F32];

/// Every choice that this CPU allows.
fn all() -> impl Iterator<Item = (Isa, Dtype, Kernels)> {
    Isa::available().flat_map(|isa| {
        let allowed = DTYPES
            .into_iter()
            .filter(move |dtype| isa.check(*dtype).is_ok());
        allowed.map(move |dtype| (isa, dtype, Kernels::new(isa, dtype)))
    })
}

/// Numbers of all magnitudes that weights and activations have, and some that they have not.
fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -2.0_f32..2.0,
        1 => Just(0.0),
        1 => -1e4_f32..1e4,
        1 => -1e-6_f32..1e-6,
    ]
}

/// Rows of numbers in memory that is as long as kernels may read.
struct Matrix {
    words: Words,
    stride: usize,
}

impl Matrix {
    fn new(rows: &[Vec<f32>]) -> Self {
        let stride = rows
            .first()
            .map_or(0, Vec::len)
            .next_multiple_of(64)
            .max(64);
        let mut words = Words::zeros(rows.len() * stride);
        for (row, numbers) in rows.iter().enumerate() {
            for (column, number) in numbers.iter().enumerate() {
                words.as_mut_slice()[row * stride + column] = number.to_bits();
            }
        }
        Self { words, stride }
    }

    fn row(&mut self, row: usize) -> *mut f32 {
        self.words.shared().at(row * self.stride, self.stride)
    }

    fn numbers(&self, row: usize, count: usize) -> Vec<f32> {
        let row = &self.words.as_slice()[row * self.stride..][..count];
        row.iter().map(|bits| f32::from_bits(*bits)).collect()
    }
}

/// Takes `rows` through a layer of these weights, by the kernels.
fn linear(
    kernels: &Kernels,
    dtype: Dtype,
    rows: &[Vec<f32>],
    weights: &[Vec<f32>],
    bias: f32,
) -> Vec<Vec<f32>> {
    let inputs = rows[0].len();
    let mut layer = Linear::zeros(kernels, dtype, inputs, weights.len());
    for (output, weights) in weights.iter().enumerate() {
        layer.set(output, weights, bias);
    }
    let mut from = Matrix::new(rows);
    let mut encoded = Words::zeros(rows.len() * from.stride);
    let mut scales = Words::zeros(2 * rows.len());
    let mut to = Matrix::new(&vec![vec![0.0; layer.columns()]; rows.len()]);
    let (words, scales) = (encoded.shared(), scales.shared::<RowScale>());
    for row in 0..rows.len() {
        let words = words.at(row * from.stride, from.stride);
        // SAFETY: the CPU has the instructions, and all rows are as long as whole panels.
        unsafe {
            scales
                .at(row, 1)
                .write((kernels.encode)(from.row(row), inputs, words));
        }
    }
    let left = Rows {
        words: words.at(0, rows.len() * from.stride),
        stride: from.stride,
        count: rows.len(),
        scales: scales.at(0, rows.len()),
    };
    for panel in 0..layer.panels() {
        let out = Out {
            first: to.row(0).wrapping_add(panel * layer.panel_columns()),
            stride: to.stride,
        };
        // SAFETY: as above.
        unsafe { (kernels.product)(&left, &layer.panel(panel), &out) };
    }
    (0..rows.len())
        .map(|row| to.numbers(row, weights.len()))
        .collect()
}

/// The product in f64.
fn plain_linear(rows: &[Vec<f32>], weights: &[Vec<f32>], bias: f32) -> Vec<Vec<f64>> {
    let product = |row: &Vec<f32>, weights: &Vec<f32>| -> f64 {
        let products = row
            .iter()
            .zip(weights)
            .map(|(a, b)| f64::from(*a) * f64::from(*b));
        f64::from(bias) + products.sum::<f64>()
    };
    rows.iter()
        .map(|row| {
            weights
                .iter()
                .map(|weights| product(row, weights))
                .collect()
        })
        .collect()
}

/// Highest byte of a row, and largest magnitude of a weight.
fn ranges(isa: Isa) -> (u8, i8) {
    match isa {
        Isa::Avx2 | Isa::Avx512Bw => (127, 63),
        _ => (255, 127),
    }
}

/// Largest difference from the plain product that rounding the factors can cause.
fn allowed(isa: Isa, dtype: Dtype, row: &[f32], weights: &[f32]) -> f64 {
    let sum = |numbers: &[f32]| {
        numbers
            .iter()
            .map(|number| f64::from(number.abs()))
            .sum::<f64>()
    };
    let largest = |numbers: &[f32]| {
        numbers
            .iter()
            .fold(0.0, |most: f64, number| most.max(f64::from(number.abs())))
    };
    let products: f64 = row
        .iter()
        .zip(weights)
        .map(|(a, b)| f64::from((a * b).abs()))
        .sum();
    let float = products * 1e-5 + 1e-6;
    match dtype {
        Dtype::F32 => float,
        Dtype::Bf16 => float + products / 100.0,
        Dtype::Int8 => {
            // Half a step of either, and one of the zero.
            let (highest, most) = ranges(isa);
            let row_step = 2.0 * largest(row) / f64::from(highest);
            let weight_step = largest(weights) / f64::from(most);
            float + row_step * sum(weights) + weight_step * (sum(row) + row_step * row.len() as f64)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_are_the_sums_that_rounded_factors_allow(
        (rows, weights) in (1_usize..150).prop_flat_map(|depth| (
            vec(vec(number(), depth), 1..15),
            vec(vec(number(), depth), 1..80),
        )),
        bias in number(),
    ) {
        let plain = plain_linear(&rows, &weights, bias);
        for (isa, dtype, kernels) in all() {
            let found = linear(&kernels, dtype, &rows, &weights, bias);
            for (row, (found, plain)) in found.iter().zip(&plain).enumerate() {
                for (column, (found, plain)) in found.iter().zip(plain).enumerate() {
                    let apart = (f64::from(*found) - plain).abs();
                    let allowed = allowed(isa, dtype, &rows[row], &weights[column]) + f64::from(bias.abs()) * 1e-6;
                    prop_assert!(apart <= allowed, "{isa} {dtype} at {row}, {column}: {found}, plainly {plain}");
                }
            }
        }
    }

    #[test]
    fn whole_numbers_of_eight_bits_are_multiplied_exactly(
        (rows, weights) in (4_usize..200).prop_flat_map(|depth| (
            vec(vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], depth), 1..8),
            vec(vec(prop_oneof![Just(-127_i8), Just(127), -127_i8..=127], depth), 1..40),
        )),
    ) {
        for (isa, _, kernels) in all().filter(|(_, dtype, _)| *dtype == Dtype::Int8) {
            let (highest, most) = ranges(isa);
            // With the ends of both ranges there, a step is one.
            let rows: Vec<Vec<f32>> = rows.iter().map(|row| {
                let mut row: Vec<u8> = row.iter().map(|number| (*number).min(highest)).collect();
                row[0] = highest;
                row.into_iter().map(f32::from).collect()
            }).collect();
            let weights: Vec<Vec<f32>> = weights.iter().map(|weights| {
                let mut weights: Vec<i8> = weights.iter().map(|weight| (*weight).clamp(-most, most)).collect();
                weights[1] = most;
                weights.into_iter().map(f32::from).collect()
            }).collect();
            let plain = plain_linear(&rows, &weights, 0.0);
            let found = linear(&kernels, Dtype::Int8, &rows, &weights, 0.0);
            for (found, plain) in found.iter().flatten().zip(plain.iter().flatten()) {
                prop_assert!((f64::from(*found) - plain).abs() < 0.5, "{isa}: {found}, not {plain}");
            }
        }
    }

    #[test]
    fn norms_have_mean_zero_and_variance_one_before_weight_and_bias(
        row in vec(-50.0_f32..50.0, 2..100),
        scale in -3.0_f32..3.0,
        bias in -3.0_f32..3.0,
    ) {
        let width = row.len();
        let norm = Norm { weight: vec![scale; width], bias: vec![bias; width], epsilon: 1e-5 };
        let change = vec![0.25; width];
        let sum: Vec<f64> = row.iter().map(|number| f64::from(*number) + 0.25).collect();
        let mean = sum.iter().sum::<f64>() / width as f64;
        let variance = sum.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / width as f64;
        for (isa, _, kernels) in all() {
            let mut matrix = Matrix::new(std::slice::from_ref(&row));
            let mut added = Matrix::new(std::slice::from_ref(&change));
            // SAFETY: the CPU has the instructions, and rows are long enough.
            unsafe { (kernels.add_norm)(&norm, matrix.row(0), added.row(0)) };
            for (found, number) in matrix.numbers(0, width).iter().zip(&sum) {
                let expected = (number - mean) / (variance + 1e-5).sqrt() * f64::from(scale) + f64::from(bias);
                prop_assert!((f64::from(*found) - expected).abs() < 1e-3, "{isa}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn attention_is_the_mean_of_values_by_softmax(
        length in 1_usize..150,
        rows in 1_usize..20,
        head_size in prop_oneof![Just(16_usize), Just(32), Just(48), Just(64), Just(96)],
        seed in any::<u32>(),
    ) {
        for (isa, dtype, kernels) in all() {
            let apart = attention_error(&kernels, length, rows.min(length), head_size, seed);
            let allowed = if kernels.attention_numbers == 1 { 1e-4 } else { 0.05 };
            prop_assert!(apart < allowed, "{isa} {dtype}: apart by {apart}");
        }
    }
}

/// Largest difference between attention by kernels and plain attention on made-up numbers: two heads, the last `rows` tokens.
fn attention_error(
    kernels: &Kernels,
    length: usize,
    rows: usize,
    head_size: usize,
    seed: u32,
) -> f64 {
    let mut state = seed;
    let mut made_up = || {
        let mut matrix = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..length)
            .map(|_| (0..HEADS * head_size).map(|_| matrix()).collect())
            .collect::<Vec<Vec<f32>>>()
    };
    let (queries, keys, values) = (made_up(), made_up(), made_up());
    let stride = HEADS * head_size;
    let cached = |role, matrix: &[Vec<f32>]| cache(kernels, role, matrix, head_size);
    let mut words = [
        cached(Role::Queries, &queries),
        cached(Role::Keys, &keys),
        cached(Role::Values, &values),
    ];
    let mut out = Matrix::new(&vec![vec![0.0; stride]; rows]);
    let room = 12 * padded(length);
    let (mut scores, mut weights) = (Words::zeros(room), Words::zeros(room));
    let first = length - rows;
    let [query_words, key_words, value_words] = &mut words;
    let attention = Attention {
        heads: HEADS,
        head_size,
        queries: query_words.shared().at(first * stride, 0),
        query_stride: stride,
        rows,
        length,
        keys: key_words.shared().at(0, 0),
        values: value_words.shared().at(0, 0),
        scores: scores.shared().at(0, room),
        weights: weights.shared().at(0, room),
        out: out.row(0),
        out_stride: out.stride,
    };
    // SAFETY: as above.
    unsafe { (kernels.attend)(&attention) };
    let mut worst = 0.0_f64;
    for row in 0..rows {
        let found = out.numbers(row, stride);
        for head in 0..HEADS {
            let own = head * head_size..(head + 1) * head_size;
            let expected = plain_attention(
                &queries[first + row][own.clone()],
                &keys,
                &values,
                own.clone(),
            );
            for (found, expected) in found[own].iter().zip(expected) {
                worst = worst.max((f64::from(*found) - expected).abs());
            }
        }
    }
    worst
}

/// Heads of the tests of attention.
const HEADS: usize = 2;

/// Puts rows where attention reads them.
fn cache(kernels: &Kernels, role: Role, matrix: &[Vec<f32>], head_size: usize) -> Words {
    let (length, numbers) = (matrix.len(), kernels.attention_numbers);
    let mut words = Words::zeros(HEADS * padded(length) * head_size);
    let mut from = Matrix::new(matrix);
    for head in 0..HEADS {
        let head_start = match role {
            Role::Queries => head * head_size / numbers,
            Role::Keys | Role::Values => head * padded(length) * head_size / numbers,
        };
        let to = words.shared::<u32>().at(head_start, 0);
        for dimension in (0..head_size).step_by(16) {
            let (to, stride_or_token) = match role {
                Role::Queries => (to.wrapping_add(dimension / numbers), HEADS * head_size),
                Role::Keys | Role::Values => (to, 0),
            };
            let placement = Placement {
                role,
                rows: from.row(0).wrapping_add(head * head_size + dimension),
                stride: from.stride,
                count: length,
                columns: 16,
                to,
                stride_or_token,
                dimension,
                head_size,
                scale: std::f32::consts::LOG2_E,
            };
            // SAFETY: the CPU has the instructions, and there is room for all heads of all tokens.
            unsafe { (kernels.place)(&placement) };
        }
        if role == Role::Values {
            // SAFETY: as above.
            unsafe { (kernels.end_values)(to, length, head_size) };
        }
    }
    words
}

fn plain_attention(
    query: &[f32],
    keys: &[Vec<f32>],
    values: &[Vec<f32>],
    own: std::ops::Range<usize>,
) -> Vec<f64> {
    let score = |key: &Vec<f32>| -> f64 {
        query
            .iter()
            .zip(&key[own.clone()])
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let weights: Vec<f64> = keys.iter().map(|key| score(key).exp()).collect();
    let sum: f64 = weights.iter().sum();
    own.clone()
        .map(|dimension| {
            weights
                .iter()
                .zip(values)
                .map(|(weight, value)| weight * f64::from(value[dimension]))
                .sum::<f64>()
                / sum
        })
        .collect()
}

#[test]
fn activations_are_near_their_definitions() {
    let numbers: Vec<f32> = (-160..160_i16).map(|step| f32::from(step) / 16.0).collect();
    for (isa, dtype, kernels) in all() {
        for (activation, exact) in [
            (Activation::Gelu, gelu as fn(f64) -> f64),
            (Activation::GeluTanh, gelu_tanh),
            (Activation::Relu, |x| x.max(0.0)),
        ] {
            let mut matrix = Matrix::new(std::slice::from_ref(&numbers));
            let (first, stride) = (matrix.row(0), matrix.stride);
            // SAFETY: the CPU has the instructions, and the row is that long.
            unsafe {
                (kernels.activate)(
                    (activation, kernels.exactness),
                    &Out { first, stride },
                    (1, 320),
                );
            };
            for (found, number) in matrix.numbers(0, 320).iter().zip(&numbers) {
                let apart = (f64::from(*found) - exact(f64::from(*number))).abs();
                let allowed = if dtype == Dtype::F32 { 2e-6 } else { 2e-4 };
                assert!(apart < allowed, "{isa} {activation:?} of {number}: {found}");
            }
        }
    }
}

/// By the series of the error function, which converges for all numbers of the test.
fn gelu(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    if z.abs() > 5.0 {
        return x.max(0.0);
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -z * z / n;
        sum += term / (2.0 * n + 1.0);
    }
    x * 0.5 * (1.0 + sum * std::f64::consts::FRAC_2_SQRT_PI)
}

fn gelu_tanh(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
    0.5 * x * (1.0 + u.tanh())
}

#[test]
fn a_row_of_zeros_stays_zero_in_every_precision() {
    for (isa, dtype, kernels) in all() {
        let found = linear(
            &kernels,
            dtype,
            &[vec![0.0; 5]],
            &[vec![1.0; 5], vec![-3.0; 5]],
            0.5,
        );
        assert_eq!(found, [[0.5, 0.5]], "{isa} {dtype}");
    }
}

#[test]
fn bf16_is_rounded_to_the_nearest() {
    for number in [0.0_f32, 1.0, -1.003_906_3, 2.5, 1e-30, -65_504.0] {
        let rounded = from_bf16(crate::simd::bf16(number));
        assert!(
            (rounded - number).abs() <= number.abs() / 256.0,
            "{number} became {rounded}"
        );
    }
}
