//! Times a model at one size after another: `speed FOLDER DTYPE ISA THREADS`. Prints the least and the median of the times.
use bakeoff_encoder::*;
use std::num::NonZeroUsize;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let options = EncoderOptions {
        dtype: args[2].parse().unwrap(),
        isa: if args[3] == "best" {
            None
        } else {
            Some(args[3].parse().unwrap())
        },
        threads: NonZeroUsize::new(args[4].parse().unwrap()).unwrap(),
    };
    let e = Encoder::open(args[1].as_ref(), &options).unwrap();
    let mut l = Logits::default();
    for (count, n) in [
        (1usize, 16usize),
        (1, 77),
        (1, 128),
        (1, 384),
        (8, 77),
        (8, 128),
    ] {
        let ids: Vec<u32> = (0..(count * n) as u32)
            .map(|i| 1000 + (i * 7919) % 20000)
            .collect();
        let types: Vec<u32> = vec![0; ids.len()];
        let lengths: Vec<usize> = (0..=count).map(|i| i * n).collect();
        let mut times = Vec::new();
        for _ in 0..120 {
            let t = Instant::now();
            e.forward(
                &Tokens {
                    input_ids: &ids,
                    token_type_ids: &types,
                    cumulative_lengths: &lengths,
                },
                &mut l,
            )
            .unwrap();
            times.push(t.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{count} x {n}: least {:.2} ms, median {:.2} ms, a sequence {:.2}",
            times[0],
            times[60],
            times[60] / count as f64
        );
    }
}
