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
        let cores = std::thread::available_parallelism().ok()?.get() as f64;
        let cores = quota::cores().map_or(cores, |quota| quota.min(cores));
        used_between(&self.first?, &self.last?, cores, contender_cpu)
    }
}

/// Processor use between two readings of a process that may use `cores` cores. `None` if no time has passed between them.
fn used_between(
    first: &Reading,
    last: &Reading,
    cores: f64,
    contender_cpu: Option<Duration>,
) -> Option<GeneratorUse> {
    let elapsed = last.at.duration_since(first.at).as_secs_f64();
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
    fn shares_are_those_of_the_time_between_two_readings() {
        let ticks = |seconds: u64| seconds * procfs::ticks_per_second();
        let time = Duration::from_secs;
        let first = Reading {
            at: Instant::now(),
            own_cpu: time(100),
            engine_cpu: time(10),
            busy: time(1_000),
            stolen_ticks: ticks(50),
            all_ticks: ticks(10_000),
            pressure: Some(time(7)),
        };
        // Ten seconds of a machine with four cores, of which this process may use two.
        let last = Reading {
            at: first.at + time(10),
            own_cpu: time(105),
            engine_cpu: time(11),
            busy: time(1_018),
            stolen_ticks: ticks(52),
            all_ticks: ticks(10_040),
            pressure: Some(time(10)),
        };
        let expected = GeneratorUse {
            cpu_ratio: 0.25,
            steal_ratio: 0.05,
            // 18 s busy, without 5 s of this process, 1 s of the engine and 8 s of the contender: 4 s of 40 s.
            neighbour_ratio: Some(0.1),
            pressure_ratio: Some(0.3),
        };
        assert_eq!(
            used_between(&first, &last, 2.0, Some(time(8))),
            Some(expected)
        );
        let unknown = used_between(&first, &last, 2.0, None).unwrap();
        assert_eq!(unknown.neighbour_ratio, None);
        assert_eq!(used_between(&first, &first, 2.0, None), None);
    }

    #[test]
    fn meter_reads_at_both_ends_of_the_measured_period() {
        let own_ticks = || Process::myself().unwrap().stat().unwrap().utime;
        let mut meter = Meter::default();
        meter.follow(Phase::WarmUp);
        assert_eq!(meter.used(None), None);
        meter.follow(Phase::Measuring);
        let begun = own_ticks();
        while own_ticks() < begun + 5 {
            std::hint::black_box(begun);
        }
        meter.follow(Phase::Draining);
        let used = meter.used(Some(Duration::ZERO)).unwrap();
        assert!(
            used.cpu_ratio > 0.0 && used.neighbour_ratio.is_some(),
            "{used:?}"
        );
    }
}
