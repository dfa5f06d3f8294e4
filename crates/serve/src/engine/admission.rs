//! Admission of requests to the queue. Pure arithmetic.

use std::time::Duration;

use super::schedule::{RequestTokens, TURN_TOKENS};
use crate::config::Admission;

/// Decides if a request with `tokens` can join the requests in `waiting`. `tokens_per_second` is the throughput of all workers
/// together, `None` before the first measurement.
///
/// Two limits apply:
///
/// - `max_queue_tokens` limits the tokens in the queue. A larger request does not count, so that a long list does not keep out
///   other requests. It can join if no other such request waits.
/// - `max_queue_delay` limits the expected time in the queue. Requests take turns ([`super::schedule`]). Until this request has
///   had its `tokens`, each other request gets at most as many tokens, or one turn. The estimate leaves out the current batch of
///   each worker. It also leaves out later requests, which delay a list, but not a question with one window.
///
/// Without a throughput only the first limit applies.
///
/// # Errors
/// Time after which a retry can succeed.
pub(crate) fn admit(
    limits: &Admission,
    tokens_per_second: Option<f64>,
    waiting: impl Iterator<Item = RequestTokens>,
    tokens: usize,
) -> Result<(), Duration> {
    let limit = limits.max_queue_tokens.get();
    let (mut counted, mut oversized, mut ahead) = (0_usize, 0_usize, 0_usize);
    for share in waiting {
        ahead += share.left.min(tokens.max(TURN_TOKENS));
        if share.total <= limit {
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

    /// Limits of 10,000 tokens and two seconds.
    fn limits() -> Admission {
        Admission {
            max_queue_tokens: NonZeroUsize::new(10_000).unwrap(),
            max_queue_delay: Duration::from_secs(2),
        }
    }

    /// Checks the admission of a request. `waiting` has the total and the waiting tokens of each request. All numbers are in tens of
    /// tokens. The throughput is 1,000 tokens per second.
    fn check(waiting: &[(usize, usize)], tokens: usize, expected: Result<(), Duration>) {
        let shares = waiting.iter().map(|&(total, left)| RequestTokens {
            total: total * 10,
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
        // Other requests do not count.
        check(&[(5000, 100), (50, 50)], 1001, seconds(1));
    }

    #[test]
    fn a_request_larger_than_the_queue_shuts_nobody_out() {
        check(&[(5000, 5000)], 200, Ok(()));
        // A large request does not count either when few of its tokens still wait.
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
            (0..6).map(|_| RequestTokens {
                total: 9000,
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
            std::iter::once(RequestTokens {
                total: 9000,
                left: 9000,
            })
        };
        assert_eq!(admit(&limits(), None, waiting(), 1000), Ok(()));
        assert_eq!(admit(&limits(), None, waiting(), 1001), Err(Duration::ZERO));
    }
}
