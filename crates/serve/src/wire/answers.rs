//! JSON of answers.

use bakeoff_qa::AnswerSpan;
use serde::Serialize;
use utoipa::ToSchema;

use super::offsets::Offsets;

/// Description of [`Results`] in a response.
pub(crate) const RESULTS: &str = "One answer is an object. No answer or several answers are a list, best first. \
    Several questions have a list with one entry for each question.";

/// Body of a successful response. One answer to one question is an object. No answer or several answers to one question are
/// a list, best first. Several questions have a list with one entry for each question.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Results<'context> {
    /// One answer to one question.
    One(Span<'context>),
    /// No answer or several answers to one question, or an entry for each question.
    Many(Vec<Outcome<'context>>),
}

/// Entry of a list: an answer to the only question, or the result of one of several questions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Outcome<'context> {
    /// One answer.
    Answer(Span<'context>),
    /// No answer or several answers to one question, best first.
    Answers(Vec<Span<'context>>),
    /// Error of this question. Other questions are not affected.
    Failed(Failed),
}

/// Answer: a span of the context.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Answer)]
pub(crate) struct Span<'context> {
    /// Probability of the span by the model. Scores of spans with the same text are added, so that the score can exceed 1.
    #[schema(minimum = 0)]
    pub(crate) score: f64,
    /// Index of the span's first character in the context, in Unicode code points or in the unit of `offsets`.
    pub(crate) start: usize,
    /// Index after the span's last character in the context, in Unicode code points or in the unit of `offsets`.
    pub(crate) end: usize,
    /// Text of the span: the context from `start` to `end`.
    pub(crate) answer: &'context str,
}

/// Error of one of several questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FailedItem)]
pub(crate) struct Failed {
    /// Reason for the error.
    pub(crate) error: String,
    /// Index of the question in the list, from 0.
    pub(crate) index: usize,
}

impl<'context> Span<'context> {
    /// Answers to a question about `context`, with offsets in the unit of `offsets`.
    pub(crate) fn all(
        answers: &[AnswerSpan],
        context: &'context str,
        offsets: Offsets,
    ) -> Vec<Self> {
        let spans = answers.iter().map(|answer| Self {
            score: answer.score,
            start: answer.start,
            end: answer.end,
            answer: answer.text(context),
        });
        let mut spans: Vec<Self> = spans.collect();
        offsets.apply(context, &mut spans);
        spans
    }
}

impl<'context> Results<'context> {
    /// Results of no questions or several questions.
    pub(crate) fn of_several(outcomes: Vec<Result<Vec<Span<'context>>, Failed>>) -> Self {
        Self::Many(outcomes.into_iter().map(Outcome::from).collect())
    }

    /// Results of one question.
    pub(crate) fn of_one(mut spans: Vec<Span<'context>>) -> Self {
        match spans.pop() {
            Some(only) if spans.is_empty() => Self::One(only),
            last => Self::Many(spans.into_iter().chain(last).map(Outcome::Answer).collect()),
        }
    }
}

impl<'context> From<Result<Vec<Span<'context>>, Failed>> for Outcome<'context> {
    fn from(outcome: Result<Vec<Span<'context>>, Failed>) -> Self {
        match outcome {
            Ok(mut spans) => match spans.pop() {
                Some(only) if spans.is_empty() => Self::Answer(only),
                last => Self::Answers(spans.into_iter().chain(last).collect()),
            },
            Err(failed) => Self::Failed(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn span(start: usize) -> Span<'static> {
        Span {
            score: 0.25,
            start,
            end: start + 1,
            answer: "a",
        }
    }

    fn wire(start: usize) -> Value {
        json!({ "score": 0.25, "start": start, "end": start + 1, "answer": "a" })
    }

    #[test]
    fn one_answer_is_an_object_and_others_are_a_list() {
        let check = |spans: Vec<Span>, expected: Value| {
            assert_eq!(
                serde_json::to_value(Results::of_one(spans)).unwrap(),
                expected
            );
        };
        check(vec![], json!([]));
        check(vec![span(1)], wire(1));
        check(
            vec![span(1), span(2), span(3)],
            json!([wire(1), wire(2), wire(3)]),
        );
    }

    #[test]
    fn several_questions_have_an_entry_each() {
        let failed = Failed {
            error: "too long".to_owned(),
            index: 2,
        };
        let outcomes = vec![
            Ok(vec![span(1)]),
            Ok(vec![span(2), span(3)]),
            Err(failed),
            Ok(vec![]),
        ];
        assert_eq!(
            serde_json::to_value(Results::of_several(outcomes)).unwrap(),
            json!([wire(1), [wire(2), wire(3)], { "error": "too long", "index": 2 }, []])
        );
    }
}
