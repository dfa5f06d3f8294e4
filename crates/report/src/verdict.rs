//! What the comparison by the primary metric allows to say, and nothing beyond it.

use std::time::Duration;

use crate::analysis::{ContenderResult, Noise};
use crate::comparison::Metric;
use crate::experiment::Plan;
use crate::run::GeneratorUse;
use crate::statistics::{CONFIDENCE, ConfidenceInterval, fewest_blocks};
use crate::words;

/// The share of failed requests above which speed is not compared, 1 %.
pub const MOST_FAILURES_RATIO: f64 = 0.01;

/// The share of its cores above which the generator is taken for the limit (k6's documentation has the same 80 %).
pub const MOST_GENERATOR_CPU_RATIO: f64 = 0.8;

/// The share of stolen processor time above which nothing is compared.
pub const MOST_STEAL_RATIO: f64 = 0.1;

/// A contender against the baseline, by the primary metric.
///
/// The rules are those of an equivalence test by interval: what matters is where the whole interval lies
/// with respect to the band of differences that do not matter, `1/(1 + same)` to `1 + same`,
/// which is chosen so that swapping contender and baseline turns "better" into "worse" and changes nothing else.
/// No difference is claimed that is smaller than the baseline's from itself, its noise.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is what the others are compared with.
    Baseline,
    /// It is the baseline's second turn, which shows how well contenders are told apart here.
    Control,
    /// The whole interval is better than the band.
    Better,
    /// The interval excludes "no difference" and noise on the better side, but reaches into the band.
    SlightlyBetter,
    /// The whole interval is inside the band.
    Same,
    /// The interval excludes "no difference" and noise on the worse side, but reaches into the band.
    SlightlyWorse,
    /// The whole interval is worse than the band.
    Worse,
    /// The interval allows both "no difference" and a difference that matters, or chance alone would often enough make
    /// such a difference, given how many contenders there are.
    NotShown {
        /// About how many more blocks would decide it, if the blocks to come are like those measured.
        more_blocks: u32,
    },
    /// Too few blocks for any claim.
    TooFewBlocks {
        /// The blocks in which both were measured.
        measured: u32,
        /// How many more are needed before anything can be claimed.
        more_blocks: u32,
    },
    /// The baseline did not take part or was never measured.
    NoBaseline,
    /// Something other than the contenders' speed decided the figures.
    NotMeasurable(Obstacle),
}

/// Why speeds cannot be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    /// The contender that it concerns.
    pub contender: String,
    /// What stands in the way.
    pub reason: Reason,
}

/// What stands in the way of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// No request of it was measured, or none succeeded.
    NoSuccesses,
    /// More than [`MOST_FAILURES_RATIO`] of its requests failed.
    Failures {
        /// Failures over requests.
        fail_ratio: f64,
    },
    /// The generator sent so late that it, not the contender, set the figures.
    GeneratorLag {
        /// The 99th percentile of how late it was.
        lag_p99: Duration,
        /// What is tolerated: 1 ms or 5 % of the median response time, whichever is more.
        limit: Duration,
    },
    /// The generator was so busy that it, not the contender, may have set the figures.
    GeneratorBusy {
        /// Its processor time over that of its cores, in the worst turn.
        cpu_ratio: f64,
    },
    /// Other machines on the same host took processor time that the contender or the generator needed.
    Steal {
        /// The share of the processor time, in the worst turn.
        steal_ratio: f64,
    },
    /// It answered otherwise than the baseline: whoever answers something else is not the faster one at the same work.
    OtherAnswers {
        /// The share of the sampled requests that it answered otherwise.
        differing_ratio: f64,
        /// The share that the experiment allows.
        limit_ratio: f64,
    },
    /// The baseline differed from itself by more than what matters, beyond doubt.
    Noise {
        /// The baseline's figure over its own, taken a second time in every block.
        ratio: f64,
        /// Where that ratio lies.
        interval: ConfidenceInterval,
    },
}

