//! `bakeoff swarm`: puts a load on a server.

mod files;
mod otlp;

use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use bakeoff_history::NewRun;
use bakeoff_load::{
    Arrivals, Connecting, Control, HttpVersion, LoadConfig, MAX_IN_FLIGHT, Progress, Rate,
    Scenario, Spacing, Workload, make_room,
};
use bakeoff_record::{LoadTest, Measurement, ThresholdOutcome};

use crate::args::SwarmArgs;
use crate::commands::compare::terminal;
use crate::commands::history;
use crate::exit::{Exit, hinted};
use crate::files::all;
use crate::output::{data, say};
use crate::signals::stopping;

/// How often the live table is printed, as Locust does.
const TABLE_EVERY: Duration = Duration::from_secs(2);

/// Runs the scenario and prints what its users saw.
pub(crate) fn run(args: &SwarmArgs) -> anyhow::Result<Exit> {
    let mut scenario = Scenario::open(&args.scenario)?;
    scenario.select_users(&args.user_classes)?;
    scenario.select(&args.tags, &args.exclude_tags)?;
    connect_as_asked(args, scenario.connecting_mut());
    let config = load_config(args, &scenario)?;
    if let Err(too_few) = make_room(&config.workload) {
        say(&format!("warning: {too_few}"));
        say(&format!(
            "hint: raise the limit with `ulimit -n {}` before the start",
            too_few.enough()
        ));
    }
    let stopping = stopping()?;
    let stop = stopping.stop.clone();
    // What could not be written while it ran is told last, after all that was measured.
    let mut written = Ok(());
    if !args.headless && otlp::endpoint(args).is_some() {
        let what = anyhow!("metrics are sent of loads with --headless alone");
        let hint = "add --headless; the page has GET /metrics for Prometheus";
        return Err(hinted(Exit::Usage, what, hint));
    }
    let measurement = if args.headless {
        let run = new_run(&scenario, &config, args.profile.as_deref());
        let mut live = Live::new(args, run)?;
        let control = Control::from(stop.clone()).giving_up(stopping.give_up);
        let outcome = bakeoff_load::run(&scenario, &config, &control, &mut |progress| {
            live.show(progress);
        })?;
        written = live.end(&outcome);
        Some(outcome)
    } else {
        super::web::run(args, scenario.clone(), config.clone(), stop.clone())?
    };
    // A page that nobody started a load from has measured nothing.
    let Some(measurement) = measurement else {
        return Ok(Exit::Done);
    };
    let test = LoadTest {
        name: scenario.name().to_owned(),
        host: config.host,
        bakeoff_version: env!("CARGO_PKG_VERSION").into(),
        machine: bakeoff_compare::describe_machine(),
        measurement,
    };
    let outcomes = scenario.threshold_outcomes(&test.measurement);
    show(args, &test)?;
    all([files::write_all(args, &test, &outcomes), written])?;
    let untold = scenario.failures_without_threshold(&test.measurement);
    let failed = Exit::of_failures(untold, args.exit_code_on_error);
    Ok(judge(
        &outcomes,
        failed,
        test.measurement.interrupted && stop.is_cancelled(),
    ))
}

/// The entry of this load in the history.
fn new_run(scenario: &Scenario, config: &LoadConfig, profile: Option<&str>) -> NewRun {
    let time = config.run_time.map(humantime::format_duration);
    let time = time.map_or_else(String::new, |time| format!(" for {time}"));
    NewRun {
        name: scenario.name().to_owned(),
        host: config.host.clone(),
        config: format!("{}{time}", config.workload),
        bakeoff_version: env!("CARGO_PKG_VERSION").into(),
        machine: bakeoff_compare::describe_machine(),
        tags: profile.into_iter().map(str::to_owned).collect(),
    }
}

/// The command line's wishes over the scenario's `[connection]`.
fn connect_as_asked(args: &SwarmArgs, connecting: &mut Connecting) {
    connecting.insecure |= args.insecure;
    if args.http2 {
        connecting.http = HttpVersion::Http2;
    }
}

/// The command line's wishes over the scenario's.
fn load_config(args: &SwarmArgs, scenario: &Scenario) -> anyhow::Result<LoadConfig> {
    let host = args.host.as_deref().or(scenario.host()).ok_or_else(|| {
        let what = anyhow!("{} names no host", args.scenario.display());
        hinted(
            Exit::Usage,
            what,
            "give one with --host http://127.0.0.1:8000, or as `host` in the scenario",
        )
    })?;
    Ok(LoadConfig {
        host: host.to_owned(),
        workload: workload(args, &scenario.load().workload),
        iterations: args.iterations.or(scenario.load().iterations),
        run_time: args.run_time.or(scenario.load().run_time),
        warm_up: args.reset_stats.then_some(Duration::ZERO),
        stop_timeout: args.stop_timeout,
        enough: None,
        seed: args.seed,
        threads: args
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN),
    })
}

