//! How far a contender goes: the knee of its throughput, and the highest rate at which response times are as they should be.

use std::collections::BTreeMap;

use crate::statistics::{Estimate, estimate_ratio, seed_of};
use crate::turn::MOST_FAILURES_RATIO;
use bakeoff_record::experiment::{Experiment, Run, RunLoad, Slo};
use bakeoff_record::summary::{Summary, SummaryRow};

/// What is still called the highest rate: that of the knee is at least so much of it.
pub const KNEE_RATIO: f64 = 0.95;

/// What a contender did with more and more users.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepResult {
    /// The contender's name.
    pub contender: String,
    /// One point per number of users, fewest first, all blocks together.
    pub curve: Vec<SweepPoint>,
    /// The fewest users with [`KNEE_RATIO`] of the highest rate: the middle of the blocks, the lowest and the highest.
    pub knee_users: Option<(u32, u32, u32)>,
    /// Successful requests per second at the knee.
    pub knee_per_second: Option<Estimate>,
    /// The highest rate of successful requests per second at which the plan's objective was kept; `None` without one, and
    /// where a block never kept it.
    pub slo_per_second: Option<Estimate>,
    /// In how many blocks no step kept the objective, and how many blocks there are; 0 without an objective.
    pub slo_never: (usize, usize),
}

/// What a contender did with so many users.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPoint {
    /// The users.
    pub users: u32,
    /// The blocks in which there was such a step.
    pub blocks: usize,
    /// All requests of these blocks.
    pub total: SummaryRow,
}

impl SweepPoint {
    /// Successful requests per second; 0 where nothing was measured.
    pub fn per_second(&self) -> f64 {
        self.total.successes_per_second().unwrap_or(0.0)
    }

    /// Whether response times were as they should be, and as good as nothing failed.
    pub fn keeps(&self, slo: Slo) -> bool {
        let percentile = self.total.percentile(slo.quantile);
        percentile.is_some_and(|percentile| percentile.time < slo.below)
            && self.total.fail_ratio() <= MOST_FAILURES_RATIO
    }
}

/// The knee of one curve: the fewest users with [`KNEE_RATIO`] of the highest rate, and the rate there.
pub fn knee(curve: &[SweepPoint]) -> Option<&SweepPoint> {
    let highest = curve.iter().map(SweepPoint::per_second).reduce(f64::max)?;
    let mut reaching = curve
        .iter()
        .filter(|point| point.per_second() >= KNEE_RATIO * highest);
    reaching.next().filter(|_| highest > 0.0)
}

/// Whether more users make no more requests: the last two steps brought less than 5 % over the best before them.
pub fn is_saturated(curve: &[SweepPoint]) -> bool {
    const STEPS: usize = 2;
    let Some(before) = curve.len().checked_sub(STEPS).filter(|before| *before > 0) else {
        return false;
    };
    let best = |points: &[SweepPoint]| {
        points
            .iter()
            .map(SweepPoint::per_second)
            .fold(0.0, f64::max)
    };
    best(&curve[before..]) * KNEE_RATIO <= best(&curve[..before])
}

/// The curve of sweep runs: one point per number of users, fewest first.
pub fn curve<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<SweepPoint> {
    let mut steps: BTreeMap<u32, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        if let RunLoad::Sweep { users } = run.load {
            steps.entry(users).or_default().push(run);
        }
    }
    let steps = steps.into_iter().map(|(users, runs)| SweepPoint {
        users,
        blocks: runs.len(),
        total: Summary::of_runs(runs).total,
    });
    steps.collect()
}

impl SweepResult {
    /// One per contender that was swept.
    pub(crate) fn all(experiment: &Experiment) -> Vec<Self> {
        let results = experiment.contenders.iter().filter_map(|contender| {
            let runs: Vec<&Run> = experiment
                .runs
                .iter()
                .filter(|run| run.contender == contender.name)
                .filter(|run| matches!(run.load, RunLoad::Sweep { .. }))
                .filter(|run| !run.measurement.interrupted)
                .collect();
            (!runs.is_empty()).then(|| Self::of(&contender.name, &runs, experiment))
        });
        results.collect()
    }

    /// The lowest rate at any contender's knee, for loads that all of them can take.
    pub fn lowest_knee_per_second(results: &[Self]) -> Option<f64> {
        let rates = results
            .iter()
            .filter_map(|result| Some(result.knee_per_second?.point_estimate));
        rates.reduce(f64::min)
    }