impl Verdict {
    /// Judges `result` against `baseline` by the plan's primary metric, one of so many `comparisons`.
    pub(crate) fn of(
        result: &ContenderResult,
        baseline: Option<&ContenderResult>,
        plan: &Plan,
        noise: Option<&Noise>,
        comparisons: usize,
    ) -> Self {
        let Some(baseline) = baseline.filter(|baseline| !baseline.blocks.is_empty()) else {
            return Self::NoBaseline;
        };
        if baseline.contender.name == result.contender.name {
            return Self::Baseline;
        }
        if plan.control.as_ref() == Some(&result.contender.name) {
            return Self::Control;
        }
        if let Some(obstacle) = [result, baseline].into_iter().find_map(Obstacle::of) {
            return Self::NotMeasurable(obstacle);
        }
        if let Some(obstacle) = Obstacle::of_answers(result, plan) {
            return Self::NotMeasurable(obstacle);
        }
        if let Some(obstacle) = Obstacle::of_noise(baseline, plan, noise) {
            return Self::NotMeasurable(obstacle);
        }
        let metric = Metric::from(plan.primary);
        let comparison = result.comparison(metric);
        let blocks = comparison.map_or(0, |comparison| comparison.blocks.len());
        let fewest = fewest_blocks(comparisons);
        let interval = comparison.and_then(|comparison| comparison.estimate?.confidence_interval);
        match interval.filter(|_| blocks >= fewest) {
            Some(interval) => {
                let floor = noise.map_or(0.0, |noise| noise.floor_ratio);
                let by_chance = result.adjusted_p.is_some_and(|p| p > 1.0 - CONFIDENCE);
                Self::from_interval(interval, metric, (plan.same_ratio, floor), blocks)
                    .unless(by_chance)
            }
            None => Self::TooFewBlocks {
                measured: u32::try_from(blocks).unwrap_or(u32::MAX),
                more_blocks: u32::try_from(fewest.saturating_sub(blocks)).unwrap_or(u32::MAX),
            },
        }
    }

    /// One or two words for a table.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Control => "the baseline again",
            Self::Better => "better",
            Self::SlightlyBetter => "slightly better",
            Self::Same => "the same for practical purposes",
            Self::SlightlyWorse => "slightly worse",
            Self::Worse => "worse",
            Self::NotShown { .. } => "no difference shown",
            Self::TooFewBlocks { .. } => "too few blocks",
            Self::NoBaseline => "no baseline",
            Self::NotMeasurable(_) => "not measurable here",
        }
    }

    fn from_interval(
        interval: ConfidenceInterval,
        metric: Metric,
        (same_ratio, floor_ratio): (f64, f64),
        blocks: usize,
    ) -> Self {
        // Turned so that above zero is better.
        let (low, high) = if metric.more_is_better() {
            (interval.low.ln(), interval.high.ln())
        } else {
            (-interval.high.ln(), -interval.low.ln())
        };
        let (same, noise) = (same_ratio.max(0.0).ln_1p(), floor_ratio.ln_1p());
        let band = same.max(noise);
        match () {
            () if low > band => Self::Better,
            () if high < -band => Self::Worse,
            () if low >= -same && high <= same => Self::Same,
            () if low > noise => Self::SlightlyBetter,
            () if high < -noise => Self::SlightlyWorse,
            () => Self::NotShown {
                more_blocks: more_blocks(low, high, band, blocks),
            },
        }
    }
}

impl Verdict {
    /// The same, but no difference is claimed that comes about `by_chance`.
    fn unless(self, by_chance: bool) -> Self {
        let is_difference = matches!(
            self,
            Self::Better | Self::SlightlyBetter | Self::SlightlyWorse | Self::Worse
        );
        if is_difference && by_chance {
            Self::NotShown { more_blocks: 1 }
        } else {
            self
        }
    }
}

/// How many more blocks would shrink the interval enough to exclude "no difference" or to lie inside the band,
/// whichever needs fewer: its width falls with the square root of the number of blocks.
fn more_blocks(low: f64, high: f64, band: f64, blocks: usize) -> u32 {
    let centre = f64::midpoint(low, high).abs();
    let half_width = (high - low) / 2.0;
    let wanted = centre.max(band - centre).max(f64::MIN_POSITIVE);
    let needed = blocks as f64 * (half_width / wanted).powi(2);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, which is what is meant"
    )]
    let more = (needed - blocks as f64).ceil().max(1.0) as u32;
    more
}

impl Obstacle {
    /// What stands in the way of comparing this contender's speed, if anything does.
    pub fn of(result: &ContenderResult) -> Option<Self> {
        let reason = Reason::of(result)?;
        Some(Self {
            contender: result.contender.name.clone(),
            reason,
        })
    }