/// What the command line asks for, over what the scenario does: a rate of arrivals, or users.
fn workload(args: &SwarmArgs, of_scenario: &Workload) -> Workload {
    if let Some(rate) = args.arrival_rate {
        return Workload::Arrivals(Arrivals {
            rates: vec![Rate::constant(rate)],
            spacing: Spacing::Poisson,
            max_in_flight: args.max_in_flight.unwrap_or(MAX_IN_FLIGHT),
        });
    }
    let asked = args.users.is_some() || args.spawn_rate.is_some();
    match of_scenario.clone() {
        Workload::Users { users, spawn_rate } => Workload::Users {
            users: args.users.unwrap_or(users),
            spawn_rate: args.spawn_rate.unwrap_or(spawn_rate),
        },
        _ if asked => Workload::Users {
            users: args.users.unwrap_or(NonZeroU32::MIN),
            spawn_rate: args.spawn_rate.unwrap_or(1.0),
        },
        Workload::Arrivals(arrivals) => Workload::Arrivals(Arrivals {
            max_in_flight: args.max_in_flight.unwrap_or(arrivals.max_in_flight),
            ..arrivals
        }),
        other @ (Workload::Stages(_) | Workload::Spread { .. }) => other,
    }
}

fn show(args: &SwarmArgs, test: &LoadTest) -> anyhow::Result<()> {
    let tables =
        |terminal| bakeoff_report::terminal::render_measurement(&test.measurement, terminal);
    if args.json {
        say(&tables(terminal(&io::stderr())));
        data(&bakeoff_report::locust_json::render(&test.measurement))
    } else if args.quiet {
        Ok(())
    } else {
        data(&tables(terminal(&io::stdout())))
    }
}

/// A broken threshold makes a failed run, and so do failed requests that no threshold speaks of.
fn judge(outcomes: &[ThresholdOutcome], failed: Exit, interrupted: bool) -> Exit {
    let mut broken = false;
    for outcome in outcomes {
        if let Some(failure) = &outcome.failure {
            broken = true;
            say(&format!(
                "threshold broken: {}: {failure}",
                outcome.threshold
            ));
        }
    }
    match (interrupted, broken) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Failed,
        (false, false) => failed,
    }
}

/// What is shown and written while it runs: the statistics so far, every few seconds on stderr, and the CSV files.
struct Live {
    quiet: bool,
    last: Option<Instant>,
    csv: Option<files::Csv>,
    entry: Option<history::Recording>,
    exporter: Option<otlp::Exporter>,
    problem: Option<anyhow::Error>,
}

impl Live {
    fn new(args: &SwarmArgs, run: NewRun) -> anyhow::Result<Self> {
        let csv = args.csv.as_ref();
        Ok(Self {
            quiet: args.quiet || args.only_summary,
            last: None,
            csv: csv
                .map(|prefix| files::Csv::new(prefix, args.csv_full_history))
                .transpose()?,
            exporter: otlp::endpoint(args)
                .map(|endpoint| otlp::Exporter::start(&endpoint))
                .transpose()?,
            entry: history::Recording::new(args.store.as_deref(), run)?,
            problem: None,
        })
    }

    fn show(&mut self, progress: &Progress<'_>) {
        if let Some(csv) = &mut self.csv
            && let Err(problem) = csv.update(progress.so_far)
        {
            // Said once; the load goes on, and its end tells that they are not whole.
            self.csv = None;
            self.problem = Some(problem);
        }
        if let Some(entry) = &mut self.entry {
            entry.save(progress.so_far);
        }
        if let Some(exporter) = &mut self.exporter {
            exporter.update(progress.so_far, progress.users);
        }
        let due = self.last.is_none_or(|last| last.elapsed() >= TABLE_EVERY);
        if due && !self.quiet {
            self.last = Some(Instant::now());
            let table =
                bakeoff_report::terminal::render_live(progress.so_far, terminal(&io::stderr()));
            say(&table);
        }
    }

    /// Writes the last of the files.
    fn end(self, measurement: &Measurement) -> anyhow::Result<()> {
        if let Some(entry) = self.entry {
            entry.finish(measurement);
        }
        if let Some(exporter) = self.exporter {
            exporter.finish(measurement);
        }
        match (self.problem, self.csv) {
            (Some(problem), _) => Err(problem),
            (None, Some(csv)) => csv.finish(measurement),
            (None, None) => Ok(()),
        }
    }
}
