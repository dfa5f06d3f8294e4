//! Answers, as they are sent.

use bakeoff_qa::AnswerSpan;
use serde::Serialize;
use utoipa::ToSchema;

use super::offsets::Offsets;

/// What a request gets: one answer to one question as an object; any other number of answers to one question as a list,
/// best first; for several questions a list with an entry for each.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Results<'context> {
    /// The only answer to the only question.
    One(Span<'context>),
    /// Any other number of answers to the only question, or an entry for each question.
    Many(Vec<Outcome<'context>>),
}

/// An answer to the only question, or what became of one of several questions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Outcome<'context> {
    /// One answer.
    Answer(Span<'context>),
    /// No answer or several to one question, best first.
    Answers(Vec<Span<'context>>),
    /// This question has no answers; the others are not affected.
    Failed(Failed),
}

/// A span of the context.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Answer)]
pub(crate) struct Span<'context> {
    /// How likely the model holds the span; exceeds 1 at times, as scores of spans with the same text are added up.
    #[schema(minimum = 0)]
    pub(crate) score: f64,
    /// First character of the span, counted in Unicode code points of the context unless `offsets` asks otherwise.
    pub(crate) start: usize,
    /// One past the last character of the span, counted in Unicode code points of the context unless `offsets` asks
    /// otherwise.
    pub(crate) end: usize,
    /// The context from `start` to `end`.
    pub(crate) answer: &'context str,
}

/// Why one of several questions has no answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FailedItem)]
pub(crate) struct Failed {
    /// The reason, a sentence or a phrase.
    pub(crate) error: String,
    /// The question's place in the list, from 0.
    pub(crate) index: usize,
}

impl<'context> Span<'context> {
    /// Answers to a question about `context`, with offsets that count what `offsets` says.
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
    /// What became of a list that does not hold exactly one question.
    pub(crate) fn of_several(outcomes: Vec<Result<Vec<Span<'context>>, Failed>>) -> Self {
        Self::Many(outcomes.into_iter().map(Outcome::from).collect())
    }

    /// The answers to the only question.
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
