//! Blocks of an experiment: in each, every contender takes its turn, in a balanced order, under the same load.

use std::collections::HashMap;
use std::time::Duration;

use bakeoff_analysis::statistics::fewest_blocks;
use bakeoff_analysis::{Analysis, Judged, SweepResult, UnderLoad, Verdict, voided_blocks};
use bakeoff_load::with_causes;
use bakeoff_record::Metric;
use bakeoff_record::{Experiment, Plan, RunLoad};
use tokio_util::sync::CancellationToken;

use crate::contender::prepared::Prepared;
use crate::cores::Cores;
use crate::experiment::ExperimentRunner;
use crate::experiment::event::{Event, Turn};
use crate::experiment::order::Orders;
use crate::experiment::state::ExperimentState;
use crate::floor;

impl ExperimentRunner {
    /// Runs every block and adds each run to `experiment` at once, so that a panic or a stop loses no finished run.
    /// Cancelling `stop` ends the experiment early and leaves no process and no container.
    /// A turn that cannot be measured becomes a [`bakeoff_record::Problem`], and the next turn follows.
    pub fn run(
        &self,
        experiment: &mut Experiment,
        stop: &CancellationToken,
        observe: &mut dyn FnMut(Event<'_>),
    ) {
        // `true` until the end, so that a panic leaves it `true`.
        experiment.interrupted = true;
        let _on_its_cores = self.cores.as_ref().map(Cores::as_generator);
        observe(Event::Planned(&self.outlook(&experiment.plan)));
        observe(Event::MeasuringFloor);
        let floor = self.load_config("", 0, RunLoad::Users, Duration::ZERO);
        match floor::measure(&self.scenario, floor, self.cores.as_ref(), stop) {
            Ok(floor) => experiment.floor = Some(floor),
            Err(error) => experiment.floor_missing = Some(with_causes(&error)),
        }
        let mut state = ExperimentState {
            experiment,
            running: HashMap::new(),
            stop,
            observe,
        };
        self.sample(&mut state);
        let turns = self.with_users(&mut state);
        self.with_arrivals(&mut state, turns);
        drop(state);
        experiment.interrupted = stop.is_cancelled();
    }

    /// Runs the blocks under the users of the plan, with a sweep of each contender if the file asks for it.
    /// Returns the number of turns.
    fn with_users(&self, state: &mut ExperimentState<'_>) -> u32 {
        let arms = self.arms(&state.experiment.plan);
        let of_arrivals = if self.file.open_ratios.is_empty() {
            0
        } else {
            self.arrival_blocks().saturating_mul(turns_of(&arms))
        };
        let mut orders = Orders::new(arms.len(), self.file.seed);
        let (mut block, mut turns_before) = (0, 0);
        while block < state.experiment.plan.blocks {
            block += 1;
            let turns = state.experiment.plan.blocks * turns_of(&arms) + of_arrivals;
            for (name, contender) in next_order(&arms, &mut orders) {
                let turn = Turn {
                    contender: name,
                    block,
                    blocks: state.experiment.plan.blocks,
                    load: RunLoad::Users,
                    turns_before,
                    turns,
                };
                self.take_turn(contender, turn, state, &mut |started, state| {
                    let measured = self.measure(started, turn, state);
                    let is_control = state.experiment.plan.control.as_deref() == Some(name);
                    if measured && self.file.sweep && !is_control {
                        self.sweep(started, turn, state);
                    }
                });
                if state.stop.is_cancelled() {
                    return turns_before;
                }
                turns_before += 1;
            }
            (state.observe)(Event::BlockOver(state.experiment));
            let voided = voided_blocks(state.experiment, RunLoad::Users).len();
            let is_last = block == state.experiment.plan.blocks;
            let asked = self.file.blocks.get();
            let replaces =
                is_last && replaces_voided(asked, self.extra_blocks(asked), (block, voided));
            if replaces || self.wants_another(state.experiment, block) {
                state.experiment.plan.blocks = block + 1;
            }
        }
        turns_before
    }

    /// Runs the blocks with arrivals, at rates that every contender should be able to take.
    fn with_arrivals(&self, state: &mut ExperimentState<'_>, turns_before: u32) {
        if self.file.open_ratios.is_empty() {
            return;
        }
        let Some(capacity) = lowest_capacity(state.experiment) else {
            return;
        };
        let arms = self.arms(&state.experiment.plan);
        let rates: Vec<f64> = self
            .file
            .open_ratios
            .iter()
            .map(|ratio| rounded(ratio * capacity))
            .collect();
        let mut turns_before = turns_before;
        let mut orders = Orders::new(arms.len(), self.file.seed.wrapping_add(1));
        let (mut block, mut blocks) = (0, self.arrival_blocks());
        while block < blocks {
            block += 1;
            let turns = turns_before + (blocks - block + 1).saturating_mul(turns_of(&arms));
            for (name, contender) in next_order(&arms, &mut orders) {
                let turn_at = |per_second: f64| Turn {
                    contender: name,
                    block,
                    blocks,
                    load: RunLoad::Arrivals { per_second },
                    turns_before,
                    turns,
                };
                let first = turn_at(rates[0]);
                self.take_turn(contender, first, state, &mut |started, state| {
                    for rate in &rates {
                        if !self.measure(started, turn_at(*rate), state) {
                            return;
                        }
                    }
                });
                if state.stop.is_cancelled() {
                    return;
                }
                turns_before += 1;
            }
            let voided = rates.iter().map(|&per_second| {
                let load = RunLoad::Arrivals { per_second };
                voided_blocks(state.experiment, load).len()
            });
            let voided = voided.max().unwrap_or(0);
            let asked = self.arrival_blocks();
            if block == blocks && replaces_voided(asked, self.extra_blocks(asked), (block, voided))
            {
                blocks += 1;
            }
        }
    }

    /// Most blocks that may be added to `asked` blocks to replace disturbed ones.
    pub(super) fn extra_blocks(&self, asked: u32) -> u32 {
        self.file.extra_blocks.unwrap_or_else(|| (asked / 2).max(2))
    }

    /// Number of blocks with arrivals: the fewest that a verdict on the contenders needs, and at most `blocks` of the file.
    pub(super) fn arrival_blocks(&self) -> u32 {
        let fewest = fewest_blocks(self.contenders.len().saturating_sub(1));
        let fewest = u32::try_from(fewest).expect("a verdict needs few blocks");
        self.file.blocks.get().min(fewest)
    }

    /// `true` if a confidence interval is wider than `until` of the file allows, and another block may narrow it.
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
        let is_known = |result: &Judged| {
            let estimate = result.comparison(primary)?.estimate?;
            let interval = estimate.confidence_interval?;
            // Half of the width on the scale of ratios: 1.03 for 3 % to either side.
            Some((interval.high / interval.low).sqrt() - 1.0 <= until_ratio)
        };
        (block as usize) < fewest_blocks(compared.clone().count())
            || compared
                .clone()
                .any(|result| is_known(result) != Some(true))
    }

