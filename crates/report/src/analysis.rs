//! What an experiment's runs amount to, contender by contender.

use std::time::Duration;

use crate::comparison::{Comparison, Metric};
use crate::experiment::{Contender, Experiment, Run};
use crate::interpretation::{Paragraph, interpret};
use crate::summary::Summary;
use crate::verdict::Verdict;

/// Everything that follows from an experiment, worked out once for all renderers.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// One per contender, in the order of the experiment.
    pub results: Vec<ContenderResult>,
    /// What the figures mean, in words.
    pub interpretation: Vec<Paragraph>,
}

/// What one contender's runs amount to.
#[derive(Debug, Clone, PartialEq)]
pub struct ContenderResult {
    /// The contender.
    pub contender: Contender,
    /// The blocks in which it was measured.
    pub blocks: Vec<u32>,
    /// The statistics of all of its runs together.
    pub summary: Summary,
    /// The median over its runs of the time from start to first correct answer.
    pub cold_start: Option<Duration>,
    /// Processor time per 1,000 completed requests, in seconds, over the runs where it was seen.
    pub cpu_seconds_per_1000_requests: Option<f64>,
    /// The most memory that it held in any run, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Against the baseline, one per [`Metric`]; empty for the baseline itself and without one.
    pub comparisons: Vec<Comparison>,
    /// What the comparison by the primary metric allows to say.
    pub verdict: Verdict,
}

impl Analysis {
    /// Works out everything that follows from `experiment`.
    pub fn of(experiment: &Experiment) -> Self {
        let mut results: Vec<_> = experiment
            .contenders
            .iter()
            .map(|contender| ContenderResult::of(contender, &experiment.runs))
            .collect();
        let baseline = results
            .iter()
            .find(|result| result.contender.name == experiment.plan.baseline)
            .cloned();
        for result in &mut results {
            let others = baseline
                .as_ref()
                .filter(|baseline| baseline.contender.name != result.contender.name);
            if let Some(baseline) = others {
                result.comparisons = Metric::ALL
                    .map(|metric| Comparison::of(result, baseline, metric, experiment))
                    .into();
            }
            result.verdict = Verdict::of(result, baseline.as_ref(), &experiment.plan);
        }
        let interpretation = interpret(experiment, &results);
        Self {
            results,
            interpretation,
        }
    }

    /// The result of the contender that the others are compared with, if it took part.
    pub fn baseline(&self) -> Option<&ContenderResult> {
        self.results
            .iter()
            .find(|result| result.verdict == Verdict::Baseline)
    }
}

impl ContenderResult {
    /// The comparison by `metric`, where there is a baseline.
    pub fn comparison(&self, metric: Metric) -> Option<&Comparison> {
        self.comparisons
            .iter()
            .find(|comparison| comparison.metric == metric)
    }

    /// The figure of all runs together.
    pub fn figure(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::CpuSecondsPer1000Requests => self.cpu_seconds_per_1000_requests,
            timed_or_counted => timed_or_counted.of_summary(&self.summary),
        }
    }

    fn of(contender: &Contender, all: &[Run]) -> Self {
        let runs: Vec<&Run> = all
            .iter()
            .filter(|run| run.contender == contender.name)
            .collect();
        let mut blocks: Vec<u32> = runs.iter().map(|run| run.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        Self {
            contender: contender.clone(),
            blocks,
            summary: Summary::of(runs.iter().map(|run| &run.measurement)),
            cold_start: median(runs.iter().filter_map(|run| run.cold_start).collect()),
            cpu_seconds_per_1000_requests: cpu_seconds_per_1000_requests(&runs),
            peak_memory_bytes: runs
                .iter()
                .filter_map(|run| run.usage)
                .map(|usage| usage.peak_memory_bytes)
                .max(),
            comparisons: Vec::new(),
            verdict: Verdict::NoBaseline,
        }
    }
}

/// Processor time of `runs` over the requests completed in the same measured periods.
pub(crate) fn cpu_seconds_per_1000_requests(runs: &[&Run]) -> Option<f64> {
    let seen = || {
        runs.iter()
            .filter_map(|run| Some((run.usage?, &run.measurement)))
    };
    let cpu: f64 = seen().map(|(usage, _)| usage.cpu.as_secs_f64()).sum();
    let completed = Summary::of(seen().map(|(_, measurement)| measurement))
        .total
        .completed_in_period;
    (completed > 0).then(|| cpu / completed as f64 * 1000.0)
}

/// The middle value, the lower of the two for an even number.
fn median(mut values: Vec<Duration>) -> Option<Duration> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}
