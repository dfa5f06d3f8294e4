//! Analysis of an experiment: every contender measured, compared and judged, for each load.

use crate::compared::Compared;
use crate::judged::Judged;
use crate::measured::Measured;
use crate::noise::Noise;
use crate::sweep::SweepResult;
use crate::turn::{VoidedBlock, is_voided, voided_blocks};
use crate::verdict::{Gated, Gates, Judge, Verdict};
use bakeoff_record::experiment::{Experiment, Plan, Run, RunLoad};
use bakeoff_record::metric::Metric;

/// Conclusions from an experiment, computed once for all renderers.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// One per contender, in the order of the experiment.
    pub results: Vec<Judged>,
    /// Blocks that are not judged, since something on the machine disturbed them.
    pub voided: Vec<VoidedBlock>,
    /// Difference of the baseline from itself by the primary metric; `None` without a control or without a block.
    pub noise: Option<Noise>,
    /// Relative difference that does not count: the plan's, or the noise if that is larger.
    pub band_ratio: f64,
    /// Results at each arrival rate, lowest rate first, reported apart from the results under users.
    pub at_rates: Vec<UnderLoad>,
    /// Capacity of each contender, in the order of the experiment; empty without a sweep.
    pub sweeps: Vec<SweepResult>,
}

/// Results of all contenders under one load.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderLoad {
    /// Load of the runs.
    pub load: RunLoad,
    /// Metric that the verdicts are about.
    pub primary: Metric,
    /// One per contender, in the order of the experiment.
    pub results: Vec<Judged>,
    /// Blocks that are not judged, since something on the machine disturbed them.
    pub voided: Vec<VoidedBlock>,
    /// Difference of the baseline from itself; `None` without a control or without a block.
    pub noise: Option<Noise>,
    /// Relative difference that does not count: the plan's, or the noise if that is larger.
    pub band_ratio: f64,
}

impl Analysis {
    /// Analysis of `experiment`.
    pub fn of(experiment: &Experiment) -> Self {
        let plan = &experiment.plan;
        let under_users = UnderLoad::of(experiment, RunLoad::Users, plan.primary);
        let at_rates = arrival_rates(experiment).into_iter().map(|per_second| {
            // The rate is the same for every contender, so verdicts are by the response time.
            let load = RunLoad::Arrivals { per_second };
            UnderLoad::of(experiment, load, Metric::P95_RESPONSE_TIME)
        });
        Self {
            results: under_users.results,
            voided: under_users.voided,
            noise: under_users.noise,
            band_ratio: under_users.band_ratio,
            at_rates: at_rates.collect(),
            sweeps: SweepResult::all(experiment),
        }
    }

    /// Results without those of the baseline's second turns.
    pub fn contenders(&self) -> impl Iterator<Item = &Judged> {
        let results = self.results.iter();
        results.filter(|result| result.verdict != Verdict::Control)
    }

    /// Result of the contender that the others are compared with; `None` if it was not measured.
    pub fn baseline(&self) -> Option<&Judged> {
        self.results
            .iter()
            .find(|result| result.verdict == Verdict::Baseline)
    }
}

impl UnderLoad {
    /// Results of the runs under `load`, with verdicts by `primary`.
    pub fn of<'a>(experiment: &'a Experiment, load: RunLoad, primary: Metric) -> Self {
        let plan = Plan {
            primary,
            ..experiment.plan.clone()
        };
        let all_runs: Vec<&Run> = experiment.runs_under(load).collect();
        let voided = voided_blocks(experiment, load);
        let runs = judged_runs(&all_runs, &voided);
        let contenders = experiment.contenders.iter();
        let measured = contenders.map(|contender| Measured::of(experiment, contender, load, &runs));
        let compared = Compared::all(measured.collect(), &plan, &runs);
        let noise = Noise::of(&compared, &plan);
        let gated = compared.into_iter().map(|compared| {
            let of_contender = |runs: &[&'a Run]| -> Vec<&'a Run> {
                let runs = runs.iter().copied();
                runs.filter(|run| run.contender == compared.name())
                    .collect()
            };
            let gates = Gates {
                experiment,
                load,
                runs: &of_contender(&runs),
                all_runs: &of_contender(&all_runs),
                noise: noise.as_ref(),
            };
            gates.read(compared)
        });
        let gated: Vec<Gated> = gated.collect();
        let is_every_block_voided =
            !voided.is_empty() && all_runs.iter().all(|run| is_voided(&voided, run.block));
        let judge = Judge {
            contenders: &gated,
            plan: &plan,
            voided: &voided,
            is_every_block_voided,
            noise: noise.as_ref(),
        };
        let verdicts: Vec<Verdict> = gated.iter().map(|one| judge.verdict(one)).collect();
        let band_ratio = noise
            .map_or(0.0, |noise| noise.floor_ratio)
            .max(plan.same_ratio);
        let results = gated.into_iter().zip(verdicts);
        Self {
            load,
            primary,
            results: results
                .map(|(gated, verdict)| Judged::new(gated, verdict))
                .collect(),
            voided,
            noise,
            band_ratio,
        }
    }
}

/// Rates at which requests arrived, ascending, each once.
fn arrival_rates(experiment: &Experiment) -> Vec<f64> {
    let rates = experiment.runs.iter().filter_map(|run| match run.load {
        RunLoad::Arrivals { per_second } => Some(per_second),
        RunLoad::Users | RunLoad::Sweep { .. } => None,
    });
    let mut rates: Vec<f64> = rates.collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    rates
}

/// Runs that are judged: those of undisturbed blocks, or all of them if every block was disturbed.
fn judged_runs<'a>(runs: &[&'a Run], voided: &[VoidedBlock]) -> Vec<&'a Run> {
    let judged = runs.iter().copied();
    let judged: Vec<&Run> = judged.filter(|run| !is_voided(voided, run.block)).collect();
    if judged.is_empty() {
        runs.to_vec()
    } else {
        judged
    }
}
