//! What the load generator itself takes, and what is taken from it.

use std::time::{Duration, Instant};

use bakeoff_load::Phase;
use bakeoff_report::GeneratorUse;
use procfs::process::Process;
use procfs::{CurrentSI, KernelStats};

mod quota;

/// Follows this process over a measured period.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    first: Option<Reading>,
    last: Option<Reading>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    own_cpu: Duration,
    stolen_ticks: u64,
    all_ticks: u64,
}

impl Meter {
    pub(crate) fn follow(&mut self, phase: Phase) {
        let is_first = phase == Phase::Measuring && self.first.is_none();
        let is_last = phase == Phase::Draining && self.last.is_none();
        if is_first {
            self.first = Reading::now();
        } else if is_last {
            self.last = Reading::now();
        }
    }

    /// What was used between the beginning and the end of the measured period; `None` where that could not be seen.
    pub(crate) fn used(&self) -> Option<GeneratorUse> {
        let (first, last) = (self.first?, self.last?);
        let cores = std::thread::available_parallelism().ok()?.get() as f64;
        let cores = quota::cores().map_or(cores, |quota| quota.min(cores));
        let available = last.at.duration_since(first.at).as_secs_f64() * cores;
        let own = last.own_cpu.saturating_sub(first.own_cpu).as_secs_f64();
        let ticks = last.all_ticks.saturating_sub(first.all_ticks);
        let stolen = last.stolen_ticks.saturating_sub(first.stolen_ticks);
        (available > 0.0 && ticks > 0).then(|| GeneratorUse {
            cpu_ratio: own / available,
            steal_ratio: stolen as f64 / ticks as f64,
        })
    }
}

impl Reading {
    fn now() -> Option<Self> {
        let own = Process::myself().and_then(|own| own.stat()).ok()?;
        let all = KernelStats::current().ok()?.total;
        let per_second = procfs::ticks_per_second() as f64;
        let stolen_ticks = all.steal.unwrap_or(0);
        Some(Self {
            at: Instant::now(),
            own_cpu: Duration::from_secs_f64((own.utime + own.stime) as f64 / per_second),
            stolen_ticks,
            all_ticks: all.user
                + all.nice
                + all.system
                + all.idle
                + all.iowait.unwrap_or(0)
                + all.irq.unwrap_or(0)
                + all.softirq.unwrap_or(0)
                + stolen_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_is_seen_to_be_busy() {
        let mut meter = Meter::default();
        meter.follow(Phase::WarmUp);
        assert_eq!(meter.used(), None);
        meter.follow(Phase::Measuring);
        let began = Instant::now();
        let mut turns = 0_u64;
        while began.elapsed() < Duration::from_millis(300) {
            turns = std::hint::black_box(turns + 1);
        }
        meter.follow(Phase::Draining);
        let used = meter.used().unwrap();
        assert!(used.cpu_ratio > 0.05, "{used:?}");
        assert!((0.0..=1.0).contains(&used.steal_ratio), "{used:?}");
    }
}
