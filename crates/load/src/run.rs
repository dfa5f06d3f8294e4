//! Puts a load on a server.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime};

use bakeoff_record::Measurement;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use self::control::Control;
use self::progress::Progress;
use self::running_load::RunningLoad;
use crate::capacity::check_users_fit;
use crate::clock::Clock;
use crate::error::LoadError;
use crate::host::Host;
use crate::load_config::LoadConfig;
use crate::plan::Plan;
use crate::runner::iterations::Iterations;
use crate::runner::shared::{ActiveCount, Shared, TasksPerUser};
use crate::scenario::Scenario;
use crate::stats::collector::Collector;
use crate::target::Target;
use crate::workload::Workload;

pub(crate) mod control;
pub(crate) mod progress;
mod running_load;

/// Runs `scenario` until its time is over or `control` stops it. Blocks until then.
///
/// At the end, requests in flight are waited for up to the stop timeout. Requests that still have no answer are failures.
/// `observe` is called on this thread at each change of phase and once a second; while it runs, seconds run together.
///
/// # Errors
/// [`LoadError`] if the load cannot start.
pub fn run(
    scenario: &Scenario,
    config: &LoadConfig,
    control: &Control,
    observe: &mut dyn FnMut(&Progress<'_>),
) -> Result<Measurement, LoadError> {
    check(scenario, config)?;
    let active_users = config.workload.active_users();
    let runtimes = (0..config.threads.get())
        .map(|_| runtime())
        .collect::<Result<Vec<_>, _>>()?;
    let host = Host::parse(&config.host)?;
    let target = runtimes[0].block_on(Target::new(&host, scenario.connection_settings()))?;
    let plan = Plan::new(scenario, &host, (config.seed, takers(config)))?;
    let started_at = SystemTime::now();
    let mut collector = Collector::new(&plan.request_names(), config.threads.get(), started_at);
    if let Workload::OpenModel(_) = config.workload {
        collector.measurement.arrivals = Some(bakeoff_record::Arrivals::default());
    } else {
        collector.measurement.user_time = Some(Duration::ZERO);
    }
    let all_started = active_users.first_complete();
    let from = config.warm_up.map_or(Duration::ZERO, |warm_up| {
        all_started.saturating_add(warm_up)
    });
    let shared = Arc::new(Shared {
        plan,
        target,
        clock: Clock::start(from, config.run_time.or(config.workload.duration())),
        stop: control.stopped().child_token(),
        give_up: control.given_up().clone(),
        active: ActiveCount::default(),
        connections_opened: Arc::default(),
        tasks_per_user: TasksPerUser::new(config.enough.map(|enough| enough.tasks_per_user)),
        no_answer_in_time: format!(
            "no answer within {} after the end of the load",
            humantime::format_duration(config.stop_timeout)
        )
        .into(),
        iterations: Iterations::new(config.share_of_iterations()),
        epoch: AtomicU32::new(0),
        config: config.clone(),
    });
    if shared.iterations.are_over() {
        // The share of a small number of iterations can be none.
        shared.clock.end_now();
        shared.stop.cancel();
    }
    Ok(RunningLoad {
        shared,
        collector,
        all_started,
        active_users: watch::Sender::new(Arc::new(active_users)),
        thresholds: scenario.thresholds(),
        control,
        next_stages: config.workload.next_stages(),
        phase: None,
        observe,
    }
    .run(runtimes))
}

/// Checks that a load with these settings is possible.
fn check(scenario: &Scenario, config: &LoadConfig) -> Result<(), LoadError> {
    let impossible = |rate: &f64| rate.is_nan() || *rate <= 0.0;
    if let Some(spawn_rate) = config.workload.spawn_rates().into_iter().find(impossible) {
        return Err(LoadError::SpawnRate { spawn_rate });
    }
    if let Workload::OpenModel(_) = config.workload
        && let Some(class) = scenario
            .users()
            .iter()
            .find(|class| class.fixed_count().is_some())
    {
        return Err(LoadError::FixedCount {
            class: class.name().to_owned(),
        });
    }
    config.check_share()?;
    check_users_fit(config.share_of_users())
}

/// Number of users that share the data rows. The arrivals of an open model take them one after another, as one user.
fn takers(config: &LoadConfig) -> usize {
    match &config.workload {
        Workload::OpenModel(_) => 1,
        users => users.most_connections() as usize,
    }
}

/// Checks that every request of `scenario` can be sent to `host`, by its form alone. Nothing is sent.
pub fn check_requests(scenario: &Scenario, host: &str) -> Result<(), LoadError> {
    let host = Host::parse(host)?;
    scenario.connection_settings().check(&host)?;
    Plan::new(scenario, &host, (0, 1)).map(|_| ())
}

fn runtime() -> Result<Runtime, LoadError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LoadError::Thread)
}
