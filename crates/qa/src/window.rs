//! Overlapping windows of a context that is too long for the model. Pure arithmetic on token counts.

use std::ops::Range;

use crate::error::AnswerError;

/// Maximum number of windows of a question: about one megabyte of English text with the default stride.
/// With more windows, one request would use a core for minutes.
pub(crate) const MAX_WINDOWS: usize = 1024;

/// Number of tokens of each kind in a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenCounts {
    /// Tokens of the question.
    pub(crate) question: usize,
    /// Tokens of the context.
    pub(crate) context: usize,
    /// Special tokens around them.
    pub(crate) special: usize,
}

/// Windows as ranges of the context's tokens. A context that fits is one window. Otherwise every window except the last one has
/// the maximum length, and shares `doc_stride` tokens with the window before it.
///
/// # Errors
/// [`AnswerError::QuestionTooLong`] if a window has room for `doc_stride` tokens of the context or fewer, and
/// [`AnswerError::TooManyWindows`] for more than [`MAX_WINDOWS`].
pub(crate) fn windows(
    tokens: TokenCounts,
    max_seq_len: usize,
    doc_stride: usize,
) -> Result<Vec<Range<usize>>, AnswerError> {
    let room = max_seq_len.saturating_sub(tokens.special);
    let capacity = room.saturating_sub(tokens.question);
    let fits = tokens.special + tokens.question + tokens.context <= max_seq_len;
    if !fits && capacity <= doc_stride {
        let limit = room.saturating_sub(doc_stride).saturating_sub(1);
        return Err(AnswerError::QuestionTooLong {
            tokens: tokens.question,
            limit,
        });
    }
    // A context that fits is one window for any stride.
    let step = capacity.saturating_sub(doc_stride).max(1);
    let rest = tokens.context.saturating_sub(capacity);
    let windows = rest.div_ceil(step) + 1;
    if windows > MAX_WINDOWS {
        return Err(AnswerError::TooManyWindows {
            windows,
            limit: MAX_WINDOWS,
        });
    }
    let starts = (0..windows).map(|index| index * step);
    Ok(starts
        .map(|start| start..tokens.context.min(start + capacity))
        .collect())
}

/// Mirrored windows: the first window ends at the end of the context.
pub(crate) fn from_the_end(windows: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let end = windows.last().map_or(0, |last| last.end);
    windows
        .into_iter()
        .map(|window| end - window.end..end - window.start)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(
        question: usize,
        context: usize,
        max_seq_len: usize,
        doc_stride: usize,
        expected: &[(usize, usize)],
    ) {
        let tokens = TokenCounts {
            question,
            context,
            special: 3,
        };
        let windows = windows(tokens, max_seq_len, doc_stride).unwrap();
        let bounds: Vec<_> = windows
            .iter()
            .map(|window| (window.start, window.end))
            .collect();
        assert_eq!(bounds, expected);
    }

    fn check_too_long(
        question: usize,
        max_seq_len: usize,
        doc_stride: usize,
        expected_limit: usize,
    ) {
        let tokens = TokenCounts {
            question,
            context: 1000,
            special: 3,
        };
        match windows(tokens, max_seq_len, doc_stride) {
            Err(AnswerError::QuestionTooLong { tokens, limit }) => {
                assert_eq!((tokens, limit), (question, expected_limit));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pair_that_fits_is_one_window() {
        check(7, 10, 20, 5, &[(0, 10)]);
        check(7, 0, 20, 5, &[(0, 0)]);
        check(300, 10, 384, 128, &[(0, 10)]);
    }

    #[test]
    fn a_context_one_token_too_long_is_two_windows() {
        check(7, 11, 20, 5, &[(0, 10), (5, 11)]);
    }

    #[test]
    fn windows_stop_at_the_first_that_reaches_the_end() {
        check(7, 20, 20, 5, &[(0, 10), (5, 15), (10, 20)]);
        check(7, 21, 20, 5, &[(0, 10), (5, 15), (10, 20), (15, 21)]);
        check(7, 20, 20, 0, &[(0, 10), (10, 20)]);
    }

    #[test]
    fn a_question_as_long_as_the_window_leaves_no_room() {
        check_too_long(253, 384, 128, 252);
        check_too_long(381, 384, 128, 252);
        check_too_long(1_000_000, 384, 128, 252);
        check_too_long(1, 2, 1, 0);
        check_too_long(1, 384, 384, 0);
    }

    proptest! {
        #[test]
        fn windows_cover_every_token_and_overlap_by_the_stride(
            question in 0_usize..40, context in 0_usize..500, max_seq_len in 1_usize..80, doc_stride in 0_usize..60,
        ) {
            let tokens = TokenCounts { question, context, special: 3 };
            let Ok(windows) = windows(tokens, max_seq_len, doc_stride) else { return Ok(()) };
            prop_assert_eq!(windows[0].start, 0);
            prop_assert_eq!(windows[windows.len() - 1].end, context);
            for window in &windows {
                prop_assert!(question + window.len() + 3 <= max_seq_len);
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[0].start < pair[1].start);
                prop_assert_eq!(pair[0].end - pair[1].start, doc_stride);
            }
        }
    }
}
