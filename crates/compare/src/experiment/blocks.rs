//! The blocks of an experiment: every contender takes its turn in each, in random order, under the same load.

use std::collections::HashMap;
use std::time::Duration;

use bakeoff_report::statistics::fewest_blocks;
use bakeoff_report::{
    Analysis, ContenderResult, Experiment, Metric, Plan, RunLoad, SweepResult, UnderLoad, Verdict,
    voided_blocks,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio_util::sync::CancellationToken;

use super::turn::Stage;
use super::{Comparison, Event, Turn};
use crate::contender::Prepared;
use crate::cores::Cores;
use crate::floor;

impl Comparison {
    /// Runs every block and adds what happens to `experiment`, so that nothing measured is lost whatever ends it.
    /// Cancelling `stop` ends it early; no process and no container is left behind.
    /// Whatever keeps a turn from being measured is a [`bakeoff_report::Problem`] of that turn alone.
    pub fn run(
        &self,
        experiment: &mut Experiment,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) {
        // True until the end is reached, so that a panic leaves it so.
        experiment.interrupted = true;
        let _on_its_cores = self.cores.as_ref().map(Cores::as_generator);
        observe(Event::MeasuringFloor);
        let floor = self.load_config("", 0, RunLoad::Users, Duration::ZERO);
        experiment.floor = floor::measure(&self.scenario, floor, self.cores.as_ref(), stop);
        let mut stage = Stage {
            experiment,
            running: HashMap::new(),
            stop,
            observe,
        };
        self.sample(&mut stage);
        let turns = self.with_users(&mut stage);
        self.with_arrivals(&mut stage, turns);
        drop(stage);
        experiment.interrupted = stop.is_cancelled();
    }

    /// The blocks under the plan's users, each with a sweep of every contender where there is to be one.
    /// Gives how many turns there were.
    fn with_users(&self, stage: &mut Stage<'_>) -> u32 {
        let arms = self.arms(&stage.experiment.plan);
        let of_arrivals = self.turns(&arms) * u32::from(!self.file.open_ratios.is_empty());
        let mut random = StdRng::seed_from_u64(self.file.seed);
        let (mut block, mut turns_before) = (0, 0);
        while block < stage.experiment.plan.blocks {
            block += 1;
            let turns = stage.experiment.plan.blocks * turns_of(&arms) + of_arrivals;
            for (name, contender) in shuffled(&arms, &mut random) {
                let turn = Turn {
                    contender: name,
                    block,
                    blocks: stage.experiment.plan.blocks,
                    load: RunLoad::Users,
                    turns_before,
                    turns,
                };
                self.take_turn(contender, turn, stage, &mut |started, stage| {
                    let measured = self.measure(started, turn, stage);
                    let is_control = stage.experiment.plan.control.as_deref() == Some(name);
                    if measured && self.file.sweep && !is_control {
                        self.sweep(started, turn, stage);
                    }
                });
                if stage.stop.is_cancelled() {
                    return turns_before;
                }
                turns_before += 1;
            }
            (stage.observe)(Event::BlockOver(stage.experiment));
            if self.wants_another(stage.experiment, block)
                || self.replaces_voided(stage.experiment, block)
            {
                stage.experiment.plan.blocks = block + 1;
            }
        }
        turns_before
    }

    /// The blocks in which requests arrive at rates that every contender should be able to take.
    fn with_arrivals(&self, stage: &mut Stage<'_>, turns_before: u32) {
        let Some(first_ratio) = self.file.open_ratios.first() else {
            return;
        };
        let Some(capacity) = lowest_capacity(stage.experiment) else {
            return;
        };
        let arms = self.arms(&stage.experiment.plan);
        let (mut turns_before, turns) = (turns_before, turns_before + self.turns(&arms));
        let mut random = StdRng::seed_from_u64(self.file.seed.wrapping_add(1));
        for block in 1..=self.file.blocks.get() {
            for (name, contender) in shuffled(&arms, &mut random) {
                let turn_at = |ratio: f64| Turn {
                    contender: name,
                    block,
                    blocks: self.file.blocks.get(),
                    load: RunLoad::Arrivals {
                        per_second: rounded(ratio * capacity),
                    },
                    turns_before,
                    turns,
                };
                let first = turn_at(*first_ratio);
                self.take_turn(contender, first, stage, &mut |started, stage| {
                    for ratio in &self.file.open_ratios {
                        if !self.measure(started, turn_at(*ratio), stage) {
                            return;
                        }
                    }
                });
                if stage.stop.is_cancelled() {
                    return;
                }
                turns_before += 1;
            }
        }
    }

    /// Turns of the blocks that the file asks for.
    fn turns(&self, arms: &[(String, &Prepared)]) -> u32 {
        self.file.blocks.get().saturating_mul(turns_of(arms))
    }

    /// `true` if one more block takes the place of one that was disturbed. There are at most half as many extra blocks as the
    /// file asks for, and two at least.
    fn replaces_voided(&self, experiment: &Experiment, block: u32) -> bool {
        let asked = self.file.blocks.get();
        let voided = voided_blocks(experiment, RunLoad::Users).len();
        let voided = u32::try_from(voided).unwrap_or(u32::MAX);
        let undisturbed = block.saturating_sub(voided);
        block == experiment.plan.blocks
            && undisturbed < asked
            && block < asked.saturating_add((asked / 2).max(2))
    }

    /// Whether a comparison is not known as well yet as the file wants it.
    fn wants_another(&self, experiment: &Experiment, block: u32) -> bool {
        let Some(until_ratio) = self.file.until_ratio else {
            return false;
        };
        let is_last = block == experiment.plan.blocks;
        if !is_last || block >= self.file.max_blocks.get() {
            return false;
        }
        let primary = experiment.plan.primary;
        let under_users = UnderLoad::of(experiment, RunLoad::Users, primary);
        let compared = under_users
            .results
            .iter()
            .filter(|result| !matches!(result.verdict, Verdict::Baseline | Verdict::Control));
        let is_known = |result: &ContenderResult| {
            let estimate = result.comparison(primary.into())?.estimate?;
            let interval = estimate.confidence_interval?;
            // Half of its width on the scale of ratios: 1.03 for 3 % to either side.
            Some((interval.high / interval.low).sqrt() - 1.0 <= until_ratio)
        };
        (block as usize) < fewest_blocks(compared.clone().count())
            || compared
                .clone()
                .any(|result| is_known(result) != Some(true))
    }

    /// Who takes a turn in every block, and under which name.
    fn arms(&self, plan: &Plan) -> Vec<(String, &Prepared)> {
        let name = |contender: &Prepared| contender.config.name.clone();
        let mut arms: Vec<_> = self
            .contenders
            .iter()
            .map(|contender| (name(contender), contender))
            .collect();
        let baseline = arms.iter().find(|(name, _)| *name == plan.baseline);
        if let (Some(control), Some(&(_, baseline))) = (&plan.control, baseline) {
            arms.push((control.clone(), baseline));
        }
        arms
    }
}

fn turns_of(arms: &[(String, &Prepared)]) -> u32 {
    u32::try_from(arms.len()).unwrap_or(u32::MAX)
}

/// The arms in the order of one block.
fn shuffled<'a>(
    arms: &'a [(String, &'a Prepared)],
    random: &mut StdRng,
) -> Vec<(&'a str, &'a Prepared)> {
    let mut order: Vec<_> = arms
        .iter()
        .map(|(name, contender)| (name.as_str(), *contender))
        .collect();
    order.shuffle(random);
    order
}

/// What the slowest contender can do: its rate at the knee, or without a sweep its rate under the plan's users.
fn lowest_capacity(experiment: &Experiment) -> Option<f64> {
    let analysis = Analysis::of(experiment);
    SweepResult::lowest_knee_per_second(&analysis.sweeps).or_else(|| {
        let rates = analysis
            .contenders()
            .filter_map(|result| result.figure(Metric::RequestsPerSecond));
        rates.filter(|rate| *rate > 0.0).reduce(f64::min)
    })
}

/// A rate with three digits.
fn rounded(rate: f64) -> f64 {
    let digits = 10_f64.powf(2.0 - rate.log10().floor());
    (rate * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_digits() {
        for (rate, expected) in [(123.456, 123.0), (0.012_345, 0.0123), (99_950.0, 100_000.0)] {
            assert!((rounded(rate) - expected).abs() < 1e-9, "{rate}");
        }
    }
}
