//! The files that a load test leaves behind.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bakeoff_record::{LoadTest, Measurement, ThresholdOutcome};
use bakeoff_report::locust_csv;

use crate::args::SwarmArgs;
use crate::files::{add_to_job_summary, all, append, check_writable, write};
use crate::output::say;

/// Writes every file that was asked for at the end; one that cannot be written does not keep the others from being.
pub(super) fn write_all(
    args: &SwarmArgs,
    test: &LoadTest,
    outcomes: &[ThresholdOutcome],
) -> anyhow::Result<()> {
    let markdown = || bakeoff_report::markdown::render_load_test(test, outcomes);
    let json = || bakeoff_report::locust_json::render(&test.measurement);
    let json_file = args
        .json_file
        .as_ref()
        .map(|prefix| suffixed(prefix, ".json"));
    all([
        one(args.record.as_deref(), || {
            bakeoff_report::json::render_load_test(test)
        }),
        one(json_file.as_deref(), json),
        one(args.markdown.as_deref(), markdown),
        one(args.junit.as_deref(), || {
            bakeoff_report::junit::render(test, outcomes)
        }),
        one(args.html.as_deref(), || {
            bakeoff_report::html::render_load_test(test)
        }),
        add_to_job_summary(markdown),
    ])
}

fn one(path: Option<&Path>, content: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    write(path, content())?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

/// The CSV files, which grow while the load runs.
#[derive(Debug)]
pub(super) struct Csv {
    prefix: PathBuf,
    history: locust_csv::History,
    is_begun: bool,
}

impl Csv {
    /// Files whose names begin with `prefix`. Nothing is written yet, but that it can be is known before the load begins.
    pub(super) fn new(prefix: &Path, full_history: bool) -> anyhow::Result<Self> {
        let csv = Self {
            prefix: prefix.to_owned(),
            history: locust_csv::History::new(full_history),
            is_begun: false,
        };
        check_writable(&csv.path("_stats.csv"))?;
        Ok(csv)
    }

    /// Brings the files up to date. Those of an earlier run stay as they are until a server has been reached: an address
    /// that was mistyped costs no results.
    pub(super) fn update(&mut self, measurement: &Measurement) -> anyhow::Result<()> {
        if !self.is_begun && measurement.connections_opened == 0 {
            return Ok(());
        }
        self.write(measurement)
    }

    /// Brings the files up to date for the last time.
    pub(super) fn finish(mut self, measurement: &Measurement) -> anyhow::Result<()> {
        let kept = self.path("_stats.csv");
        if !self.is_begun && measurement.connections_opened == 0 && kept.exists() {
            say(&format!(
                "no connection was opened; {} and the files beside it are those of an earlier run",
                kept.display()
            ));
            return Ok(());
        }
        self.write(measurement)
    }

    fn write(&mut self, measurement: &Measurement) -> anyhow::Result<()> {
        let rows = self.history.new_rows(measurement);
        let history = self.path("_stats_history.csv");
        let (history, exceptions) = if self.is_begun {
            (append(&history, &rows), Ok(()))
        } else {
            let exceptions = self.path("_exceptions.csv");
            (
                write(&history, locust_csv::history_header() + &rows),
                write(&exceptions, locust_csv::exceptions()),
            )
        };
        self.is_begun = true;
        let stats = self.path("_stats.csv");
        let failures = self.path("_failures.csv");
        all([
            history,
            exceptions,
            write(&stats, locust_csv::stats(measurement)),
            write(&failures, locust_csv::failures(measurement)),
        ])
    }

    fn path(&self, suffix: &str) -> PathBuf {
        suffixed(&self.prefix, suffix)
    }
}

fn suffixed(prefix: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(suffix);
    PathBuf::from(name)
}
