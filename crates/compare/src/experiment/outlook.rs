//! Plan of an experiment in words, with its duration.

use std::num::NonZeroU32;
use std::time::Duration;

use bakeoff_analysis::words;
use bakeoff_record::{Plan, Restart, RunLoad};

use crate::experiment::ExperimentRunner;
use crate::experiment::turn::{LEAST_SPREAD, SWEEP_SPREAD};
use crate::file::WarmUp;
use crate::sweep;

/// Time from the first to the last turn: at least, and at most, with the longest warm-ups and sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Span {
    least: Duration,
    most: Duration,
}

impl ExperimentRunner {
    /// Lines of the plan: the blocks of each load, and the time of all blocks.
    pub(super) fn outlook(&self, plan: &Plan) -> Vec<String> {
        let file = &self.file;
        let turns = self.turns_in_block(plan);
        let control = plan.control.as_ref().map_or_else(String::new, |control| {
            format!(" ({control} is the control)")
        });
        let blocks = match (file.until_ratio, file.max_blocks.get()) {
            (Some(_), most) if most > plan.blocks => format!("{} to {most} blocks", plan.blocks),
            _ => words::several(plan.blocks as usize, "block"),
        };
        let warm_up = in_words(file.warm_up);
        let mut lines = vec![format!(
            "plan: {blocks} of {}{control}; each turn has {}, {warm_up} and {} of measuring",
            words::several(turns as usize, "turn"),
            words::several(self.users.get() as usize, "user"),
            short(file.measure),
        )];
        if file.sweep {
            lines.push(format!(
                "plan: in each turn except the control's, a sweep of up to {} of {}",
                words::several(sweep_steps(file.sweep_users).len(), "step"),
                short(self.step_time()),
            ));
        }
        if !file.open_ratios.is_empty() {
            let rates: Vec<String> = file
                .open_ratios
                .iter()
                .map(|r| words::percent(*r))
                .collect();
            lines.push(format!(
                "plan: then {} of {} with arrivals at {} of the slowest contender's rate",
                words::several(self.arrival_blocks() as usize, "block"),
                words::several(turns as usize, "turn"),
                words::list(&rates),
            ));
        }
        lines.push(self.time_in_words(plan));
        lines
    }

    fn time_in_words(&self, plan: &Plan) -> String {
        let span = self.span(plan);
        let upto = if span.most > span.least {
            let reason = if self.file.sweep {
                "warm-ups and sweeps take longest"
            } else {
                "rates settle late"
            };
            format!(", up to {} if {reason}", rounded(span.most))
        } else {
            String::new()
        };
        let starts_any = self
            .contenders
            .iter()
            .any(|contender| contender.config.running_at().is_none());
        let starts = match (starts_any, self.file.restart) {
            (false, _) => "",
            (true, Restart::Once) => "one start of each contender",
            (true, Restart::Block) => "a start in each turn",
        };
        let extra = self.extra_blocks(self.file.blocks.get());
        let extra = (extra > 0).then(|| {
            format!(
                "up to {} that replace disturbed ones",
                words::several(extra as usize, "block")
            )
        });
        let more: Vec<String> = [starts.to_owned()]
            .into_iter()
            .chain(extra)
            .filter(|part| !part.is_empty())
            .collect();
        let more = if more.is_empty() {
            String::new()
        } else {
            format!(", plus {}", words::list(&more))
        };
        format!("plan: this takes about {}{upto}{more}", rounded(span.least))
    }

    /// Time of all turns, without the starts of contenders.
    fn span(&self, plan: &Plan) -> Span {
        let file = &self.file;
        let turn = |warm_up: Duration, measure: Duration| LEAST_SPREAD + warm_up + measure;
        let mut block = Span::default();
        let turns = self.turns_in_block(plan);
        block.least += turn(file.warm_up.at_least, file.measure) * turns;
        block.most += turn(file.warm_up.at_most, file.measure) * turns;
        if file.sweep {
            let steps = u32::try_from(sweep_steps(file.sweep_users).len())
                .expect("a sweep has at most two steps per power of two");
            let swept = turns - u32::from(plan.control.is_some());
            // Two steps without a gain end a sweep.
            block.least += self.step_time() * steps.min(3) * swept;
            block.most += self.step_time() * steps * swept;
        }
        let rates = u32::try_from(file.open_ratios.len()).expect("a file has few rates");
        let arrivals = turn(file.warm_up.at_least, file.measure) * rates * turns;
        let arrivals = arrivals * if rates > 0 { self.arrival_blocks() } else { 0 };
        let most_blocks = match file.until_ratio {
            Some(_) => file.max_blocks.get().max(plan.blocks),
            None => plan.blocks,
        };
        Span {
            least: block.least * plan.blocks + arrivals,
            most: block.most * most_blocks + arrivals,
        }
    }

    fn step_time(&self) -> Duration {
        let users = RunLoad::Sweep { users: 1 };
        SWEEP_SPREAD + self.warm_up(users).at_least + self.file.sweep_measure
    }

    fn turns_in_block(&self, plan: &Plan) -> u32 {
        let contenders = u32::try_from(self.contenders.len()).expect("a file has few contenders");
        contenders.saturating_add(u32::from(plan.control.is_some()))
    }
}

/// Users of each step of a sweep.
fn sweep_steps(most: NonZeroU32) -> Vec<u32> {
    sweep::steps()
        .take_while(|users| *users <= most.get())
        .collect()
}

fn in_words(warm_up: WarmUp) -> String {
    if warm_up.is_detected() {
        format!(
            "{} to {} of warm-up",
            short(warm_up.at_least),
            short(warm_up.at_most)
        )
    } else {
        format!("{} of warm-up", short(warm_up.at_least))
    }
}

fn short(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// Time in whole seconds, above a minute in steps of five seconds, and above an hour in minutes; rounded up.
fn rounded(time: Duration) -> String {
    let step: u32 = match time.as_secs() {
        0..60 => 1,
        60..3600 => 5,
        _ => 60,
    };
    let seconds = time.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time that is not negative, in whole seconds"
    )]
    let steps = (seconds / f64::from(step)).ceil() as u64;
    short(Duration::from_secs(steps * u64::from(step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_what_a_reader_needs() {
        for (milliseconds, expected) in [
            (900, "1s"),
            (59_100, "1m"),
            (61_000, "1m 5s"),
            (3_660_500, "1h 2m"),
        ] {
            assert_eq!(rounded(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn a_sweep_has_as_many_steps_as_users_allow() {
        let most = |users| sweep_steps(NonZeroU32::new(users).unwrap()).len();
        assert_eq!((most(1), most(8), most(512)), (1, 6, 18));
    }
}
