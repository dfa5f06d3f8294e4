//! What an experiment's runs amount to, contender by contender.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use crate::comparison::{Comparison, Metric};
use crate::interpretation::{Paragraph, interpret};
use crate::precision::Precision;
use crate::shift::Shift;
use crate::statistics::{Estimate, Steadiness, holm_adjusted, steady_from};
use crate::sweep::SweepResult;
use crate::turn::{Turns, VoidedBlock, is_voided, voided_blocks};
use crate::verdict::{Gates, Judge, Reading, Verdict};
use bakeoff_record::experiment::{
    Agreement, Contender, Experiment, Plan, PrimaryMetric, Run, RunLoad,
};
use bakeoff_record::run::Measurement;
use bakeoff_record::summary::Summary;

/// Everything that follows from an experiment, worked out once for all renderers.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// One per contender, in the order of the experiment.
    pub results: Vec<ContenderResult>,
    /// Blocks that are not judged, since something on the machine disturbed them.
    pub voided: Vec<VoidedBlock>,
    /// How far the baseline is from itself by the primary metric; `None` without a control or without a block.
    pub noise: Option<Noise>,
    /// The relative difference that does not count: the plan's, or the noise where that is more.
    pub band_ratio: f64,
    /// The same for each rate at which requests arrived, lowest first: reported apart, never mixed with the above.
    pub at_rates: Vec<UnderLoad>,
    /// How far each contender goes, in the order of the experiment; empty without a sweep.
    pub sweeps: Vec<SweepResult>,
    /// What the figures mean, in words.
    pub interpretation: Vec<Paragraph>,
}

/// What all contenders' runs under one load amount to.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderLoad {
    /// The load.
    pub load: RunLoad,
    /// What the verdicts are by.
    pub primary: PrimaryMetric,
    /// One per contender, in the order of the experiment.
    pub results: Vec<ContenderResult>,
    /// Blocks that are not judged, since something on the machine disturbed them.
    pub voided: Vec<VoidedBlock>,
    /// How far the baseline is from itself; `None` without a control or without a block.
    pub noise: Option<Noise>,
    /// The relative difference that does not count: the plan's, or the noise where that is more.
    pub band_ratio: f64,
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
    /// How well its percentiles are known.
    pub precision: Precision,
    /// How its answers compare with the baseline's, where that was asked for.
    pub agreement: Option<Agreement>,
    /// Turns that never settled, and all turns.
    pub unsettled: (usize, usize),
    /// Its turns, those that failed among them; voided blocks count here too.
    pub turns: Turns,
    /// The sum of the measured periods.
    pub measured: Duration,
    /// Readings of all gates, in the order in which the verdict looks at them.
    pub gates: Vec<Reading>,
    /// The median over its runs of the time from start to first correct answer.
    pub cold_start: Option<Duration>,
    /// Processor time per 1,000 completed requests, in seconds, over the runs where it was seen.
    pub cpu_seconds_per_1000_requests: Option<f64>,
    /// The most memory that it held in any run, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Its response times against the baseline's, percentile by percentile; empty for the baseline itself and without one.
    pub shift: Vec<Shift>,
    /// Against the baseline, one per [`Metric`]; empty for the baseline itself and without one.
    pub comparisons: Vec<Comparison>,
    /// The p of the comparison by the primary metric, adjusted for there being several contenders (Holm); `None` for the
    /// baseline, its control, and without a block.
    pub adjusted_p: Option<f64>,
    /// What the comparison by the primary metric allows to say.
    pub verdict: Verdict,
}

/// How far apart two turns of the same contender are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The control's figure over the baseline's.
    pub estimate: Estimate,
    /// The relative difference behind it, 0.02 for 2 %: smaller ones are not told apart here.
    pub floor_ratio: f64,
}

