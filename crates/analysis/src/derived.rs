//! Conclusions from an experiment at rest, for programs that read the JSON.

use bakeoff_record::ExperimentRecord;
use bakeoff_record::experiment::{Experiment, RunLoad};
use bakeoff_record::json::{SummaryRecord, SummaryRowRecord, unit};
use serde::{Deserialize, Serialize};

mod estimate;
mod gates;
#[cfg(test)]
mod tests;

use crate::analysis::Analysis;
use crate::comparison::Comparison;
use crate::interpretation::interpret;
use crate::judged::Judged;
use crate::shift::Shift;
use crate::sweep::SweepResult;
use crate::verdict::Verdict;
use bakeoff_record::metric::Metric;
pub use estimate::EstimateRecord;
pub use gates::{
    FailedTurnRecord, GateRecord, NoiseRecord, PercentileIntervalRecord, VoidedBlockRecord,
};

/// The record of `experiment` with everything that follows from it.
pub fn experiment_record(experiment: &Experiment) -> ExperimentRecord<DerivedRecord> {
    let derived = DerivedRecord::of(&Analysis::of(experiment), experiment);
    ExperimentRecord::new(experiment, derived)
}

/// Everything that follows from an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedRecord {
    /// One per contender, in the order of the experiment.
    pub results: Vec<ResultRecord>,
    /// Blocks that are not judged.
    #[serde(default)]
    pub voided_blocks: Vec<VoidedBlockRecord>,
    /// Difference of the baseline from itself; `null` without second turns of it.
    #[serde(default)]
    pub noise: Option<NoiseRecord>,
    /// The relative difference that does not count, 0.05 for 5 %: the plan's, or the noise where that is more.
    #[serde(default)]
    pub band_ratio: Option<f64>,
    /// The same for each rate at which requests arrived, lowest first.
    #[serde(default)]
    pub at_rates: Vec<AtRateRecord>,
    /// How far each contender goes; empty without a sweep.
    #[serde(default)]
    pub sweeps: Vec<SweepRecord>,
    /// What the figures mean, in words.
    pub interpretation: Vec<ParagraphRecord>,
}

/// What the runs at one rate of arrivals amount to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtRateRecord {
    /// The rate.
    pub arrivals_per_second: f64,
    /// One per contender, in the order of the experiment; verdicts are by the 95th percentile of the response time.
    pub results: Vec<ResultRecord>,
}

/// How far a contender goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepRecord {
    /// Its name.
    pub contender: String,
    /// The fewest users with 95 % of its highest rate, the middle of the blocks.
    pub knee_users: Option<u32>,
    /// Successful requests per second there.
    pub knee_per_second: Option<EstimateRecord>,
    /// The highest rate at which the plan's objective was kept.
    pub slo_per_second: Option<EstimateRecord>,
    /// One point per number of users.
    pub curve: Vec<SweepPointRecord>,
}

/// What a contender did with so many users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepPointRecord {
    /// The users.
    pub users: u32,
    /// The statistics of all blocks together.
    pub total: SummaryRowRecord,
}

/// A percentile of a contender's response times against the baseline's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftRecord {
    /// The quantile, 0.95 for the 95th percentile.
    pub quantile: f64,
    /// The baseline's, of all runs together.
    pub baseline_ms: f64,
    /// The contender's, of all runs together.
    pub contender_ms: f64,
    /// The contender's over the baseline's; `null` where a block has too few requests to have that quantile.
    pub ratio: Option<EstimateRecord>,
}

