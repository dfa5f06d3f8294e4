//! The bundled model in eight bits and in bf16, compared with version 4.57 in float32.

use bakeoff_qa::backend::{Dtype, Isa};
use bakeoff_qa::{Compat, ModelOptions, QuestionAnswering};

use crate::cases::{self, Golden};

/// Minimum share of cases with the same best answer, and mean and maximum difference of its score.
///
/// Rounding changes logits by 0.04 on average in eight bits, and by 0.007 in bf16. The best answer changes only if another answer
/// is almost as good.
struct Tolerance {
    same_ratio: f64,
    mean: f64,
    worst: f64,
}

#[test]
fn eight_bits_give_the_best_answers_of_the_reference() {
    for isa in Isa::available() {
        let tolerance = Tolerance {
            same_ratio: 0.95,
            mean: 0.02,
            worst: 0.3,
        };
        check(Dtype::Int8, isa, &tolerance);
    }
}

#[test]
fn bf16_gives_the_best_answers_of_the_reference() {
    let tolerance = Tolerance {
        same_ratio: 0.99,
        mean: 0.005,
        worst: 0.1,
    };
    for isa in [Isa::Avx512Bf16, Isa::Portable] {
        if isa.is_available() {
            check(Dtype::Bf16, isa, &tolerance);
        }
    }
}

fn check(dtype: Dtype, isa: Isa, tolerance: &Tolerance) {
    let golden = Golden::read(&cases::folder().join("golden/parity-4.57.json"));
    let options = ModelOptions {
        dtype: Some(dtype),
        isa: Some(isa),
        ..ModelOptions::default()
    };
    let model = QuestionAnswering::embedded_with(&options).unwrap();
    let (mut cases, mut same, mut sum, mut worst) = (0, 0, 0.0, 0.0_f64);
    // A sample is enough for a ratio. Slow instruction sets get a smaller sample.
    let step = if isa == Isa::detect() { 4 } else { 12 };
    for case in golden
        .cases
        .iter()
        .filter(|case| !case.refused)
        .step_by(step)
    {
        let question = case.question(&golden.contexts);
        let answers = model.answer(&question, &case.options(Compat::V4_57));
        let answers = answers.unwrap();
        let (Some(expected), Some(found)) = (case.answers.first(), answers.first()) else {
            continue;
        };
        let distance = (expected.score - found.score).abs();
        (cases, sum, worst) = (cases + 1, sum + distance, worst.max(distance));
        if expected.is(found) {
            same += 1;
        }
    }
    let (same_ratio, mean) = (f64::from(same) / f64::from(cases), sum / f64::from(cases));
    let found = format!(
        "{dtype} by {isa}: same {same_ratio:.3} of {cases}, apart by {mean:.4} on average and {worst:.3} at most"
    );
    assert!(same_ratio >= tolerance.same_ratio, "{found}");
    assert!(mean <= tolerance.mean, "{found}");
    assert!(worst <= tolerance.worst, "{found}");
}
