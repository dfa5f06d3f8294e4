//! A load under way: collects the stats of its threads, executes commands and reports progress.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bakeoff_record::{Mark, Measurement};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::control::{Command, Control};
use super::progress::{Phase, Progress};
use crate::clock::FAR;
use crate::runner;
use crate::runner::active_users_watch::ActiveUsersWatch;
use crate::runner::shared::Shared;
use crate::stats::collector::Collector;
use crate::stats::source::{NoReport, StatsSource};
use crate::stats::threads;
use crate::threshold::{BrokenThreshold, Threshold};
use crate::workload::active_users::ActiveUsers;
use crate::workload::stage::Stage;

/// Time between two checks of the collecting thread for commands and for the end of the load.
const COMMAND_INTERVAL: Duration = Duration::from_millis(50);

/// A load under way, driven by the thread that collects its stats.
pub(super) struct RunningLoad<'a> {
    pub(super) shared: Arc<Shared>,
    pub(super) collector: Collector,
    /// Time at which the last of the users wanted now has started.
    pub(super) all_started: Duration,
    pub(super) active_users: watch::Sender<Arc<ActiveUsers>>,
    pub(super) thresholds: &'a [Threshold],
    pub(super) control: &'a Control,
    /// Stages that have not begun, with their beginnings.
    pub(super) next_stages: VecDeque<(Duration, Stage)>,
    /// Phase of the last progress that was observed.
    pub(super) phase: Option<Phase>,
    pub(super) observe: &'a mut dyn FnMut(&Progress<'_>),
}