impl Analysis {
    /// Works out everything that follows from `experiment`.
    pub fn of(experiment: &Experiment) -> Self {
        let plan = &experiment.plan;
        let under_users = UnderLoad::of(experiment, RunLoad::Users, plan.primary);
        let mut rates: Vec<f64> = experiment
            .runs
            .iter()
            .filter_map(|run| match run.load {
                RunLoad::Arrivals { per_second } => Some(per_second),
                RunLoad::Users | RunLoad::Sweep { .. } => None,
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let at_rates = rates.into_iter().map(|per_second| {
            // At equal rates the rates are equal, so it is the response times that tell.
            let load = RunLoad::Arrivals { per_second };
            UnderLoad::of(experiment, load, PrimaryMetric::P95ResponseTime)
        });
        let mut analysis = Self {
            results: under_users.results,
            voided: under_users.voided,
            noise: under_users.noise,
            band_ratio: under_users.band_ratio,
            at_rates: at_rates.collect(),
            sweeps: SweepResult::all(experiment),
            interpretation: Vec::new(),
        };
        analysis.interpretation = interpret(experiment, &analysis);
        analysis
    }

    /// The results but for the baseline's second turns.
    pub fn contenders(&self) -> impl Iterator<Item = &ContenderResult> {
        let results = self.results.iter();
        results.filter(|result| result.verdict != Verdict::Control)
    }

    /// The result of the contender that the others are compared with, if it took part.
    pub fn baseline(&self) -> Option<&ContenderResult> {
        self.results
            .iter()
            .find(|result| result.verdict == Verdict::Baseline)
    }
}

impl UnderLoad {
    /// Judges the runs under `load` by `primary`.
    pub fn of<'a>(experiment: &'a Experiment, load: RunLoad, primary: PrimaryMetric) -> Self {
        let all_runs: Vec<&Run> = experiment.runs_under(load).collect();
        let voided = voided_blocks(experiment, load);
        let runs = judged_runs(&all_runs, &voided);
        let plan = Plan {
            primary,
            ..experiment.plan.clone()
        };
        let mut results: Vec<_> = experiment
            .contenders
            .iter()
            .map(|contender| ContenderResult::of(contender, &runs))
            .collect();
        let baseline = results
            .iter()
            .find(|result| result.contender.name == plan.baseline)
            .cloned();
        for result in &mut results {
            let name = &result.contender.name;
            let agreement = experiment
                .agreements
                .iter()
                .find(|agreement| agreement.contender == *name);
            result.agreement = agreement.cloned();
            result.turns = Turns::of(experiment, name, load);
            let others = baseline
                .as_ref()
                .filter(|baseline| baseline.contender.name != result.contender.name);
            if let Some(baseline) = others {
                let compare = |metric| Comparison::of(result, baseline, metric, &runs, plan.seed);
                result.comparisons = Metric::ALL.map(compare).into();
                result.shift = Shift::all(result, baseline, &runs, plan.seed);
            }
        }
        let noise = Noise::of(&results, &plan);
        adjust(&mut results, &plan);
        for result in &mut results {
            let of_contender = |runs: &[&'a Run]| -> Vec<&'a Run> {
                let runs = runs.iter().copied();
                runs.filter(|run| run.contender == result.contender.name)
                    .collect()
            };
            let gates = Gates {
                experiment,
                load,
                runs: &of_contender(&runs),
                all_runs: &of_contender(&all_runs),
                noise: noise.as_ref(),
            };
            result.gates = gates.read(result);
        }
        let verdicts = verdicts(&results, &plan, (&voided, &all_runs), noise.as_ref());
        for (result, verdict) in results.iter_mut().zip(verdicts) {
            result.verdict = verdict;
        }
        let band_ratio = noise
            .map_or(0.0, |noise| noise.floor_ratio)
            .max(plan.same_ratio);
        Self {
            load,
            primary,
            results,
            voided,
            noise,
            band_ratio,
        }
    }
}

/// The runs that are judged: those of blocks that nothing disturbed, or all of them where every block was disturbed.
fn judged_runs<'a>(runs: &[&'a Run], voided: &[VoidedBlock]) -> Vec<&'a Run> {
    let judged = runs.iter().copied();
    let judged: Vec<&Run> = judged.filter(|run| !is_voided(voided, run.block)).collect();
    if judged.is_empty() {
        runs.to_vec()
    } else {
        judged
    }
}

/// The verdict on each of `results`, in their order.
fn verdicts(
    results: &[ContenderResult],
    plan: &Plan,
    (voided, all_runs): (&[VoidedBlock], &[&Run]),
    noise: Option<&Noise>,
) -> Vec<Verdict> {
    let find = |name: &str| results.iter().find(|result| result.contender.name == name);
    let judge = Judge {
        baseline: find(&plan.baseline),
        control: plan.control.as_deref().and_then(find),
        plan,
        voided,
        all_voided: !voided.is_empty() && all_runs.iter().all(|run| is_voided(voided, run.block)),
        noise,
        comparisons: results
            .iter()
            .filter(|result| result.adjusted_p.is_some())
            .count(),
    };
    results.iter().map(|result| judge.verdict(result)).collect()
}

