//! Scores of the bundled model on the whole development set of SQuAD 1.1.

#![cfg(feature = "bundled-model")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::path::Path;
use std::thread;

use bakeoff_qa::squad::{self, Example, Score, Totals};
use bakeoff_qa::{Options, Question, QuestionAnswering};

/// Variable with the path of the data file. Without it the test is skipped: it takes minutes, and the repository has no copy of the data.
const DATA: &str = "BAKEOFF_SQUAD_DEV";

/// Exact match and F1 of ONNX Runtime with the same graph, in percent.
const REFERENCE: (f64, f64) = (73.03, 82.30);

/// Tolerance in percentage points.
const TOLERANCE: f64 = 0.3;

#[test]
fn exact_match_and_f1_are_those_of_the_model_card() {
    let Some(path) = env::var_os(DATA) else {
        println!("skipped: {DATA} does not name SQuAD's development set");
        return;
    };
    let examples = squad::read(Path::new(&path)).unwrap();
    let model = QuestionAnswering::embedded().unwrap();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let totals = thread::scope(|scope| {
        let parts: Vec<_> = examples
            .chunks(examples.len().div_ceil(threads))
            .map(|part| scope.spawn(|| evaluate(&model, part)))
            .collect();
        let mut totals = Totals::default();
        for part in parts {
            totals.merge(&part.join().unwrap());
        }
        totals
    });
    let (exact_match, f1) = (totals.exact_match_percent(), totals.f1_percent());
    println!(
        "{} questions: exact match {exact_match:.2} %, F1 {f1:.2} %",
        totals.questions()
    );
    assert!(
        (exact_match - REFERENCE.0).abs() <= TOLERANCE,
        "{exact_match}"
    );
    assert!((f1 - REFERENCE.1).abs() <= TOLERANCE, "{f1}");
}

fn evaluate(model: &QuestionAnswering, examples: &[Example]) -> Totals {
    let mut totals = Totals::default();
    for example in examples {
        let question = Question::new(&*example.question, &*example.context).unwrap();
        let answers = model.answer(&question, &Options::default()).unwrap();
        totals.add(Score::new(&answers[0].text, &example.answers));
    }
    totals
}
