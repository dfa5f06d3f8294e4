//! `bakeoff swarm`: puts a load on a server.

mod config;
mod files;
mod otlp;
mod page;

use std::io;
use std::time::{Duration, Instant};

use bakeoff_history::NewRun;
use bakeoff_load::{Control, Progress, make_room};
use bakeoff_record::{LoadTest, Measurement, ThresholdOutcome};

use self::config::SwarmConfig;
use crate::args::{OutcomeArgs, SwarmArgs};
use crate::exit::Exit;
use crate::files::all;
use crate::history::Recording;
use crate::output::{data, say, terminal};
use crate::signals::{Stopping, stopping};

/// Time between two live tables, as in Locust.
const TABLE_EVERY: Duration = Duration::from_secs(2);

/// Runs a load test and reports what its users measured.
pub(crate) fn run(args: SwarmArgs) -> anyhow::Result<Exit> {
    let config = SwarmConfig::resolve(args)?;
    if let Err(too_few) = make_room(&config.load.workload) {
        say(&format!("warning: {too_few}"));
        say(&format!(
            "hint: raise the limit with `ulimit -n {}` before the start",
            too_few.enough()
        ));
    }
    let stopping = stopping()?;
    let stop = stopping.stop.clone();
    // An error of the CSV files is reported last, after the results.
    let mut written = Ok(());
    let measurement = if config.page.headless {
        let mut live = Live::new(&config)?;
        let measurement = run_headless(&config, stopping, &mut live)?;
        written = live.end(&measurement);
        Some(measurement)
    } else {
        page::run(&config, stop.clone())?
    };
    // Without a start, a page has no measurement.
    let Some(measurement) = measurement else {
        return Ok(Exit::Done);
    };
    let test = LoadTest {
        name: config.scenario.name().to_owned(),
        host: config.load.host.clone(),
        bakeoff_version: env!("CARGO_PKG_VERSION").into(),
        machine: bakeoff_load::machine::describe(),
        measurement,
    };
    let outcomes = config.scenario.threshold_outcomes(&test.measurement);
    show(&config.outcome, &test)?;
    all([files::write_all(&config.files, &test, &outcomes), written])?;
    let is_interrupted = test.measurement.interrupted && stop.is_cancelled();
    let failures = config
        .scenario
        .failures_without_threshold(&test.measurement);
    let failed = Exit::of_failures(failures, config.outcome.exit_code_on_error);
    Ok(judge(&outcomes, failed, is_interrupted))
}

fn run_headless(
    config: &SwarmConfig,
    stopping: Stopping,
    live: &mut Live,
) -> anyhow::Result<Measurement> {
    let control = Control::from(stopping.stop).giving_up(stopping.give_up);
    let mut observe = |progress: &Progress<'_>| live.show(progress);
    let measured = bakeoff_load::run(&config.scenario, &config.load, &control, &mut observe);
    Ok(measured?)
}

/// Entry of the load in the history.
fn new_run(config: &SwarmConfig) -> NewRun {
    NewRun {
        name: config.scenario.name().to_owned(),
        host: config.load.host.clone(),
        config: config.load.describe(),
        bakeoff_version: env!("CARGO_PKG_VERSION").into(),
        machine: bakeoff_load::machine::describe(),
        tags: config.history.profile.iter().cloned().collect(),
    }
}

fn show(args: &OutcomeArgs, test: &LoadTest) -> anyhow::Result<()> {
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

/// Exit code of a load test: 1 for a broken threshold, else `failed`, the code of failures that no threshold is about.
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

/// Output during a load test: live tables on stderr, CSV files, the entry in the history and metrics.
struct Live {
    quiet: bool,
    last: Option<Instant>,
    csv: Option<files::Csv>,
    entry: Option<Recording>,
    exporter: Option<otlp::Exporter>,
    problem: Option<anyhow::Error>,
}

impl Live {
    fn new(config: &SwarmConfig) -> anyhow::Result<Self> {
        let files = &config.files;
        let csv = files.csv.as_deref();
        let csv = csv.map(|prefix| files::Csv::new(prefix, files.csv_full_history));
        let collector = config.collector.clone();
        Ok(Self {
            quiet: config.outcome.quiet || config.outcome.only_summary,
            last: None,
            csv: csv.transpose()?,
            exporter: collector.map(otlp::Exporter::start),
            entry: Recording::new(config.history.store.as_deref(), new_run(config))?,
            problem: None,
        })
    }

    fn show(&mut self, progress: &Progress<'_>) {
        if let Some(csv) = &mut self.csv
            && let Err(problem) = csv.update(progress.so_far)
        {
            // The load goes on; the error is reported once, at the end.
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

    /// Writes the final state of the files and of the entry, and sends the last metrics.
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