/// What one contender's runs amount to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Judged` and their documentation is there"
)]
pub struct ResultRecord {
    pub contender: String,
    pub blocks: Vec<u32>,
    #[serde(default)]
    pub turns_begun: u32,
    #[serde(default)]
    pub failed_turns: Vec<FailedTurnRecord>,
    #[serde(default)]
    pub gates: Vec<GateRecord>,
    #[serde(default)]
    pub percentile_intervals: Vec<PercentileIntervalRecord>,
    pub cold_start_ms: Option<f64>,
    pub cpu_seconds_per_1000_requests: Option<f64>,
    #[serde(default)]
    pub requests_per_core_second: Option<f64>,
    #[serde(default)]
    pub price_per_million_requests: Option<f64>,
    #[serde(default)]
    pub unsettled_turns: usize,
    pub peak_memory_bytes: Option<u64>,
    pub summary: SummaryRecord,
    pub verdict: VerdictRecord,
    pub comparisons: Vec<ComparisonRecord>,
    #[serde(default)]
    pub shift: Vec<ShiftRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted_p: Option<f64>,
}

/// What may be said about a contender against the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// One of `baseline`, `control`, `better`, `slightly_better`, `same`, `slightly_worse`, `worse`, `not_shown`, `too_few_blocks`,
    /// `failed`,
    /// `no_baseline` and `not_measurable`.
    pub verdict: String,
    /// How many more blocks would allow to say more, where that is what is missing.
    pub more_blocks: Option<u32>,
    /// Why nothing can be said, where something stands in the way.
    pub obstacle: Option<String>,
}

/// A contender's figures over the baseline's, by one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonRecord {
    /// `requests_per_second`, `median_response_time`, `p95_response_time`, `p99_response_time` or `cpu_per_request`.
    pub metric: String,
    /// Whether a ratio above 1 is the better one.
    pub more_is_better: bool,
    /// The geometric mean of the blocks' ratios; `null` without blocks.
    pub point_estimate_ratio: Option<f64>,
    /// The lower end of the interval; `null` where there are too few blocks for one.
    pub low_ratio: Option<f64>,
    /// The upper end of the interval; `null` where there are too few blocks for one.
    pub high_ratio: Option<f64>,
    /// The confidence of the interval, 0.95.
    pub confidence_ratio: f64,
    /// How likely chance alone would make a difference as large, before any correction; `null` without blocks.
    #[serde(default)]
    pub p_value: Option<f64>,
    /// The ratio in each block in which both were measured to the end.
    pub blocks: Vec<BlockRatioRecord>,
}

/// The ratio within one block.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `BlockRatio` and their documentation is there"
)]
pub struct BlockRatioRecord {
    pub block: u32,
    pub ratio: f64,
}

/// One paragraph of the interpretation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Paragraph` and their documentation is there"
)]
pub struct ParagraphRecord {
    pub heading: String,
    pub sentences: Vec<String>,
}

impl DerivedRecord {
    /// Conclusions of `analysis`, which is that of `experiment`.
    pub fn of(analysis: &Analysis, experiment: &Experiment) -> Self {
        let paragraphs = interpret(experiment, analysis).into_iter();
        let results = |results: &[Judged]| {
            let results = results.iter();
            results
                .map(|result| ResultRecord::of(result, experiment))
                .collect()
        };
        let at_rates = analysis.at_rates.iter().filter_map(|at_rate| {
            let RunLoad::Arrivals { per_second } = at_rate.load else {
                return None;
            };
            Some(AtRateRecord {
                arrivals_per_second: per_second,
                results: results(&at_rate.results),
            })
        });
        Self {
            results: results(&analysis.results),
            voided_blocks: analysis.voided.iter().map(Into::into).collect(),
            noise: analysis.noise.as_ref().map(Into::into),
            band_ratio: Some(analysis.band_ratio),
            at_rates: at_rates.collect(),
            sweeps: analysis.sweeps.iter().map(Into::into).collect(),
            interpretation: paragraphs
                .map(|paragraph| ParagraphRecord {
                    heading: paragraph.heading,
                    sentences: paragraph.sentences,
                })
                .collect(),
        }
    }
}

