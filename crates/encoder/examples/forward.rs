//! Times forward passes for `bench/encoder.py`: `forward FOLDER DTYPE THREADS`.
//!
//! Each line on standard input names the lengths of some sequences, such as `77` or `16,128`; each line on standard output
//! is how many seconds their pass took.

#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use bakeoff_encoder::{Encoder, EncoderOptions, Logits, Tokens};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || {
        arguments
            .next()
            .ok_or("usage: forward FOLDER DTYPE THREADS")
    };
    let folder = argument()?;
    let options = EncoderOptions {
        dtype: argument()?.parse()?,
        isa: None,
        threads: argument()?.parse()?,
    };
    let encoder = Encoder::open(folder.as_ref(), &options)?;
    let mut logits = Logits::default();
    for line in std::io::stdin().lock().lines() {
        let mut ends = vec![0];
        for length in line?.split(',') {
            ends.push(ends[ends.len() - 1] + length.trim().parse::<usize>()?);
        }
        let count = u32::try_from(ends[ends.len() - 1])?;
        let ids: Vec<u32> = (0..count)
            .map(|index| 1000 + index * 7919 % 20_000)
            .collect();
        let types = vec![0; ids.len()];
        let tokens = Tokens {
            input_ids: &ids,
            token_type_ids: &types,
            cumulative_lengths: &ends,
        };
        let start = Instant::now();
        encoder.forward(&tokens, &mut logits)?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