impl RunningLoad<'_> {
    /// Runs one thread on each of `runtimes` until the load is over.
    pub(super) fn run(mut self, runtimes: Vec<Runtime>) -> Measurement {
        let (mut stats, channels) = threads::channels(runtimes.len());
        std::thread::scope(|scope| {
            for (thread, runtime) in runtimes.into_iter().enumerate() {
                let shared = Arc::clone(&self.shared);
                let channels = channels.clone();
                let active_users = ActiveUsersWatch::new(self.active_users.subscribe());
                scope.spawn(move || {
                    let running = runner::thread::run(shared, thread, active_users, channels);
                    LocalSet::new().block_on(&runtime, running);
                });
            }
            drop(channels);
            // If observing panics, this stops the threads, and none waits for room for its report.
            let _stop = self.shared.stop.clone().drop_guard();
            self.collect(&mut stats);
            drop(stats);
        });
        self.update_measurement();
        let Shared {
            clock, iterations, ..
        } = &*self.shared;
        let cut_short = clock.until().is_some_and(|until| clock.end() < until);
        let interrupted = cut_short && !iterations.are_over();
        let in_closed_model = self.collector.measurement.user_time.is_some();
        Measurement {
            interrupted,
            unfinished: self.collector.unfinished(),
            fewest_rounds: self
                .shared
                .tasks_per_user
                .fewest()
                .filter(|_| in_closed_model),
            distinct_requests: Some(self.shared.plan.distinct_requests()),
            ..self.collector.measurement
        }
    }

    /// Collects reports until every worker has sent its last one.
    fn collect(&mut self, stats: &mut dyn StatsSource) {
        loop {
            self.execute_commands();
            self.mark_stages();
            self.end_in_time();
            if self.phase != Some(self.phase_now()) {
                self.observe();
            }
            match stats.next(COMMAND_INTERVAL.min(self.until_next_phase())) {
                Ok(report) => {
                    let second_over = self.collector.add(&report);
                    stats.recycle(report);
                    if second_over {
                        self.observe();
                        self.abort_if_hopeless();
                    }
                }
                Err(NoReport::Timeout) => (),
                Err(NoReport::WorkersDone) => return,
            }
        }
    }

    /// Executes the commands that came since the last look.
    fn execute_commands(&mut self) {
        for command in self.control.take_commands() {
            let clock = &self.shared.clock;
            let now = clock.now();
            let mut reset_done = None;
            match command {
                Command::Users { users, rate } => {
                    // A number set by hand replaces the stages to come.
                    self.next_stages.clear();
                    let mut active_users = ActiveUsers::clone(&self.active_users.borrow());
                    active_users.change(now, users, rate);
                    self.all_started = now + active_users.last_complete(now);
                    self.active_users.send_replace(Arc::new(active_users));
                    self.mark(now, format!("{users} users at {rate}/s"));
                }
                Command::Begin => {
                    if clock.begin_early() {
                        self.mark(now, "warm-up over".to_owned());
                    }
                }
                Command::Reset(done) => {
                    clock.begin_now();
                    let epoch = self.shared.epoch.fetch_add(1, Ordering::Relaxed) + 1;
                    self.collector.reset(epoch);
                    self.mark(now, "statistics reset".to_owned());
                    reset_done = Some(done);
                }
            }
            self.observe();
            if let Some(done) = reset_done {
                // Sending fails only where nobody waits any more.
                let _ = done.send(());
            }
        }
    }

    /// Ends a load whose measured period began early or was long enough. Its threads wait for the end that was planned first.
    fn end_in_time(&self) {
        let Shared {
            clock,
            stop,
            config,
            ..
        } = &*self.shared;
        let enough = config.enough.is_some_and(|enough| {
            let measured = clock.now().checked_sub(clock.from());
            measured >= Some(enough.at_least) && self.shared.tasks_done()
        });
        if enough {
            clock.finish_now();
        }
        if clock.now() >= clock.end() {
            stop.cancel();
        }
    }

    /// Marks the beginning of each stage but the first.
    fn mark_stages(&mut self) {
        let now = self.shared.clock.now();
        while let Some((at, stage)) = self.next_stages.pop_front_if(|(at, _)| *at <= now) {
            let Stage {
                users, spawn_rate, ..
            } = stage;
            self.mark(at, format!("stage: {users} users at {spawn_rate}/s"));
        }
    }

    /// Ends the load if a threshold with `abort_on` is broken.
    fn abort_if_hopeless(&mut self) {
        if self.shared.stop.is_cancelled() {
            return;
        }
        let measurement = &self.collector.measurement;
        let hopeless = self
            .thresholds
            .iter()
            .find_map(|threshold| threshold.aborts(measurement));
        if let Some(broken) = hopeless {
            let now = self.shared.clock.now();
            self.shared.clock.end_now();
            self.shared.stop.cancel();
            let BrokenThreshold { metric, limit, .. } = broken;
            self.mark(now, format!("given up: {metric} is not {limit}"));
        }
    }

    fn mark(&mut self, at: Duration, what: String) {
        self.collector.measurement.marks.push(Mark { at, what });
    }

    fn observe(&mut self) {
        self.update_measurement();
        let phase = self.phase_now();
        self.phase = Some(phase);
        let progress = Progress {
            phase,
            elapsed: self.shared.clock.now(),
            users: self.shared.active.now.load(Ordering::Relaxed),
            so_far: &self.collector.measurement,
        };
        (self.observe)(&progress);
    }

    /// Sets the figures of the measurement that do not come from reports.
    fn update_measurement(&mut self) {
        let Shared {
            clock,
            active,
            connections_opened,
            ..
        } = &*self.shared;
        let measurement = &mut self.collector.measurement;
        let over = clock.now().min(clock.end());
        let from = clock.from();
        measurement.warm_up = from.min(over);
        measurement.period = over.saturating_sub(from);
        measurement.users = active.most.load(Ordering::Relaxed);
        measurement.connections_opened = connections_opened.load(Ordering::Relaxed);
    }

    fn phase_now(&self) -> Phase {
        let clock = &self.shared.clock;
        match clock.now() {
            now if now >= clock.end() || self.shared.stop.is_cancelled() => Phase::Draining,
            now if now < self.all_started => Phase::Spawning,
            now if now < clock.from() => Phase::WarmUp,
            _ => Phase::Measuring,
        }
    }

    /// The time until the phase changes, if the load is not stopped.
    fn until_next_phase(&self) -> Duration {
        let clock = &self.shared.clock;
        let now = clock.now();
        let enough = self.shared.config.enough;
        let long_enough = enough.map_or(FAR, |enough| clock.from().saturating_add(enough.at_least));
        let changes = [self.all_started, clock.from(), long_enough, clock.end()];
        changes
            .iter()
            .filter_map(|change| change.checked_sub(now))
            .filter(|wait| !wait.is_zero())
            .min()
            .unwrap_or(Duration::MAX)
    }
}
