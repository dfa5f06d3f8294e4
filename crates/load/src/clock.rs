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
    pub(crate) until: Option<Duration>,
    end_nanos: AtomicU64,
}

impl Clock {
    /// Starts now; what is planned from `from` on is measured, for `run_time` or until stopped.
    pub(crate) fn start(from: Duration, run_time: Option<Duration>) -> Self {
        let from = from.min(FAR);
        let until = run_time.map(|run_time| from + run_time.min(FAR));
        let end_nanos = AtomicU64::new(until.map_or(u64::MAX, nanos));
        Self {
            start: Instant::now(),
            from_nanos: AtomicU64::new(nanos(from)),
            until,
            end_nanos,
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

    /// When the load ends, as far as that is known.
    pub(crate) fn end(&self) -> Duration {
        Duration::from_nanos(self.end_nanos.load(Ordering::Relaxed))
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
