//! Clock of a load and its measured period.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest time of a load. Longer times are cut to it, so that sums of a few cannot overflow.
pub(crate) const FAR: Duration = Duration::from_hours(10 * 365 * 24);

/// Clock of all threads of a load. Times are since its start.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    from_nanos: AtomicU64,
    /// Planned end.
    until_nanos: AtomicU64,
    end_nanos: AtomicU64,
}

impl Clock {
    /// Starts the clock now. The measured period begins at `from` and lasts for `run_time`, or until the load is stopped.
    pub(crate) fn start(from: Duration, run_time: Option<Duration>) -> Self {
        let from = from.min(FAR);
        let until = run_time.map_or(u64::MAX, |run_time| nanos(from + run_time.min(FAR)));
        Self {
            start: Instant::now(),
            from_nanos: AtomicU64::new(nanos(from)),
            until_nanos: AtomicU64::new(until),
            end_nanos: AtomicU64::new(until),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Time from the start to `moment`.
    pub(crate) fn since_start(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.start)
    }

    /// Moment at `time` after the start.
    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.start + time.min(FAR)
    }

    /// Beginning of the measured period.
    pub(crate) fn from(&self) -> Duration {
        Duration::from_nanos(self.from_nanos.load(Ordering::Relaxed))
    }

    /// Begins the measured period now.
    pub(crate) fn begin_now(&self) {
        self.from_nanos.store(nanos(self.now()), Ordering::Relaxed);
    }

    /// Begins the measured period now, if it has not begun, and moves its end by as much. Returns `true` if it did.
    pub(crate) fn begin_early(&self) -> bool {
        let (now, from) = (self.now(), self.from());
        let is_early = now < from;
        if is_early {
            self.from_nanos.store(nanos(now), Ordering::Relaxed);
            if let Some(until) = self.until() {
                let until = nanos(until.saturating_sub(from.saturating_sub(now)));
                self.until_nanos.store(until, Ordering::Relaxed);
                self.end_nanos.fetch_min(until, Ordering::Relaxed);
            }
        }
        is_early
    }

    /// Planned end of the load; `None` without one.
    pub(crate) fn until(&self) -> Option<Duration> {
        let nanos = self.until_nanos.load(Ordering::Relaxed);
        (nanos < u64::MAX).then(|| Duration::from_nanos(nanos))
    }

    /// End of the load as of now.
    pub(crate) fn end(&self) -> Duration {
        Duration::from_nanos(self.end_nanos.load(Ordering::Relaxed))
    }

    /// Makes now the planned end of the load, if the measured period has begun and not ended.
    pub(crate) fn finish_now(&self) {
        let now = self.now();
        if self.measures(now) {
            self.until_nanos.store(nanos(now), Ordering::Relaxed);
            self.end_now();
        }
    }

    /// Ends the load now, unless it has ended already.
    pub(crate) fn end_now(&self) {
        self.end_nanos
            .fetch_min(nanos(self.now()), Ordering::Relaxed);
    }

    /// `true` if `time` is in the measured period.
    pub(crate) fn measures(&self, time: Duration) -> bool {
        time >= self.from() && time < self.end()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
