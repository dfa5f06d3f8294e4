//! Processor time of the load generator and of other processes on the machine while a contender is measured.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bakeoff_load::Phase;
use bakeoff_record::GeneratorUse;
use procfs::process::Process;
use procfs::{CpuPressure, CurrentSI, FromRead, KernelStats};

mod experiments;
mod quota;

pub(crate) use experiments::others as other_experiments;

/// Names of the processes of a Docker engine, cut to the kernel's 15 letters. They run the containers of contenders and forward
/// their ports, so their processor time is not that of a neighbour.
const ENGINE: [&str; 4] = ["dockerd", "docker-proxy", "containerd", "containerd-shim"];

/// Readings of this process and of the machine at the ends of a measured period.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    first: Option<Reading>,
    last: Option<Reading>,
    other_experiments: BTreeSet<i32>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    own_cpu: Duration,
    engine_cpu: Duration,
    /// Time in which processors ran processes, summed over all processors, without interrupts.
    busy: Duration,
    stolen_ticks: u64,
    all_ticks: u64,
    /// Time in which a process waited for a processor; `None` if the kernel does not tell.
    pressure: Option<Duration>,
}

impl Meter {
    pub(crate) fn follow(&mut self, phase: Phase) {
        let is_first = phase == Phase::Measuring && self.first.is_none();
        let is_last = phase == Phase::Draining && self.last.is_none();
        if is_first {
            self.other_experiments = other_experiments();
            self.first = Reading::now();
        } else if is_last {
            self.last = Reading::now();
            self.other_experiments.append(&mut other_experiments());
        }
    }

    /// Process ids of other experiments that ran at the beginning or at the end of the measured period.
    pub(crate) fn other_experiments(&self) -> impl Iterator<Item = i32> {
        self.other_experiments.iter().copied()
    }

    /// Processor use in the measured period. `contender_cpu` is the processor time of the contender on this machine; without
    /// it, that of neighbours is not known. `None` without both readings.
    pub(crate) fn used(&self, contender_cpu: Option<Duration>) -> Option<GeneratorUse> {
        let (first, last) = (self.first?, self.last?);
        let elapsed = last.at.duration_since(first.at).as_secs_f64();
        let cores = std::thread::available_parallelism().ok()?.get() as f64;
        let cores = quota::cores().map_or(cores, |quota| quota.min(cores));
        let own = last.own_cpu.saturating_sub(first.own_cpu);
        let engine = last.engine_cpu.saturating_sub(first.engine_cpu);
        let busy = last.busy.saturating_sub(first.busy);
        let ticks = last.all_ticks.saturating_sub(first.all_ticks);
        let stolen = last.stolen_ticks.saturating_sub(first.stolen_ticks);
        let all = seconds(ticks).as_secs_f64();
        let neighbours = contender_cpu.map(|contender| {
            let others = busy.saturating_sub(own + engine + contender);
            (others.as_secs_f64() / all).min(1.0)
        });
        let pressure = last.pressure.zip(first.pressure);
        (elapsed > 0.0 && ticks > 0).then(|| GeneratorUse {
            cpu_ratio: own.as_secs_f64() / (elapsed * cores),
            steal_ratio: stolen as f64 / ticks as f64,
            neighbour_ratio: neighbours,
            pressure_ratio: pressure
                .map(|(last, first)| (last.saturating_sub(first).as_secs_f64() / elapsed).min(1.0)),
        })
    }
}

impl Reading {
    fn now() -> Option<Self> {
        let own = Process::myself().and_then(|own| own.stat()).ok()?;
        let all = KernelStats::current().ok()?.total;
        let stolen_ticks = all.steal.unwrap_or(0);
        let busy_ticks = all.user + all.nice + all.system;
        let pressure = CpuPressure::from_file("/proc/pressure/cpu").ok();
        Some(Self {
            at: Instant::now(),
            own_cpu: seconds(own.utime + own.stime),
            engine_cpu: engine_cpu(),
            busy: seconds(busy_ticks),
            stolen_ticks,
            all_ticks: busy_ticks
                + all.idle
                + all.iowait.unwrap_or(0)
                + all.irq.unwrap_or(0)
                + all.softirq.unwrap_or(0)
                + stolen_ticks,
            pressure: pressure.map(|pressure| Duration::from_micros(pressure.some.total)),
        })
    }
}

/// Processor time of the processes in [`ENGINE`].
fn engine_cpu() -> Duration {
    let all = procfs::process::all_processes().into_iter().flatten();
    let stats = all.flatten().filter_map(|process| process.stat().ok());
    let of_engine = stats.filter(|stat| ENGINE.contains(&stat.comm.as_str()));
    seconds(of_engine.map(|stat| stat.utime + stat.stime).sum())
}

fn seconds(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_is_seen_to_be_busy() {
        let mut meter = Meter::default();
        meter.follow(Phase::WarmUp);
        assert_eq!(meter.used(None), None);
        meter.follow(Phase::Measuring);
        let began = Instant::now();
        let mut turns = 0_u64;
        while began.elapsed() < Duration::from_millis(300) {
            turns = std::hint::black_box(turns + 1);
        }
        meter.follow(Phase::Draining);
        let used = meter.used(Some(Duration::ZERO)).unwrap();
        assert!(used.cpu_ratio > 0.05, "{used:?}");
        assert!((0.0..=1.0).contains(&used.steal_ratio), "{used:?}");
        assert!(
            (0.0..=1.0).contains(&used.neighbour_ratio.unwrap()),
            "{used:?}"
        );
        assert_eq!(meter.used(None).unwrap().neighbour_ratio, None);
    }
}
