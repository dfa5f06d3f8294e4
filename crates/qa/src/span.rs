//! Best spans of one window. Pure.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;

/// Token range in the context, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// Index of the first token in the window's context.
    pub(crate) start: usize,
    /// Index of the last token in the window's context.
    pub(crate) end: usize,
    /// Probability of the start multiplied by the probability of the end, within the window.
    pub(crate) score: f32,
}

/// Probabilities of each token of a window's context as start and end of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probabilities {
    start: Vec<f32>,
    end: Vec<f32>,
    /// Probability of no answer in the window: that of its first token as start and end.
    pub(crate) null: f32,
}

impl Probabilities {
    /// Softmax over the `context` of a window and the class tokens at the positions `class`. Question and separators are masked.
    ///
    /// The class token, usually the first token, is part of the sum, so that scores are low in a window without an answer.
    pub(crate) fn new(
        start_logits: &[f32],
        end_logits: &[f32],
        context: &Range<usize>,
        class: &[usize],
    ) -> Self {
        let (start, null_start) = masked_softmax(start_logits, context, class);
        let (end, null_end) = masked_softmax(end_logits, context, class);
        Self {
            start,
            end,
            null: null_start * null_end,
        }
    }

    /// Best spans of at most `max_answer_len` tokens, best first, at most `limit`. Of two equal spans the earlier one is first.
    pub(crate) fn best_spans(&self, limit: usize, max_answer_len: usize) -> Vec<Span> {
        let mut best = BinaryHeap::new();
        for (start, p_start) in self.start.iter().enumerate() {
            for (offset, p_end) in self.end[start..].iter().take(max_answer_len).enumerate() {
                let span = Ranked(Span {
                    start,
                    end: start + offset,
                    score: p_start * p_end,
                });
                if span.0.score <= 0.0 || span.0.score.is_nan() {
                    continue;
                }
                if best.len() < limit {
                    best.push(Reverse(span));
                } else if best.peek().is_some_and(|Reverse(worst)| span > *worst) {
                    best.pop();
                    best.push(Reverse(span));
                }
            }
        }
        best.into_sorted_vec()
            .into_iter()
            .map(|Reverse(Ranked(span))| span)
            .collect()
    }
}

/// Softmax over `context` and `class`. Returns the probabilities of the context, and of the first token if it is in `class`.
fn masked_softmax(logits: &[f32], context: &Range<usize>, class: &[usize]) -> (Vec<f32>, f32) {
    let class_logits = || class.iter().map(|&index| logits[index]);
    let max = logits[context.clone()]
        .iter()
        .copied()
        .chain(class_logits())
        .fold(f32::NEG_INFINITY, f32::max);
    let mut probabilities: Vec<f32> = logits[context.clone()]
        .iter()
        .map(|logit| (logit - max).exp())
        .collect();
    let class_sum: f32 = class_logits().map(|logit| (logit - max).exp()).sum();
    let sum = class_sum + probabilities.iter().sum::<f32>();
    for probability in &mut probabilities {
        *probability /= sum;
    }
    let first = if class.first() == Some(&0) {
        (logits[0] - max).exp() / sum
    } else {
        0.0
    };
    (probabilities, first)
}

/// Span with an order by score: a better span is greater.
#[derive(Debug, PartialEq)]
struct Ranked(Span);

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |span: &Span| Reverse((span.start, span.end));
        self.0
            .score
            .total_cmp(&other.0.score)
            .then_with(|| place(&self.0).cmp(&place(&other.0)))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Probabilities of a window `[CLS] q [SEP] context [SEP]` with a question of one token.
    fn probabilities(start_logits: &[f32], end_logits: &[f32]) -> Probabilities {
        let around = |logits: &[f32]| [&[0.0, 50.0, 60.0][..], logits, &[70.0]].concat();
        Probabilities::new(
            &around(start_logits),
            &around(end_logits),
            &(3..3 + start_logits.len()),
            &[0],
        )
    }

    fn check(
        start_logits: &[f32],
        end_logits: &[f32],
        max_answer_len: usize,
        expected: &[(usize, usize)],
    ) {
        let spans =
            probabilities(start_logits, end_logits).best_spans(expected.len(), max_answer_len);
        let found: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_best_span_joins_the_best_start_and_end() {
        check(&[1.0, 9.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 9.0], 15, &[(1, 3)]);
    }

    #[test]
    fn an_answer_is_at_most_max_answer_len_tokens_long() {
        check(&[9.0, 1.0, 1.0, 1.0], &[1.0, 2.0, 3.0, 9.0], 3, &[(0, 2)]);
        check(&[9.0, 1.0, 1.0, 1.0], &[1.0, 2.0, 3.0, 9.0], 4, &[(0, 3)]);
    }

    #[test]
    fn an_answer_never_ends_before_it_starts() {
        check(&[0.0, 0.0, 9.0], &[9.0, 1.0, 1.0], 15, &[(2, 2), (0, 0)]);
    }

    #[test]
    fn of_equal_spans_the_earlier_is_first() {
        check(
            &[1.0, 1.0, 1.0],
            &[1.0, 1.0, 1.0],
            2,
            &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)],
        );
    }

    #[test]
    fn the_class_token_takes_its_share() {
        let p = probabilities(&[0.0], &[0.0]);
        assert_eq!((p.start[0], p.end[0], p.null), (0.5, 0.5, 0.25));
    }

    #[test]
    fn no_context_has_no_spans() {
        assert_eq!(probabilities(&[], &[]).best_spans(12, 15), []);
    }

    #[test]
    fn logits_that_are_not_numbers_give_no_spans() {
        assert_eq!(
            probabilities(&[f32::NAN, f32::NAN], &[1.0, 2.0]).best_spans(12, 15),
            []
        );
    }

    proptest! {
        #[test]
        fn spans_stay_within_max_answer_len_and_the_best_are_first(
            logits in prop::collection::vec((-20_f32..20.0, -20_f32..20.0), 1..60),
            limit in 1_usize..40,
            max_answer_len in 1_usize..20,
        ) {
            let (start, end): (Vec<f32>, Vec<f32>) = logits.into_iter().unzip();
            let p = probabilities(&start, &end);
            let spans = p.best_spans(limit, max_answer_len);
            prop_assert!(spans.len() <= limit);
            for span in &spans {
                prop_assert!(span.start <= span.end && span.end - span.start < max_answer_len);
                prop_assert!(span.end < start.len());
            }
            prop_assert!(spans.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let mut all: Vec<f32> = (0..start.len())
                .flat_map(|i| (i..start.len().min(i + max_answer_len)).map(move |j| (i, j)))
                .map(|(i, j)| p.start[i] * p.end[j])
                .filter(|score| *score > 0.0)
                .collect();
            all.sort_by(|a, b| b.total_cmp(a));
            all.truncate(limit);
            prop_assert_eq!(spans.iter().map(|span| span.score).collect::<Vec<_>>(), all);
        }
    }
}