impl ResultRecord {
    fn of(result: &Judged, experiment: &Experiment) -> Self {
        let price = experiment.plan.price_per_core_hour;
        Self {
            contender: result.name().to_owned(),
            blocks: result.measured().blocks.clone(),
            turns_begun: result.measured().turns.begun,
            failed_turns: gates::failed_turns(result),
            gates: gates::gates(result, experiment),
            percentile_intervals: gates::percentile_intervals(result),
            cold_start_ms: result.measured().cold_start.map(unit::ms),
            cpu_seconds_per_1000_requests: result
                .measured()
                .figure(Metric::CpuSecondsPer1000Requests),
            requests_per_core_second: result.measured().figure(Metric::RequestsPerCoreSecond),
            price_per_million_requests: price
                .and_then(|price| result.measured().price_per_million_requests(price)),
            unsettled_turns: result.measured().unsettled.0,
            peak_memory_bytes: result.measured().peak_memory_bytes,
            summary: (&result.measured().summary).into(),
            adjusted_p: result.compared.adjusted_p,
            verdict: (&result.verdict).into(),
            comparisons: result.compared.comparisons.iter().map(Into::into).collect(),
            shift: result.compared.shift.iter().map(Into::into).collect(),
        }
    }
}

impl From<&SweepResult> for SweepRecord {
    fn from(sweep: &SweepResult) -> Self {
        let points = sweep.curve.iter().map(|point| SweepPointRecord {
            users: point.users,
            total: (&point.total).into(),
        });
        Self {
            contender: sweep.contender.clone(),
            knee_users: sweep.knee_users.map(|(middle, _, _)| middle),
            knee_per_second: sweep.knee_per_second.map(Into::into),
            slo_per_second: sweep.slo_per_second.map(Into::into),
            curve: points.collect(),
        }
    }
}

impl From<&Shift> for ShiftRecord {
    fn from(shift: &Shift) -> Self {
        Self {
            quantile: shift.quantile,
            baseline_ms: unit::ms(shift.baseline),
            contender_ms: unit::ms(shift.contender),
            ratio: shift.ratio.map(Into::into),
        }
    }
}

impl From<&Verdict> for VerdictRecord {
    fn from(verdict: &Verdict) -> Self {
        let (word, more_blocks, obstacle) = match verdict {
            Verdict::Baseline => ("baseline", None, None),
            Verdict::Control => ("control", None, None),
            Verdict::Better => ("better", None, None),
            Verdict::SlightlyBetter => ("slightly_better", None, None),
            Verdict::Same => ("same", None, None),
            Verdict::SlightlyWorse => ("slightly_worse", None, None),
            Verdict::Worse => ("worse", None, None),
            Verdict::NotShown { more_blocks } => ("not_shown", Some(*more_blocks), None),
            Verdict::TooFewBlocks { more_blocks, .. } => {
                ("too_few_blocks", Some(*more_blocks), None)
            }
            Verdict::Failed { .. } => ("failed", None, None),
            Verdict::NoBaseline => ("no_baseline", None, None),
            Verdict::NotMeasurable(obstacle) => {
                ("not_measurable", None, Some(obstacle.to_string()))
            }
        };
        Self {
            verdict: word.to_owned(),
            more_blocks,
            obstacle,
        }
    }
}

impl From<&Comparison> for ComparisonRecord {
    fn from(comparison: &Comparison) -> Self {
        let interval = comparison
            .estimate
            .and_then(|estimate| estimate.confidence_interval);
        Self {
            metric: comparison.metric.descriptor().json_name,
            more_is_better: comparison.metric.more_is_better(),
            point_estimate_ratio: comparison.estimate.map(|estimate| estimate.point_estimate),
            low_ratio: interval.map(|interval| interval.low),
            high_ratio: interval.map(|interval| interval.high),
            confidence_ratio: crate::statistics::CONFIDENCE,
            p_value: comparison.p_value,
            blocks: comparison
                .blocks
                .iter()
                .map(|block| BlockRatioRecord {
                    block: block.block,
                    ratio: block.ratio,
                })
                .collect(),
        }
    }
}