impl Noise {
    fn of(results: &[ContenderResult], plan: &Plan) -> Option<Self> {
        let control = plan.control.as_ref()?;
        let result = results
            .iter()
            .find(|result| result.contender.name == *control)?;
        let estimate = result.comparison(plan.primary.into())?.estimate?;
        Some(Self {
            floor_ratio: estimate.point_estimate.ln().abs().exp_m1(),
            estimate,
        })
    }

    /// Whether the baseline differs from itself by more than `same_ratio`, beyond doubt.
    pub(crate) fn is_beyond(&self, same_ratio: f64) -> bool {
        let band = same_ratio.max(0.0).ln_1p();
        let interval = self.estimate.confidence_interval;
        interval.is_some_and(|interval| interval.low.ln() > band || interval.high.ln() < -band)
    }
}

/// Adjusts the p values of all comparisons by the primary metric for each other.
fn adjust(results: &mut [ContenderResult], plan: &Plan) {
    let metric = Metric::from(plan.primary);
    let compared = results.iter().enumerate().filter_map(|(index, result)| {
        let is_control = plan.control.as_ref() == Some(&result.contender.name);
        let p = result.comparison(metric)?.p_value?;
        (!is_control).then_some((index, p))
    });
    let (indices, p): (Vec<usize>, Vec<f64>) = compared.unzip();
    for (index, adjusted) in indices.into_iter().zip(holm_adjusted(&p)) {
        results[index].adjusted_p = Some(adjusted);
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

    /// Successful and failed requests that one core completes in a second, where processor time was seen.
    pub fn requests_per_core_second(&self) -> Option<f64> {
        let seconds = self.cpu_seconds_per_1000_requests?;
        (seconds > 0.0).then(|| 1000.0 / seconds)
    }

    /// What the processor time of a million requests costs at so much per core and hour.
    pub fn price_per_million_requests(&self, price_per_core_hour: f64) -> Option<f64> {
        Some(self.cpu_seconds_per_1000_requests? * 1000.0 / 3600.0 * price_per_core_hour)
    }

    fn of(contender: &Contender, all: &[&Run]) -> Self {
        let runs: Vec<&Run> = all
            .iter()
            .filter(|run| run.contender == contender.name)
            .copied()
            .collect();
        let mut blocks: Vec<u32> = runs.iter().map(|run| run.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let measurements: Vec<&Measurement> = runs.iter().map(|run| &run.measurement).collect();
        let summary = Summary::of_runs(runs.iter().copied());
        Self {
            contender: contender.clone(),
            blocks,
            agreement: None,
            unsettled: unsettled(&runs),
            turns: Turns::default(),
            measured: measurements
                .iter()
                .map(|measurement| measurement.period)
                .sum(),
            gates: Vec::new(),
            precision: Precision::of(&measurements, &summary.total.times[TimeKind::Response]),
            summary,
            cold_start: median(runs.iter().filter_map(|run| run.cold_start).collect()),
            cpu_seconds_per_1000_requests: cpu_seconds_per_1000_requests(&runs),
            peak_memory_bytes: runs
                .iter()
                .filter_map(|run| run.usage)
                .map(|usage| usage.peak_memory_bytes)
                .max(),
            shift: Vec::new(),
            comparisons: Vec::new(),
            adjusted_p: None,
            verdict: Verdict::NoBaseline,
        }
    }
}

/// In how many of the runs the rate had not settled when measuring began, or went on changing, and how many there are.
fn unsettled(runs: &[&Run]) -> (usize, usize) {
    let never = runs.iter().filter(|run| {
        let seconds = run.measurement.measured_seconds();
        let rates: Vec<f64> = seconds.map(|second| second.requests as f64).collect();
        !run.settled || steady_from(&rates) == Steadiness::Never
    });
    (never.count(), runs.len())
}

/// Processor time of `runs` over the requests completed in the same measured periods.
pub fn cpu_seconds_per_1000_requests(runs: &[&Run]) -> Option<f64> {
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
