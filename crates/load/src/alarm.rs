//! Waits to the microsecond, which the runtime's own timers, of a millisecond, cannot.

use std::io;
use std::time::{Duration, Instant};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel's that wakes a task when it fires.
#[derive(Debug)]
pub(crate) struct Alarm(AsyncFd<std::os::fd::OwnedFd>);

impl Alarm {
    /// Must be made within a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an owned descriptor keeps what that asks for"
        )]
        AsyncFd::new(timer).map(Self)
    }

    /// Returns at `moment`, or as soon after it as this thread is free.
    pub(crate) async fn wait_until(&self, moment: Instant) {
        let wait = moment.saturating_duration_since(Instant::now());
        if wait.is_zero() || self.set(wait).is_err() {
            return tokio::task::yield_now().await;
        }
        if let Ok(mut ready) = self.0.readable().await {
            ready.clear_ready();
        }
    }

    fn set(&self, wait: Duration) -> io::Result<()> {
        let time = |wait: Duration| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let once = Itimerspec {
            it_interval: time(Duration::ZERO),
            it_value: time(wait),
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}
