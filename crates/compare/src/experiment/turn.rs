//! Turn of one contender: its start, its loads, its stop.

use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::time::Duration;

use bakeoff_analysis::FEWEST_ROUNDS;
use bakeoff_load::{
    Arrivals, Control, Enough, LoadConfig, MAX_IN_FLIGHT, Phase, Rate, Spacing, Workload,
    with_causes,
};
use bakeoff_record::metric::Metric;
use bakeoff_record::{Restart, Run, RunLoad, Usage};

use crate::contender::prepared::Prepared;
use crate::contender::{Consumption, Running};
use crate::experiment::ExperimentRunner;
use crate::experiment::event::{Event, Turn};
use crate::experiment::start::{Started, with_log};
use crate::experiment::{info, state::ExperimentState};
use crate::file::WarmUp;
use crate::warm_up::WarmUpWatch;
use crate::{generator, sweep};

/// Bounds of the time for requests in flight at the end of the measured period. Between them, it is the longest timeout of
/// a request in the scenario.
const STOP_TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_mins(1);
/// Shortest time over which users start, so that they are not in lockstep.
pub(super) const LEAST_SPREAD: Duration = Duration::from_millis(250);
/// Longest time over which users start.
const MOST_SPREAD: Duration = Duration::from_secs(30);
/// Warm-up of a step of a sweep: short, since the contender is warm and the step adds few users.
const SWEEP_WARM_UP: Duration = Duration::from_millis(500);
/// Time over which the users of a step of a sweep start.
pub(super) const SWEEP_SPREAD: Duration = Duration::from_millis(250);

