//! Budget of iterations: the number of tasks that a load is limited to.

use std::sync::atomic::{AtomicU64, Ordering};

/// Budget of iterations of all threads together, as it is used up.
#[derive(Debug)]
pub(crate) struct Iterations(Option<Limited>);

#[derive(Debug)]
struct Limited {
    not_begun: AtomicU64,
    not_finished: AtomicU64,
}

impl Iterations {
    /// A budget of `limit` iterations; `None` for any number.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self(limit.map(|limit| Limited {
            not_begun: AtomicU64::new(limit),
            not_finished: AtomicU64::new(limit),
        }))
    }

    /// Begins an iteration; `false` if none is left.
    pub(crate) fn begin(&self) -> bool {
        self.0.as_ref().is_none_or(|limited| {
            let one_less = |left: u64| left.checked_sub(1);
            let left = &limited.not_begun;
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
        })
    }

    /// Ends an iteration; `true` if it was the last of the budget.
    pub(crate) fn finish(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|limited| limited.not_finished.fetch_sub(1, Ordering::Relaxed) == 1)
    }

    /// `true` once all iterations have ended; never without a limit.
    pub(crate) fn are_over(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|limited| limited.not_finished.load(Ordering::Relaxed) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_that_is_over_ends_them() {
        let iterations = Iterations::new(Some(2));
        assert!(iterations.begin() && iterations.begin());
        assert!(!iterations.begin());
        assert!(!iterations.finish());
        assert!(!iterations.are_over());
        assert!(iterations.finish());
        assert!(iterations.are_over());
    }

    #[test]
    fn without_a_limit_there_is_always_one_more() {
        let iterations = Iterations::new(None);
        assert!(iterations.begin() && !iterations.finish() && !iterations.are_over());
    }
}
