//! Speed of linear layers alone, for the benchmark.

use std::time::Instant;

use crate::buffer::Words;
use crate::gemm::{Out, RowScale, Rows};
use crate::isa::{Dtype, Isa};
use crate::kernels::Kernels;
use crate::linear::{Linear, WIDEST_PANEL};

/// Multiplications and additions a second of one linear layer of `[rows, inputs, outputs]`, on this thread: the best of many
/// rounds.
///
/// # Panics
/// If this CPU lacks the instructions.
pub fn linear_rate(isa: Isa, dtype: Dtype, [rows, inputs, outputs]: [usize; 3]) -> f64 {
    const ROUNDS: usize = 300;
    assert!(isa.check(dtype).is_ok(), "{isa} {dtype}");
    let kernels = Kernels::new(isa, dtype);
    let mut linear = Linear::zeros(&kernels, dtype, inputs, outputs);
    let weights: Vec<f32> = (0..inputs).map(|index| index as f32 - 7.0).collect();
    for output in 0..outputs {
        linear.set(output, &weights, 1.0);
    }
    let stride = inputs.next_multiple_of(WIDEST_PANEL) / kernels.numbers;
    let mut words = Words::zeros(rows * stride);
    let mut scales = Words::zeros(2 * rows);
    let mut to = Words::zeros(rows * linear.columns());
    let left = Rows {
        words: words.shared().at(0, rows * stride),
        stride,
        count: rows,
        scales: scales.shared::<RowScale>().at(0, rows),
    };
    let to = to.shared::<f32>().at(0, rows * linear.columns());
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for panel in 0..linear.panels() {
            let out = Out {
                first: to.wrapping_add(panel * linear.panel_columns()),
                stride: linear.columns(),
            };
            // SAFETY: the CPU has the instructions, and rows are as long as whole panels on either side.
            unsafe { (kernels.product)(&left, &linear.panel(panel), &out) };
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    (rows * inputs * outputs) as f64 / best
}