impl ExperimentRunner {
    /// Starts a contender, unless it is running from the turn before, and calls `load` to put loads on it.
    pub(super) fn take_turn(
        &self,
        contender: &Prepared,
        turn: Turn<'_>,
        state: &mut ExperimentState<'_>,
        load: &mut dyn FnMut(&mut Started, &mut ExperimentState<'_>),
    ) {
        if state.stop.is_cancelled() {
            return;
        }
        (state.observe)(Event::Starting(turn));
        let name = &contender.config.name;
        let observe = &mut *state.observe;
        let mut waiting = |reason: &str| observe(Event::Waiting(turn, reason));
        let started = match state.running.remove(name) {
            Some(kept) => Ok(kept),
            None => self.start(contender, state.stop, &mut waiting),
        };
        let mut started = match started {
            Ok(started) => started,
            Err(_) if state.stop.is_cancelled() => return,
            Err(error) => return state.problem(turn, &with_causes(&error)),
        };
        let address = started.running.address();
        info::note(
            self.scenario.connecting(),
            &contender.config,
            address,
            state,
        );
        load(&mut started, state);
        if self.file.restart == Restart::Once && started.running.ended().is_none() {
            state.running.insert(name.clone(), started);
        }
    }

    /// Puts the load of the turn on a contender and records the run. `true` if the run was measured to its end.
    pub(super) fn measure(
        &self,
        started: &mut Started,
        turn: Turn<'_>,
        state: &mut ExperimentState<'_>,
    ) -> bool {
        let address = started.running.address();
        let config = self.load_config(address, turn.block, turn.load, started.service_time);
        let running = started.running.as_mut();
        let control = Control::from(state.stop.clone());
        let mut meter = UsageMeter::default();
        let mut own = generator::Meter::default();
        let mut warm_up = WarmUpWatch::new(self.warm_up(turn.load));
        let outcome = bakeoff_load::run(&self.scenario, &config, &control, &mut |progress| {
            warm_up.follow(progress, &control);
            meter.follow(progress.phase, running);
            own.follow(progress.phase);
            (state.observe)(Event::Load(turn, progress));
        });
        let mut measurement = match outcome {
            Ok(measurement) => measurement,
            Err(error) => {
                state.problem(turn, &with_causes(&error));
                return false;
            }
        };
        if let Some(how) = running.ended() {
            // The report shows the requests until then, and does not compare them.
            measurement.interrupted = true;
            let what = with_log(&format!("{how} under load"), &running.last_lines());
            state.problem(turn, &what);
        }
        own.other_experiments()
            .for_each(|process| state.note_other_experiment(turn, process));
        let whole = !measurement.interrupted;
        // The period is zero if the stop came before it.
        if !measurement.period.is_zero() {
            let usage = meter.usage();
            // A server on another machine takes no processor time on this one.
            let elsewhere = running.is_elsewhere().then_some(Duration::ZERO);
            let contender_cpu = usage.map(|usage| usage.cpu).or(elsewhere);
            let run = Run {
                contender: turn.contender.to_owned(),
                block: turn.block,
                load: turn.load,
                cold_start: started.cold_start.take(),
                usage,
                generator: own.used(contender_cpu),
                settled: warm_up.has_settled(),
                measurement,
            };
            (state.observe)(Event::Measured(turn, &run));
            state.experiment.runs.push(run);
        }
        whole
    }

    /// Puts more and more users on a contender until the rate stops growing.
    pub(super) fn sweep(
        &self,
        started: &mut Started,
        turn: Turn<'_>,
        state: &mut ExperimentState<'_>,
    ) {
        let first = state.experiment.runs.len();
        while let Some(users) =
            sweep::next_step(&state.experiment.runs[first..], self.file.sweep_users)
        {
            let load = RunLoad::Sweep { users: users.get() };
            let measured = self.measure(started, Turn { load, ..turn }, state);
            if !measured || state.experiment.runs.len() == first {
                return;
            }
        }
    }

    /// Warm-up of a contender for a load.
    pub(super) fn warm_up(&self, load: RunLoad) -> WarmUp {
        match load {
            RunLoad::Users => self.file.warm_up,
            RunLoad::Sweep { .. } => WarmUp::fixed(SWEEP_WARM_UP),
            // Arrivals are never in lockstep.
            RunLoad::Arrivals { .. } => WarmUp::fixed(self.file.warm_up.at_least),
        }
    }

    /// Time limit for requests in flight at the end of the measured period.
    pub(super) fn stop_timeout(&self) -> Duration {
        let longest = self.scenario.longest_timeout();
        longest.clamp(*STOP_TIMEOUT.start(), *STOP_TIMEOUT.end())
    }

    /// `true` if the measured period is extended until every user has finished enough rounds: if rates are compared.
    fn is_extended(&self, load: RunLoad) -> bool {
        load == RunLoad::Users && self.file.primary == Metric::SuccessesPerSecond
    }

    /// Settings of a load on a contender whose requests take about `service_time`.
    pub(super) fn load_config(
        &self,
        host: &str,
        block: u32,
        load: RunLoad,
        service_time: Duration,
    ) -> LoadConfig {
        let (workload, run_time) = match load {
            RunLoad::Users => (
                Workload::Spread {
                    users: self.users,
                    over: service_time.clamp(LEAST_SPREAD, MOST_SPREAD),
                },
                if self.is_extended(load) {
                    self.file.measure_limit
                } else {
                    self.file.measure
                },
            ),
            RunLoad::Sweep { users } => (
                Workload::Spread {
                    users: NonZeroU32::new(users).expect("a step of a sweep has users"),
                    over: SWEEP_SPREAD,
                },
                self.file.sweep_measure,
            ),
            RunLoad::Arrivals { per_second } => (
                Workload::Arrivals(Arrivals {
                    rates: vec![Rate::constant(per_second)],
                    spacing: Spacing::Poisson,
                    max_in_flight: MAX_IN_FLIGHT,
                }),
                self.file.measure,
            ),
        };
        LoadConfig {
            host: host.to_owned(),
            workload,
            iterations: None,
            run_time: Some(run_time),
            warm_up: Some(self.warm_up(load).at_most),
            stop_timeout: self.stop_timeout(),
            enough: self.is_extended(load).then_some(Enough {
                at_least: self.file.measure,
                rounds: FEWEST_ROUNDS,
            }),
            // One seed per block, so that every contender gets the same requests.
            seed: self.file.seed.wrapping_add(u64::from(block)),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Consumption of a contender from the first to the last moment of the measured period.
#[derive(Default)]
struct UsageMeter {
    first: Option<Consumption>,
    last: Option<Consumption>,
    peak_memory_bytes: u64,
    over: bool,
}

impl UsageMeter {
    fn follow(&mut self, phase: Phase, running: &mut dyn Running) {
        if self.over || !matches!(phase, Phase::Measuring | Phase::Draining) {
            return;
        }
        self.over = phase == Phase::Draining;
        if let Some(now) = running.consumption() {
            self.first.get_or_insert(now);
            self.last = Some(now);
            self.peak_memory_bytes = self.peak_memory_bytes.max(now.memory_bytes);
        }
    }

    fn usage(&self) -> Option<Usage> {
        let cpu = self.last?.cpu.saturating_sub(self.first?.cpu);
        Some(Usage {
            cpu,
            peak_memory_bytes: self.peak_memory_bytes,
        })
    }
}