    /// Contenders that take a turn in every block, by the name of the turn: the control is the baseline under another name.
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

/// `true` if one more block is needed to replace a disturbed one. `asked` blocks were asked for, up to `extra` may be added,
/// and `voided` of the first `block` blocks were disturbed.
fn replaces_voided(asked: u32, extra: u32, (block, voided): (u32, usize)) -> bool {
    let voided = u32::try_from(voided).expect("blocks are counted in 32 bits");
    let undisturbed = block.saturating_sub(voided);
    undisturbed < asked && block < asked.saturating_add(extra)
}

fn turns_of(arms: &[(String, &Prepared)]) -> u32 {
    u32::try_from(arms.len()).expect("a file has few contenders")
}

/// The arms in the order of the next block.
fn next_order<'a>(
    arms: &'a [(String, &'a Prepared)],
    orders: &mut Orders,
) -> Vec<(&'a str, &'a Prepared)> {
    let order = orders.next().unwrap_or_default().into_iter();
    order
        .map(|index| (arms[index].0.as_str(), arms[index].1))
        .collect()
}

/// Requests per second of the slowest contender: at its knee, or without a sweep under the users of the plan.
/// `None` without such a rate.
fn lowest_capacity(experiment: &Experiment) -> Option<f64> {
    let analysis = Analysis::of(experiment);
    SweepResult::lowest_knee_per_second(&analysis.sweeps).or_else(|| {
        let rates = analysis
            .contenders()
            .filter(|result| !result.measured().turns.are_too_many_failed())
            .filter_map(|result| result.measured().figure(Metric::SuccessesPerSecond));
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
    fn disturbed_blocks_are_replaced_up_to_a_limit() {
        assert!(!replaces_voided(6, 3, (6, 0)));
        assert!(replaces_voided(6, 3, (6, 1)) && replaces_voided(6, 3, (7, 2)));
        assert!(!replaces_voided(6, 3, (7, 1)) && !replaces_voided(6, 3, (9, 9)));
        assert!(!replaces_voided(6, 0, (6, 6)));
    }

    #[test]
    fn rates_have_three_digits() {
        for (rate, expected) in [(123.456, 123.0), (0.012_345, 0.0123), (99_950.0, 100_000.0)] {
            assert!((rounded(rate) - expected).abs() < 1e-9, "{rate}");
        }
    }
}
