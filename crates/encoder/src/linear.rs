//! The weights of a linear layer, packed for the kernels.

use crate::buffer::Words;
use crate::gemm::{Columns, Panel};
use crate::isa::Dtype;
use crate::kernels::Kernels;
use crate::simd::bf16;

/// Weights in panels, and what the kernels add and multiply in the end.
#[derive(Debug)]
pub(crate) struct Linear {
    words: Words,
    /// Words along the depth.
    steps: usize,
    panel: usize,
    /// Columns, padded to whole panels of any instruction set.
    columns: usize,
    bias: Vec<f32>,
    scale: Vec<f32>,
    sum: Vec<i32>,
    dtype: Dtype,
    /// Largest magnitude of a weight of eight bits.
    largest_weight: f32,
    /// Buffer for the words of one row, reused from row to row.
    row: Vec<u32>,
}

/// Columns of the widest panel, to a multiple of which the columns of every layer are padded.
pub(crate) const WIDEST_PANEL: usize = 64;

impl Linear {
    /// Zeros, for rows that [`Linear::set`] writes: `inputs` numbers deep, `outputs` columns wide.
    pub(crate) fn zeros(kernels: &Kernels, dtype: Dtype, inputs: usize, outputs: usize) -> Self {
        let steps = inputs.div_ceil(kernels.numbers);
        let columns = outputs.next_multiple_of(WIDEST_PANEL);
        Self {
            words: Words::zeros(steps * columns),
            steps,
            panel: kernels.panel,
            columns,
            bias: vec![0.0; columns],
            scale: vec![0.0; columns],
            sum: vec![0; columns],
            dtype,
            largest_weight: kernels.largest_weight,
            row: vec![0; steps],
        }
    }

    /// Gives column `output` its weights, one for each input; those that are left out are zero.
    pub(crate) fn set(&mut self, output: usize, weights: &[f32], bias: f32) {
        self.bias[output] = bias;
        self.row.fill(0);
        match self.dtype {
            Dtype::F32 => {
                for (word, weight) in self.row.iter_mut().zip(weights) {
                    *word = weight.to_bits();
                }
            }
            Dtype::Bf16 => {
                for (word, pair) in self.row.iter_mut().zip(weights.chunks(2)) {
                    let high = pair.get(1).map_or(0, |high| u32::from(bf16(*high)));
                    *word = u32::from(bf16(pair[0])) | high << 16;
                }
            }
            Dtype::Int8 => self.quantize(output, weights),
        }
        let first = output / self.panel * self.panel * self.steps + output % self.panel;
        let places = self.words.as_mut_slice()[first..]
            .iter_mut()
            .step_by(self.panel);
        for (place, word) in places.zip(&self.row) {
            *place = *word;
        }
    }

    /// Panels, one after another.
    pub(crate) fn panels(&self) -> usize {
        self.columns / self.panel
    }

    /// Columns in a panel.
    pub(crate) fn panel_columns(&self) -> usize {
        self.panel
    }

    /// Columns of all panels.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The panel `index`, counted from 0, for a kernel.
    pub(crate) fn panel(&self, index: usize) -> Panel {
        let column = index * self.panel;
        Panel {
            words: self.words.as_slice()[column * self.steps..].as_ptr(),
            stride: self.panel,
            steps: self.steps,
            columns: Columns {
                bias: self.bias[column..].as_ptr(),
                scale: self.scale[column..].as_ptr(),
                sum: self.sum[column..].as_ptr(),
            },
        }
    }

    /// Symmetric, by the largest magnitude.
    fn quantize(&mut self, output: usize, weights: &[f32]) {
        let limit = self.largest_weight;
        let largest = weights
            .iter()
            .fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let (scale, steps) = if largest > 0.0 {
            (largest / limit, limit / largest)
        } else {
            (1.0, 0.0)
        };
        let mut sum = 0;
        for (word, weights) in self.row.iter_mut().zip(weights.chunks(4)) {
            let mut bytes = [0; 4];
            for (byte, weight) in bytes.iter_mut().zip(weights) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounded to at most the largest magnitude"
                )]
                let value = (weight * steps).round_ties_even().clamp(-limit, limit) as i8;
                sum += i32::from(value);
                *byte = value.cast_unsigned();
            }
            *word = u32::from_le_bytes(bytes);
        }
        self.scale[output] = scale;
        self.sum[output] = sum;
    }
}
