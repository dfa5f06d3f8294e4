//! First phase of an analysis: the figures of one contender by itself.

use std::time::Duration;

use crate::precision::Precision;
use crate::statistics::{Steadiness, steady_from};
use crate::turn::Turns;
use bakeoff_record::experiment::{Agreement, Contender, Experiment, Run, RunLoad};
use bakeoff_record::metric::Metric;
use bakeoff_record::run::Measurement;
use bakeoff_record::summary::Summary;
use bakeoff_record::times::TimeKind;

/// Figures of one contender under one load, without any comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Contender that the figures belong to.
    pub contender: Contender,
    /// Blocks in which the contender was measured, ascending.
    pub blocks: Vec<u32>,
    /// Statistics of all runs together.
    pub summary: Summary,
    /// Precision of the percentiles.
    pub precision: Precision,
    /// Comparison of the contender's answers with the baseline's; `None` if answers were not sampled.
    pub agreement: Option<Agreement>,
    /// Number of turns whose rate never settled, and number of all turns.
    pub unsettled: (usize, usize),
    /// All turns with the failed ones, those in voided blocks included.
    pub turns: Turns,
    /// Sum of the measured periods.
    pub measured: Duration,
    /// Median over the runs of the time from start to first correct answer.
    pub cold_start: Option<Duration>,
    /// Largest memory use of any run, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Values of all metrics that reports show, in the unit of the reports.
    figures: Vec<(Metric, Option<f64>)>,
}

impl Measured {
    /// Figures of `contender` from `runs`, which are the judged runs of all contenders under `load`.
    pub(crate) fn of(
        experiment: &Experiment,
        contender: &Contender,
        load: RunLoad,
        runs: &[&Run],
    ) -> Self {
        let name = &contender.name;
        let runs: Vec<&Run> = runs
            .iter()
            .filter(|run| run.contender == *name)
            .copied()
            .collect();
        let mut blocks: Vec<u32> = runs.iter().map(|run| run.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let measurements: Vec<&Measurement> = runs.iter().map(|run| &run.measurement).collect();
        let summary = Summary::of_runs(runs.iter().copied());
        let figures = Metric::shown().map(|metric| (metric, metric.figure(&summary.total, &runs)));
        let figures = figures.collect();
        let mut agreements = experiment.agreements.iter();
        Self {
            contender: contender.clone(),
            blocks,
            precision: Precision::of(&measurements, &summary.total.times[TimeKind::Response]),
            summary,
            agreement: agreements
                .find(|agreement| agreement.contender == *name)
                .cloned(),
            unsettled: unsettled(&runs),
            turns: Turns::of(experiment, name, load),
            measured: measurements
                .iter()
                .map(|measurement| measurement.period)
                .sum(),
            cold_start: median(runs.iter().filter_map(|run| run.cold_start).collect()),
            peak_memory_bytes: runs
                .iter()
                .filter_map(|run| run.usage)
                .map(|usage| usage.peak_memory_bytes)
                .max(),
            figures,
        }
    }

    /// Name of the contender.
    pub fn name(&self) -> &str {
        &self.contender.name
    }

    /// Value of `metric` over all runs together, in the unit of the reports; `None` if it was not measured.
    pub fn figure(&self, metric: Metric) -> Option<f64> {
        let mut shown = self.figures.iter();
        match shown.find(|(shown, _)| *shown == metric) {
            Some((_, figure)) => *figure,
            None => metric.figure(&self.summary.total, &[]),
        }
    }

    /// Price of the CPU time of a million requests, in the currency of `price_per_core_hour`.
    pub fn price_per_million_requests(&self, price_per_core_hour: f64) -> Option<f64> {
        Some(
            self.figure(Metric::CpuSecondsPer1000Requests)? * 1000.0 / 3600.0 * price_per_core_hour,
        )
    }
}

/// Runs of a contender in one block that were measured to the end.
pub(crate) fn whole_runs<'a>(runs: &[&'a Run], contender: &str, block: u32) -> Vec<&'a Run> {
    let of_block = runs
        .iter()
        .filter(|run| run.contender == contender && run.block == block);
    of_block
        .filter(|run| !run.measurement.interrupted)
        .copied()
        .collect()
}

/// Number of runs whose rate had not settled at the start of the measured period or changed in it, and number of runs.
fn unsettled(runs: &[&Run]) -> (usize, usize) {
    let never = runs.iter().filter(|run| {
        let seconds = run.measurement.measured_seconds();
        let rates: Vec<f64> = seconds.map(|second| second.requests as f64).collect();
        !run.settled || steady_from(&rates) == Steadiness::Never
    });
    (never.count(), runs.len())
}

/// Middle value, the lower of the two for an even number.
fn median(mut values: Vec<Duration>) -> Option<Duration> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}
