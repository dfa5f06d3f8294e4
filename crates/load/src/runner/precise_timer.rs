//! A timer with the precision of a microsecond. The timers of the runtime have that of a millisecond.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};
use tokio::io::unix::AsyncFd;

/// Timer of the kernel that wakes a task. If the kernel gives none, timers of the runtime take its place.
#[derive(Debug)]
pub(crate) struct PreciseTimer(Option<AsyncFd<OwnedFd>>);

impl PreciseTimer {
    /// A timer. Call this within a runtime.
    pub(crate) fn new() -> Self {
        Self(timer().ok())
    }

    /// Waits until `moment`, and longer if this thread is busy then.
    pub(crate) async fn wait_until(&self, moment: Instant) {
        let wait = moment.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return tokio::task::yield_now().await;
        }
        match &self.0 {
            Some(timer) if set(timer, wait).is_ok() => {
                if let Ok(mut ready) = timer.readable().await {
                    ready.clear_ready();
                }
            }
            _ => tokio::time::sleep_until(moment.into()).await,
        }
    }
}

fn timer() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; an owned descriptor keeps what that asks for"
    )]
    AsyncFd::new(timer)
}

/// Sets the timer to fire once, after `wait`.
fn set(timer: &AsyncFd<OwnedFd>, wait: Duration) -> io::Result<()> {
    let time = |wait: Duration| Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    };
    let once = Itimerspec {
        it_interval: time(Duration::ZERO),
        it_value: time(wait),
    };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_woken_early_with_a_timer_of_the_kernels_or_without() {
        for alarm in [PreciseTimer::new(), PreciseTimer(None)] {
            for micros in [0, 50, 3000] {
                let moment = Instant::now() + Duration::from_micros(micros);
                alarm.wait_until(moment).await;
                assert!(Instant::now() >= moment);
            }
        }
        assert!(PreciseTimer::new().0.is_some());
    }
}
