//! Times forward passes of an ONNX file with rten, on one thread, for `bench/encoder.py`: `forward_onnx FILE`.
//!
//! Lines in and out are those of the encoder's example `forward`.

#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::io::BufRead;
use std::time::Instant;

use bakeoff_qa::backend::{BackendError, RtenBackend};
use bakeoff_qa::{Backend, Batch};

fn main() -> Result<(), BackendError> {
    let file = std::env::args().nth(1).ok_or("usage: forward_onnx FILE")?;
    let backend = RtenBackend::open(file.as_ref())?;
    for line in std::io::stdin().lock().lines() {
        let mut batch = Batch {
            cumulative_lengths: vec![0],
            ..Batch::default()
        };
        for length in line?.split(',') {
            let count = u32::try_from(batch.input_ids.len())? + length.trim().parse::<u32>()?;
            let first = u32::try_from(batch.input_ids.len())?;
            batch
                .input_ids
                .extend((first..count).map(|index| 1000 + index * 7919 % 20_000));
            batch.cumulative_lengths.push(batch.input_ids.len());
        }
        batch.token_type_ids = vec![0; batch.input_ids.len()];
        let start = Instant::now();
        backend.forward(&batch)?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
