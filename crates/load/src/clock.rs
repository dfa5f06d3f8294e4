//! The time since the start of a load, and which of it is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longer than any load; times are cut here so that adding a few of them cannot overflow.
pub(crate) const FAR: Duration = Duration::from_hours(10 * 365 * 24);

/// One clock for all threads of a load. Times are since its start.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    from_nanos: AtomicU64,
    /// When it is meant to end.
    until_nanos: AtomicU64,
    end_nanos: AtomicU64,
}

impl Clock {
    /// Starts now; what is planned from `from` on is measured, for `run_time` or until stopped.
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

    /// How long after the start `moment` was.
    pub(crate) fn since_start(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.start)
    }

    /// The moment `time` after the start.
    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.start + time.min(FAR)
    }

    /// When the measured period begins.
    pub(crate) fn from(&self) -> Duration {
        Duration::from_nanos(self.from_nanos.load(Ordering::Relaxed))
    }

    /// Lets the measured period begin now.
    pub(crate) fn begin_now(&self) {
        self.from_nanos.store(nanos(self.now()), Ordering::Relaxed);
    }

    /// Lets the measured period begin now where it has not begun yet, and end earlier by as much. True if so.
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

    /// When the load is meant to end.
    pub(crate) fn until(&self) -> Option<Duration> {
        let nanos = self.until_nanos.load(Ordering::Relaxed);
        (nanos < u64::MAX).then(|| Duration::from_nanos(nanos))
    }

    /// When the load ends, as far as that is known.
    pub(crate) fn end(&self) -> Duration {
        Duration::from_nanos(self.end_nanos.load(Ordering::Relaxed))
    }

    /// Ends the load now as if it had been meant to, where its measured period has begun and not ended.
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

    /// Whether `time` is in the measured period.
    pub(crate) fn measures(&self, time: Duration) -> bool {
        time >= self.from() && time < self.end()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
