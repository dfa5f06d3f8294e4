//! Whether a request may join the queue. Pure arithmetic.

use std::time::Duration;

use super::schedule::{Share, TURN_TOKENS};
use crate::config::Admission;

/// Lets a request of `tokens` join those that wait, or says after what time there will be room for it.
///
/// There is room while all that waits stays within `max_queue_tokens`. A request that is larger than that on its own
/// takes no room away from others, or a long list would shut them out; there is room for it unless another such one waits.
///
/// Nor may the expected wait exceed `max_queue_delay`. Requests take turns ([`super::schedule`]): until this one has had
/// its `tokens`, each of the others gets as many at most, or one turn. So the wait is not that for all that waits, but
/// for what each of the others has left, up to that. Left out is what a worker is busy with, one batch at most, and who
/// comes later, who makes a list wait, but not a question of one window.
///
/// `tokens_per_second` is what all workers together get through; `None` while nobody knows, and then no wait is too
/// long.
pub(crate) fn admit(
    limits: &Admission,
    tokens_per_second: Option<f64>,
    waiting: impl Iterator<Item = Share>,
    tokens: usize,
) -> Result<(), Duration> {
    let limit = limits.max_queue_tokens.get();
    let (mut counted, mut oversized, mut ahead) = (0_usize, 0_usize, 0_usize);
    for share in waiting {
        ahead += share.left.min(tokens.max(TURN_TOKENS));
        if share.brought <= limit {
            counted += share.left;
        } else {
            oversized += share.left;
        }
    }
    let excess = if tokens > limit {
        oversized
    } else {
        (counted + tokens).saturating_sub(limit)
    };
    let Some(rate) = tokens_per_second else {
        return refuse_if(excess > 0, Duration::ZERO);
    };
    let wait = time_for(ahead, rate);
    let too_long = wait.saturating_sub(limits.max_queue_delay);
    refuse_if(
        excess > 0 || !too_long.is_zero(),
        too_long.max(time_for(excess, rate)),
    )
}

fn refuse_if(full: bool, retry_after: Duration) -> Result<(), Duration> {
    if full { Err(retry_after) } else { Ok(()) }
}

fn time_for(tokens: usize, tokens_per_second: f64) -> Duration {
    let seconds = tokens as f64 / tokens_per_second;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    /// A queue of 10,000 tokens and two seconds.
    fn limits() -> Admission {
        Admission {
            max_queue_tokens: NonZeroUsize::new(10_000).unwrap(),
            max_queue_delay: Duration::from_secs(2),
        }
    }

    /// Requests that brought and still have so many times ten tokens; a hundred times ten go through in a second.
    fn check(waiting: &[(usize, usize)], tokens: usize, expected: Result<(), Duration>) {
        let shares = waiting.iter().map(|&(brought, left)| Share {
            brought: brought * 10,
            left: left * 10,
        });
        assert_eq!(
            admit(&limits(), Some(1000.0), shares, tokens.saturating_mul(10)),
            expected,
            "{tokens} after {waiting:?}"
        );
    }

    const fn seconds(seconds: u64) -> Result<(), Duration> {
        Err(Duration::from_secs(seconds))
    }

    #[test]
    fn an_empty_queue_takes_any_request() {
        for tokens in [0, 1, 1000, 1001, usize::MAX] {
            check(&[], tokens, Ok(()));
        }
    }

    #[test]
    fn what_waits_stays_within_the_tokens_allowed() {
        check(&[(900, 900)], 100, Ok(()));
        check(&[(900, 900)], 101, Err(Duration::from_millis(10)));
        check(&[(900, 800)], 200, Ok(()));
    }

    #[test]
    fn a_request_larger_than_the_queue_joins_those_that_are_not() {
        check(&[(50, 50), (50, 50), (50, 50)], 1001, Ok(()));
        check(&[(100, 100), (100, 100)], 5000, Ok(()));
        check(&[(150, 150), (150, 150)], 5000, seconds(1));
    }

    #[test]
    fn of_requests_larger_than_the_queue_one_waits_at_a_time() {
        check(&[(5000, 300)], 1001, seconds(3));
        // What others have left is not waited for.
        check(&[(5000, 100), (50, 50)], 1001, seconds(1));
    }

    #[test]
    fn a_request_larger_than_the_queue_shuts_nobody_out() {
        check(&[(5000, 5000)], 200, Ok(()));
        // Still its own place when little is left of it.
        check(&[(5000, 950)], 200, Ok(()));
    }

    #[test]
    fn a_single_question_waits_for_its_turn_only_not_for_a_list() {
        check(&[(900, 900)], 50, Ok(()));
        check(&[(200, 200), (200, 200), (200, 200)], 50, Ok(()));
        check(&[(200, 200), (200, 200), (200, 200)], 200, seconds(4));
    }

    #[test]
    fn a_turn_is_the_least_that_others_get_first() {
        let waiting = || {
            (0..6).map(|_| Share {
                brought: 9000,
                left: 400,
            })
        };
        let Err(retry_after) = admit(&limits(), Some(1000.0), waiting(), 1) else {
            panic!("six turns take longer than the limit");
        };
        let ahead = Duration::from_millis(6 * TURN_TOKENS as u64);
        assert_eq!(limits().max_queue_delay + retry_after, ahead);
    }

    #[test]
    fn a_wait_over_the_limit_is_refused_until_the_rest_has_drained() {
        let short: Vec<_> = std::iter::repeat_n((50, 50), 6).collect();
        check(&short[..4], 50, Ok(()));
        check(&short[..5], 50, Err(Duration::from_millis(500)));
        check(&short, 50, seconds(1));
    }

    #[test]
    fn before_anything_was_measured_only_the_tokens_count() {
        let waiting = || {
            std::iter::once(Share {
                brought: 9000,
                left: 9000,
            })
        };
        assert_eq!(admit(&limits(), None, waiting(), 1000), Ok(()));
        assert_eq!(admit(&limits(), None, waiting(), 1001), Err(Duration::ZERO));
    }
}