    /// That a contender's answers are not the baseline's, where they are not.
    fn of_answers(result: &ContenderResult, plan: &Plan) -> Option<Self> {
        let differing_ratio = result.agreement.as_ref()?.differing_ratio();
        (differing_ratio > plan.other_answers_ratio).then(|| Self {
            contender: result.contender.name.clone(),
            reason: Reason::OtherAnswers {
                differing_ratio,
                limit_ratio: plan.other_answers_ratio,
            },
        })
    }

    /// That the baseline differs from itself by more than what matters, if it does.
    fn of_noise(baseline: &ContenderResult, plan: &Plan, noise: Option<&Noise>) -> Option<Self> {
        let estimate = noise?.estimate;
        let interval = estimate.confidence_interval?;
        let band = plan.same_ratio.max(0.0).ln_1p();
        let apart = interval.low.ln() > band || interval.high.ln() < -band;
        apart.then(|| Self {
            contender: baseline.contender.name.clone(),
            reason: Reason::Noise {
                ratio: estimate.point_estimate,
                interval,
            },
        })
    }
}

impl Reason {
    fn of(result: &ContenderResult) -> Option<Self> {
        let summary = &result.summary;
        // A request that never got its answer failed the one who asked, however the run was ended.
        let unanswered = summary.total.failures() + summary.unfinished;
        let asked = summary.total.requests() + summary.unfinished;
        let fail_ratio = unanswered as f64 / asked.max(1) as f64;
        if fail_ratio > MOST_FAILURES_RATIO {
            return Some(Self::Failures { fail_ratio });
        }
        let Some(median) = summary.total.median() else {
            return Some(Self::NoSuccesses);
        };
        let limit = Duration::from_millis(1).max(median / 20);
        if let Some(lag_p99) = summary.lag_p99().filter(|lag| *lag > limit) {
            return Some(Self::GeneratorLag { lag_p99, limit });
        }
        let GeneratorUse {
            cpu_ratio,
            steal_ratio,
        } = result.generator?;
        if cpu_ratio > MOST_GENERATOR_CPU_RATIO {
            return Some(Self::GeneratorBusy { cpu_ratio });
        }
        (steal_ratio > MOST_STEAL_RATIO).then_some(Self::Steal { steal_ratio })
    }
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.contender;
        match self.reason {
            Reason::NoSuccesses => write!(f, "no request to {name} succeeded in a measured period"),
            Reason::Failures { fail_ratio } => write!(
                f,
                "{} of the requests to {name} failed or had no answer, and above {} speeds are not compared",
                words::percent(fail_ratio),
                words::percent(MOST_FAILURES_RATIO),
            ),
            Reason::GeneratorLag { lag_p99, limit } => write!(
                f,
                "the load generator was the limit: while loading {name}, it sent 1 % of the requests {} ms late or more, \
                 and {} ms is tolerated (1 ms or 5 % of the median response time)",
                words::ms(lag_p99),
                words::ms(limit),
            ),
            Reason::OtherAnswers {
                differing_ratio,
                limit_ratio,
            } => write!(
                f,
                "{name} answered {} of the sampled requests otherwise than the baseline, and {} is allowed: \
                 it does not do the same work",
                words::percent(differing_ratio),
                words::percent(limit_ratio),
            ),
            Reason::GeneratorBusy { cpu_ratio } => write!(
                f,
                "the load generator was the limit: while loading {name}, it took {} of the processor time of its cores, and {} is \
                 tolerated; give it more cores, or use fewer users",
                words::percent(cpu_ratio),
                words::percent(MOST_GENERATOR_CPU_RATIO),
            ),
            Reason::Steal { steal_ratio } => write!(
                f,
                "while {name} was measured, other machines on the same host took {} of the processor time, and {} is tolerated; \
                 measure when they are quiet, or on a machine of your own",
                words::percent(steal_ratio),
                words::percent(MOST_STEAL_RATIO),
            ),
            Reason::Noise { ratio, interval } => write!(
                f,
                "{name} against itself, measured a second time in every block, gave {} ({} to {}) in place of 1: \
                 something else on this machine decided the figures; find out what, or measure on a quieter one",
                words::figure(ratio),
                words::figure(interval.low),
                words::figure(interval.high),
            ),
        }
    }
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
