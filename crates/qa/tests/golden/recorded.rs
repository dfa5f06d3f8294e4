//! Answers from recorded logits of another engine, compared with version 4.57 from `reference/question_answering.py`.

use bakeoff_qa::backend::BackendError;
use bakeoff_qa::{Backend, Batch, Compat, Logits, ModelFiles, QuestionAnswering};

use crate::cases::{self, Case, Golden, WindowLogits};

/// Tolerance of scores for the same logits: float32 sums in another order, and another `exp`.
const DECODE_TOLERANCE: f64 = 1e-5;

#[test]
fn recorded_logits_give_the_answers_of_the_reference() {
    let golden = golden();
    let recorded: Vec<&Case> = golden
        .cases
        .iter()
        .filter(|case| !case.logits.is_empty())
        .collect();
    assert!(recorded.len() >= 50, "{}", recorded.len());
    for case in recorded {
        let backend = Recorded(case.logits.clone());
        let model =
            QuestionAnswering::with_backend(&ModelFiles::embedded(), Box::new(backend)).unwrap();
        let answers = model
            .answer(
                &case.question(&golden.contexts),
                &case.options(Compat::V4_57),
            )
            .unwrap();
        assert_eq!(case.difference(&answers, DECODE_TOLERANCE), None);
    }
}

fn golden() -> Golden {
    Golden::read(&cases::folder().join("golden/question_answering.json"))
}

/// Backend with the recorded logits of the same windows.
#[derive(Debug)]
struct Recorded(Vec<WindowLogits>);

impl Backend for Recorded {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let lengths: Vec<usize> = batch.sequences().map(|sequence| sequence.len()).collect();
        let recorded: Vec<usize> = self.0.iter().map(|window| window.start.len()).collect();
        if lengths != recorded {
            return Err(
                format!("windows of {lengths:?} tokens, recorded were {recorded:?}").into(),
            );
        }
        Ok(Logits {
            start: self
                .0
                .iter()
                .flat_map(|window| window.start.clone())
                .collect(),
            end: self
                .0
                .iter()
                .flat_map(|window| window.end.clone())
                .collect(),
        })
    }
}