    fn of(contender: &str, runs: &[&Run], experiment: &Experiment) -> Self {
        let mut blocks: BTreeMap<u32, Vec<&Run>> = BTreeMap::new();
        for run in runs {
            blocks.entry(run.block).or_default().push(run);
        }
        let curves: Vec<Vec<SweepPoint>> = blocks.into_values().map(curve).collect();
        let estimate = |rates: &[f64], what| {
            estimate_ratio(rates, seed_of(experiment.plan.seed, contender, what))
        };
        let knees: Vec<&SweepPoint> = curves.iter().filter_map(|curve| knee(curve)).collect();
        let knee_rates: Vec<f64> = knees.iter().map(|knee| knee.per_second()).collect();
        let best_within = |slo: Slo| {
            let best = curves.iter().map(move |curve| {
                let keeping = curve.iter().filter(move |point| point.keeps(slo));
                keeping.map(SweepPoint::per_second).reduce(f64::max)
            });
            best.collect::<Vec<Option<f64>>>()
        };
        let within = experiment.plan.slo.map(best_within).unwrap_or_default();
        let never = within.iter().filter(|best| best.is_none()).count();
        let kept: Option<Vec<f64>> = within.iter().copied().collect();
        Self {
            contender: contender.to_owned(),
            knee_users: middle(knees.iter().map(|knee| knee.users).collect()),
            knee_per_second: estimate(&knee_rates, "knee"),
            slo_per_second: kept.and_then(|rates| estimate(&rates, "slo")),
            slo_never: (never, within.len()),
            curve: curve(runs.iter().copied()),
        }
    }
}

/// The middle value, the lower of the two for an even number, with the lowest and the highest.
fn middle(mut values: Vec<u32>) -> Option<(u32, u32, u32)> {
    values.sort_unstable();
    let (low, high) = (*values.first()?, *values.last()?);
    Some((values[(values.len() - 1) / 2], low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;
    use std::time::Duration;

    /// A contender that answers at most so many requests per second, and one user's in 10 ms.
    fn swept(most_per_second: u64, blocks: u32, slo: Option<Slo>) -> SweepResult {
        let mut experiment = fixture::empty_experiment(&["it"], "it");
        experiment.plan.slo = slo;
        let template = fixture::experiment(&[("it", &[1])], "it").runs.remove(0);
        for block in 1..=blocks {
            for users in [1, 2, 3, 4, 6, 8, 12, 16] {
                let rate = (u64::from(users) * 100).min(most_per_second);
                let ms = u64::from(users) * 1000 / rate;
                let mut run = template.clone();
                run.block = block;
                run.load = RunLoad::Sweep { users };
                let count = usize::try_from(rate).unwrap();
                run.measurement = fixture::measurement("/", &vec![ms; count], &[], 1);
                experiment.runs.push(run);
            }
        }
        SweepResult::all(&experiment).remove(0)
    }

    #[test]
    fn the_knee_is_where_more_users_bring_no_more() {
        let result = swept(600, 6, None);
        assert_eq!(result.knee_users, Some((6, 6, 6)));
        let rate = result.knee_per_second.unwrap();
        assert!((rate.point_estimate - 600.0).abs() < 1e-6);
        assert!(rate.confidence_interval.is_some());
        assert_eq!(result.slo_per_second, None);
        assert_eq!(result.curve.len(), 8);
    }

    #[test]
    fn the_highest_rate_within_the_objective_is_found() {
        let slo = |ms| Slo {
            quantile: 0.95,
            below: Duration::from_millis(ms),
        };
        let kept = swept(400, 6, Some(slo(21)));
        assert!((kept.slo_per_second.unwrap().point_estimate - 400.0).abs() < 1e-6);
        assert_eq!(kept.slo_never, (0, 6));
        let broken = swept(400, 6, Some(slo(5)));
        assert_eq!((broken.slo_per_second, broken.slo_never), (None, (6, 6)));
    }

    #[test]
    fn few_blocks_have_a_knee_without_an_interval() {
        let rate = swept(600, 2, None).knee_per_second.unwrap();
        assert_eq!(rate.confidence_interval, None);
    }

    #[test]
    fn a_sweep_is_over_when_two_steps_bring_nothing() {
        let curve = swept(600, 1, None).curve;
        let saturated: Vec<bool> = (0..=curve.len())
            .map(|steps| is_saturated(&curve[..steps]))
            .collect();
        // 1, 2, 3, 4 and 6 users bring more, 8 and 12 do not.
        assert_eq!(
            saturated,
            [false, false, false, false, false, false, false, true, true]
        );
    }
}
