//! Peak rate of multiply-adds of one thread of this CPU, and the rate of the linear layers of the bundled model:
//! for `bench/encoder.py`, which reads one line `NAME G_MULTIPLY_ADDS_PER_SECOND` each. An argument such as `avx2` holds the linear
//! layers to that instruction set.

#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use bakeoff_encoder::{Dtype, Isa, linear_rate};

fn main() {
    #[cfg(target_arch = "x86_64")]
    if Isa::Avx512.is_available() {
        println!("peak-int8 {:.1}", peak::int8());
        println!("peak-f32 {:.1}", peak::f32());
    }
    let isa = std::env::args().nth(1).map_or_else(Isa::detect, |name| {
        name.parse().expect("the argument is an instruction set")
    });
    for dtype in [Dtype::Int8, Dtype::F32] {
        for (rows, inputs, outputs) in SHAPES {
            let rate = linear_rate(isa, dtype, [rows, inputs, outputs]);
            println!("{dtype}-{rows}x{inputs}x{outputs} {:.1}", rate / 1e9);
        }
    }
}

/// Rows, inputs and outputs of the linear layers of the bundled model, at 77 and at 384 tokens.
const SHAPES: [(usize, usize, usize); 8] = [
    (77, 384, 1152),
    (77, 384, 384),
    (77, 384, 1536),
    (77, 1536, 384),
    (384, 384, 1152),
    (384, 384, 384),
    (384, 384, 1536),
    (384, 1536, 384),
];

#[cfg(target_arch = "x86_64")]
mod peak {
    use std::arch::asm;
    use std::time::Instant;

    /// Sums that are independent of each other, more than any CPU can have under way.
    const SUMS: f64 = 12.0;

    /// Twelve instructions again and again, on registers only.
    macro_rules! rate {
        ($instruction:literal, $products:literal) => {{
            let mut best = 0.0_f64;
            for _ in 0..200 {
                let rounds = 100_000_u64;
                let start = Instant::now();
                // SAFETY: it changes only the registers that it says, and the CPU has AVX-512 with VNNI.
                unsafe {
                    asm!(
                        "2:",
                        concat!($instruction, " zmm0, zmm30, zmm31"), concat!($instruction, " zmm1, zmm30, zmm31"),
                        concat!($instruction, " zmm2, zmm30, zmm31"), concat!($instruction, " zmm3, zmm30, zmm31"),
                        concat!($instruction, " zmm4, zmm30, zmm31"), concat!($instruction, " zmm5, zmm30, zmm31"),
                        concat!($instruction, " zmm6, zmm30, zmm31"), concat!($instruction, " zmm7, zmm30, zmm31"),
                        concat!($instruction, " zmm8, zmm30, zmm31"), concat!($instruction, " zmm9, zmm30, zmm31"),
                        concat!($instruction, " zmm10, zmm30, zmm31"), concat!($instruction, " zmm11, zmm30, zmm31"),
                        "dec {rounds}",
                        "jnz 2b",
                        rounds = inout(reg) rounds => _,
                        out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
                        out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
                    );
                }
                let seconds = start.elapsed().as_secs_f64();
                best = best.max(rounds as f64 * SUMS * $products / seconds / 1e9);
            }
            best
        }};
    }

    pub(super) fn int8() -> f64 {
        rate!("vpdpbusd", 64.0)
    }

    pub(super) fn f32() -> f64 {
        rate!("vfmadd231ps", 16.0)
    }
}
