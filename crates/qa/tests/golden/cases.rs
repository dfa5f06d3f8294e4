//! Cases of a reference implementation: questions, options and answers.

use std::fs;
use std::iter;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bakeoff_qa::{Answer, AnswerError, Compat, Options, Question, QuestionAnswering};
use serde::Deserialize;

/// Tolerance of scores: two engines add the same float32 numbers in different orders.
const TOLERANCE: f64 = 1e-4;

/// File of cases from the scripts in `reference/`.
#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) contexts: Vec<String>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    question: String,
    contexts: Vec<usize>,
    options: CaseOptions,
    #[serde(default)]
    pub(crate) answers: Vec<CaseAnswer>,
    /// `true` if the reference failed because the question left no room for the context.
    #[serde(default)]
    pub(crate) refused: bool,
    #[serde(default)]
    pub(crate) logits: Vec<WindowLogits>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CaseOptions {
    top_k: Option<NonZeroUsize>,
    doc_stride: Option<usize>,
    max_answer_len: Option<NonZeroUsize>,
    max_seq_len: Option<NonZeroUsize>,
    handle_impossible_answer: Option<bool>,
    align_to_words: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CaseAnswer {
    pub(crate) score: f64,
    start: usize,
    end: usize,
    answer: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WindowLogits {
    pub(crate) start: Vec<f32>,
    pub(crate) end: Vec<f32>,
}

impl Golden {
    pub(crate) fn read(path: &Path) -> Self {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Answers every case.
    ///
    /// # Panics
    /// Cases with a different answer.
    pub(crate) fn check(&self, model: &QuestionAnswering, compat: Compat) {
        let different = self.differences(model, compat);
        let (count, cases) = (different.len(), self.cases.len());
        assert!(
            count == 0,
            "{count} of {cases} cases differ\n{}",
            different.join("\n")
        );
    }

    /// Answers every case, on all cores. Returns a description of each different answer.
    pub(crate) fn differences(&self, model: &QuestionAnswering, compat: Compat) -> Vec<String> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mine = iter::from_fn(|| self.cases.get(next.fetch_add(1, Ordering::Relaxed)));
            mine.filter_map(|case| case.answered_differently(model, &self.contexts, compat))
                .collect::<Vec<_>>()
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let found = workers.into_iter().map(|worker| worker.join().unwrap());
            found.flatten().collect()
        })
    }
}

impl Case {
    pub(crate) fn question(&self, contexts: &[String]) -> Question {
        let contexts: Vec<&str> = self
            .contexts
            .iter()
            .map(|&index| contexts[index].as_str())
            .collect();
        Question::new(&*self.question, contexts.join("\n")).expect("no case is empty")
    }

    pub(crate) fn options(&self, compat: Compat) -> Options {
        let (options, default) = (&self.options, Options::default());
        Options {
            top_k: options.top_k.unwrap_or(default.top_k),
            doc_stride: options.doc_stride,
            max_answer_len: options.max_answer_len.unwrap_or(default.max_answer_len),
            max_seq_len: options.max_seq_len,
            handle_impossible_answer: options
                .handle_impossible_answer
                .unwrap_or(default.handle_impossible_answer),
            align_to_words: options.align_to_words.unwrap_or(default.align_to_words),
            compat,
        }
    }

    /// Description of the difference, if `model` answers differently.
    fn answered_differently(
        &self,
        model: &QuestionAnswering,
        contexts: &[String],
        compat: Compat,
    ) -> Option<String> {
        match model.answer(&self.question(contexts), &self.options(compat)) {
            Ok(_) if self.refused => Some(format!("{}: the reference refused it", self.name)),
            Ok(answers) => self.difference(&likely(answers), TOLERANCE),
            Err(AnswerError::QuestionTooLong { .. }) if self.refused => None,
            Err(error) => Some(format!("{}: {error}", self.name)),
        }
    }

    /// Description of the difference, if `found` differs from the expected answers.
    pub(crate) fn difference(&self, found: &[Answer], tolerance: f64) -> Option<String> {
        let same = self.answers.len() == found.len()
            && self.answers.iter().zip(found).all(|(expected, found)| {
                expected.is(found) && (expected.score - found.score).abs() <= tolerance
            });
        (!same).then(|| {
            format!(
                "{}:\n  expected {:?}\n  found    {found:?}",
                self.name, self.answers
            )
        })
    }
}

impl CaseAnswer {
    /// `true` if `found` is the same span.
    pub(crate) fn is(&self, found: &Answer) -> bool {
        self.answer == found.text && (self.start, self.end) == (found.start, found.end)
    }
}

/// Answers with a score above 0, or the first answer if there is none.
///
/// The other answers of the reference depend on numpy's partition, so that the script leaves them out.
fn likely(mut answers: Vec<Answer>) -> Vec<Answer> {
    let with_score = answers.iter().filter(|answer| answer.score > 0.0).count();
    answers.truncate(with_score.max(1));
    answers
}

/// Folder of the tests.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}
