//! Time limits for requests, with one timer for many requests.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// Time limit for one future after another.
///
/// The timer stays as it is when its future ends in time. When it fires, it is set to the limit of the future of that
/// moment. So a user that sends thousands of requests a second sets it twice a minute.
#[derive(Debug, Default)]
pub(crate) struct Timeout(Option<Pin<Box<Sleep>>>);

impl Timeout {
    /// Output of `future`; `None` if it is not ready by `limit`.
    pub(crate) async fn limit<F: Future>(
        &mut self,
        limit: Instant,
        future: F,
    ) -> Option<F::Output> {
        let limit = tokio::time::Instant::from_std(limit);
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(limit)));
            if sleep.deadline() > limit {
                sleep.as_mut().reset(limit);
            }
            while sleep.as_mut().poll(context).is_ready() {
                if sleep.deadline() >= limit {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(limit);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn every_future_has_its_own_limit() {
        let mut timeout = Timeout::default();
        let from_now = |millis| Instant::now() + Duration::from_millis(millis);
        for millis in [20, 1, 40, 5] {
            let limit = from_now(millis);
            assert_eq!(timeout.limit(limit, ready(7)).await, Some(7));
            assert_eq!(timeout.limit(limit, pending::<()>()).await, None);
            assert!(Instant::now() >= limit);
        }
        let yielding = async {
            tokio::task::yield_now().await;
            8
        };
        assert_eq!(timeout.limit(from_now(60_000), yielding).await, Some(8));
    }
}
