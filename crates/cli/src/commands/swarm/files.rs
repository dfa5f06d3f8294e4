//! The files that a load test leaves behind.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bakeoff_report::render::{self, locust_csv};
use bakeoff_report::{LoadTest, Measurement, ThresholdOutcome};

use crate::args::SwarmArgs;
use crate::commands::compare::{add_to_job_summary, append, write};
use crate::output::say;

/// Writes every file that was asked for at the end; one that cannot be written does not keep the others from being.
pub(super) fn write_all(
    args: &SwarmArgs,
    test: &LoadTest,
    outcomes: &[ThresholdOutcome],
) -> anyhow::Result<()> {
    let markdown = || render::markdown::render_load_test(test, outcomes);
    let json = || render::locust_json::render(&test.measurement);
    let json_file = args
        .json_file
        .as_ref()
        .map(|prefix| suffixed(prefix, ".json"));
    let written = [
        one(args.record.as_deref(), || {
            render::json::render_load_test(test)
        }),
        one(json_file.as_deref(), json),
        one(args.markdown.as_deref(), markdown),
        one(args.junit.as_deref(), || {
            render::junit::render(test, outcomes)
        }),
        one(args.html.as_deref(), || {
            render::html::render_load_test(test)
        }),
        add_to_job_summary(markdown),
    ];
    written.into_iter().collect()
}

fn one(path: Option<&Path>, content: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    write(path, &content())?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

/// The CSV files, which grow while the load runs.
#[derive(Debug)]
pub(super) struct Csv {
    prefix: PathBuf,
    history: locust_csv::History,
}

impl Csv {
    /// Makes the four files, so that one that cannot be made is known before the load begins.
    pub(super) fn create(prefix: &Path, full_history: bool) -> anyhow::Result<Self> {
        let csv = Self {
            prefix: prefix.to_owned(),
            history: locust_csv::History::new(full_history),
        };
        csv.write("_stats_history.csv", &locust_csv::history_header())?;
        csv.write("_exceptions.csv", &locust_csv::exceptions())?;
        for suffix in ["_stats.csv", "_failures.csv"] {
            csv.write(suffix, "")?;
        }
        Ok(csv)
    }

    /// Brings the files up to date.
    pub(super) fn update(&mut self, measurement: &Measurement) -> anyhow::Result<()> {
        let rows = self.history.new_rows(measurement);
        append(&suffixed(&self.prefix, "_stats_history.csv"), &rows)?;
        self.write("_stats.csv", &locust_csv::stats(measurement))?;
        self.write("_failures.csv", &locust_csv::failures(measurement))
    }

    fn write(&self, suffix: &str, content: &str) -> anyhow::Result<()> {
        write(&suffixed(&self.prefix, suffix), content)
    }
}

fn suffixed(prefix: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(suffix);
    PathBuf::from(name)
}
