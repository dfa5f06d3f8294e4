//! Runs of an experiment as one CSV file, for a spreadsheet or a notebook: a row for each contender, load and block.
//!
//! A field without a figure is empty. Response times are those of successful requests.

use crate::cell::harmless;
use bakeoff_analysis::analysis::cpu_seconds_per_1000_requests;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, Run, RunLoad};
use bakeoff_record::summary::Summary;
use bakeoff_record::times::TimeKind;

const HEADER: [&str; 26] = [
    "contender",
    "block",
    "load",
    "load_users",
    "load_arrivals_rps",
    "warm_up_seconds",
    "measured_seconds",
    "requests",
    "failures",
    "unanswered",
    "arrivals_planned",
    "arrivals_not_sent",
    "successes_rps",
    "failures_rps",
    "mean_ms",
    "median_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "cpu_seconds_per_1000_requests",
    "peak_memory_bytes",
    "cold_start_ms",
    "lag_p99_ms",
    "generator_cpu_ratio",
    "steal_ratio",
    "settled",
];

/// A row for each run, in the order of measurement. Interrupted runs are left out.
pub fn render_experiment(experiment: &Experiment) -> String {
    let whole = experiment
        .runs
        .iter()
        .filter(|run| !run.measurement.interrupted);
    let rows = whole.map(|run| row(run, experiment.plan.users));
    written([HEADER.map(str::to_owned)].into_iter().chain(rows))
}

fn written(rows: impl Iterator<Item = [String; HEADER.len()]>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row.iter().map(|text| harmless(text)))
            .expect("writing to memory cannot fail, and all rows are equally long");
    }
    let bytes = writer.into_inner().expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("all fields are text")
}

fn row(run: &Run, plan_users: u32) -> [String; HEADER.len()] {
    let measurement = &run.measurement;
    let summary = Summary::of([measurement]);
    let (total, times) = (&summary.total, &summary.total.times[TimeKind::Response]);
    let (load, users, arrivals) = match run.load {
        RunLoad::Users => ("users", plan_users.to_string(), String::new()),
        RunLoad::Sweep { users } => ("sweep", users.to_string(), String::new()),
        RunLoad::Arrivals { per_second } => ("arrivals", String::new(), per_second.to_string()),
    };
    let ms = |time: Option<_>| text(time.map(words::exact_ms));
    let percentile = |quantile| ms(total.percentile(quantile).map(|percentile| percentile.time));
    let planned = summary.arrivals;
    [
        run.contender.clone(),
        run.block.to_string(),
        load.to_owned(),
        users,
        arrivals,
        measurement.warm_up.as_secs_f64().to_string(),
        measurement.period.as_secs_f64().to_string(),
        total.requests().to_string(),
        total.failures().to_string(),
        summary.unanswered().to_string(),
        text(planned.map(|arrivals| arrivals.planned)),
        text(planned.map(|arrivals| arrivals.not_sent)),
        text(total.successes_per_second()),
        text(total.failures_per_second()),
        ms(times.mean()),
        percentile(0.5),
        percentile(0.95),
        percentile(0.99),
        ms(times.max()),
        text(cpu_seconds_per_1000_requests(&[run])),
        text(run.usage.map(|usage| usage.peak_memory_bytes)),
        ms(run.cold_start),
        ms(summary.lag_p99()),
        text(run.generator.map(|used| used.cpu_ratio)),
        text(run.generator.map(|used| used.steal_ratio)),
        run.settled.to_string(),
    ]
}

fn text<T: ToString>(figure: Option<T>) -> String {
    figure.map_or_else(String::new, |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_row_for_every_run_and_a_field_for_every_column() {
        let experiment = fixture::plausible_experiment();
        let csv = render_experiment(&experiment);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap(), &HEADER[..]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), experiment.runs.len());
        let loads = ["users", "arrivals", "sweep"];
        let of_load = loads.map(|load| rows.iter().filter(|row| &row[2] == load).count());
        assert_eq!(of_load, [49, 70, 192]);
    }

    #[test]
    fn the_first_rows_of_an_experiment() {
        let mut experiment = fixture::experiment(&[("new, \"x\"", &[20]), ("old", &[10])], "old");
        experiment.runs[1].measurement = fixture::measurement("/", &[10, 20], &[5], 2);
        insta::assert_snapshot!(render_experiment(&experiment));
    }
}
