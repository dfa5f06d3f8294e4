//! Prints the logits of some made-up tokens, for comparison with other engines.
use bakeoff_encoder::*;
use std::num::NonZeroUsize;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let options = EncoderOptions {
        dtype: args[2].parse().unwrap(),
        isa: Some(args[3].parse().unwrap()),
        threads: NonZeroUsize::new(args[4].parse().unwrap()).unwrap(),
    };
    let t = std::time::Instant::now();
    let e = Encoder::open(args[1].as_ref(), &options).unwrap();
    eprintln!("load {:?}", t.elapsed());
    for n in [5usize, 16, 77, 131, 384] {
        let ids: Vec<u32> = (0..n as u32).map(|i| 1000 + (i * 7919) % 20000).collect();
        let types: Vec<u32> = (0..n).map(|i| u32::from(i > 4)).collect();
        let mut l = Logits::default();
        e.forward(
            &Tokens {
                input_ids: &ids,
                token_type_ids: &types,
                cumulative_lengths: &[0, n],
            },
            &mut l,
        )
        .unwrap();
        for v in l.start.iter().chain(&l.end) {
            println!("{v}");
        }
    }
}
