//! Division of the tokens among the threads.

use std::ops::Range;

use crate::model::Shape;

/// Time of a multiplication of attention over the time of one of a linear layer, softmax included.
const ATTENTION_COST: usize = 4;

/// Tokens of the thread `rank` of `size`, so that all threads have about the same work: a token of a long sequence has
/// more keys to attend to. `starts` holds the first token of each sequence and the end of the last one.
pub(super) fn of(starts: &[usize], rank: usize, size: usize, shape: &Shape) -> Range<usize> {
    let linear = 4 * shape.hidden + 2 * shape.intermediate;
    let cost = |tokens: usize| linear + 2 * ATTENTION_COST * tokens;
    let total: usize = lengths(starts).map(|tokens| tokens * cost(tokens)).sum();
    let bound = |rank: usize| {
        let mut left = total / size * rank;
        let mut token = 0;
        for tokens in lengths(starts) {
            let each = cost(tokens);
            if left < tokens * each {
                return token + left / each;
            }
            left -= tokens * each;
            token += tokens;
        }
        token
    };
    let last = rank + 1 == size;
    let end = if last {
        starts[starts.len() - 1]
    } else {
        bound(rank + 1)
    };
    bound(rank)..end
}

fn lengths(starts: &[usize]) -> impl Iterator<Item = usize> {
    starts.windows(2).map(|bounds| bounds[1] - bounds[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        hidden: 384,
        heads: 12,
        head: 32,
        padded_head: 32,
        section: 384,
        intermediate: 1536,
    };

    #[test]
    fn every_token_is_in_one_share() {
        for starts in [&[0, 1][..], &[0, 77], &[0, 5, 389, 400, 464]] {
            for size in 1..5 {
                let mut next = 0;
                for rank in 0..size {
                    let share = of(starts, rank, size, &SHAPE);
                    assert_eq!(share.start, next);
                    next = share.end;
                }
                assert_eq!(next, starts[starts.len() - 1]);
            }
        }
    }

    #[test]
    fn one_sequence_is_halved_and_a_long_one_counts_for_more() {
        assert_eq!(of(&[0, 77], 0, 2, &SHAPE), 0..38);
        let share = of(&[0, 384, 768, 868, 968, 1068, 1168], 0, 2, &SHAPE);
        assert!(share.end < 584 && share.end > 484, "{share:?}");
    }
}
