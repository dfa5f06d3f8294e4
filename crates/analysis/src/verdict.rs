//! What the comparison by the primary metric allows to say, and nothing beyond it.

use crate::compared::Compared;
use crate::noise::Noise;
use crate::statistics::{CONFIDENCE, ConfidenceInterval, fewest_blocks};
use crate::turn::VoidedBlock;
use bakeoff_record::experiment::Plan;
use bakeoff_record::metric::Metric;

mod gates;
mod limits;
mod obstacle;

pub use gates::{Gate, Reading};
pub(crate) use gates::{Gated, Gates};
pub use limits::{FEWEST_ROUNDS, MOST_GENERATOR_CPU_RATIO, MOST_NOT_SENT_RATIO};
pub use obstacle::{Obstacle, Reason};

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
    /// More of its turns failed than one in ten: it did not answer, answered with failures, or ended.
    Failed {
        /// Turns that failed.
        failed: u32,
        /// Turns that were begun.
        begun: u32,
    },
    /// The baseline did not take part or was never measured.
    NoBaseline,
    /// Something other than the contenders' speed decided the figures.
    NotMeasurable(Obstacle),
}

/// Everything that verdicts are drawn from.
pub(crate) struct Judge<'a> {
    /// All contenders, the baseline and its second turns among them.
    pub(crate) contenders: &'a [Gated],
    /// Plan whose primary metric the verdict is about.
    pub(crate) plan: &'a Plan,
    pub(crate) voided: &'a [VoidedBlock],
    /// `true` if every block was disturbed, so that the compared figures are those of disturbed blocks.
    pub(crate) is_every_block_voided: bool,
    pub(crate) noise: Option<&'a Noise>,
}

impl Judge<'_> {
    /// Verdict on `one`, which is among the contenders.
    pub(crate) fn verdict(&self, one: &Gated) -> Verdict {
        let name = one.compared.name();
        let turns = &one.compared.measured.turns;
        let measured_baseline = self
            .find(Some(&self.plan.baseline))
            .filter(|baseline| !baseline.compared.measured.blocks.is_empty());
        if measured_baseline.is_some() && self.plan.baseline == *name {
            return Verdict::Baseline;
        }
        if measured_baseline.is_some() && self.plan.control.as_deref() == Some(name) {
            return Verdict::Control;
        }
        if turns.are_too_many_failed() && self.plan.baseline != *name {
            return Verdict::Failed {
                failed: u32::try_from(turns.failed.len()).unwrap_or(u32::MAX),
                begun: turns.begun,
            };
        }
        let Some(baseline) = measured_baseline else {
            return Verdict::NoBaseline;
        };
        let involved = [
            Some(one),
            Some(baseline),
            self.find(self.plan.control.as_deref()),
        ];
        if let Some(obstacle) = involved.into_iter().flatten().find_map(Gated::obstacle) {
            return Verdict::NotMeasurable(obstacle);
        }
        self.by_interval(&one.compared)
    }

    fn by_interval(&self, compared: &Compared) -> Verdict {
        let metric = self.plan.primary;
        let comparison = compared.comparison(metric);
        let blocks = comparison.map_or(0, |comparison| comparison.blocks.len());
        let blocks = if self.is_every_block_voided {
            0
        } else {
            blocks
        };
        let adjusted = self
            .contenders
            .iter()
            .filter(|one| one.compared.adjusted_p.is_some());
        let fewest = fewest_blocks(adjusted.count());
        let interval = comparison.and_then(|comparison| comparison.estimate?.confidence_interval);
        match interval.filter(|_| blocks >= fewest) {
            Some(interval) => {
                let floor = self.noise.map_or(0.0, |noise| noise.floor_ratio);
                let by_chance = compared.adjusted_p.is_some_and(|p| p > 1.0 - CONFIDENCE);
                let bands = (self.plan.same_ratio, floor);
                Verdict::from_interval(interval, metric, bands, blocks).unless(by_chance)
            }
            None => self.too_few(compared.name(), blocks, fewest),
        }
    }

    fn find(&self, name: Option<&str>) -> Option<&Gated> {
        let mut contenders = self.contenders.iter();
        contenders.find(|one| Some(one.compared.name()) == name)
    }

    fn too_few(&self, name: &str, blocks: usize, fewest: usize) -> Verdict {
        match self.voided.first() {
            Some(first) if blocks + self.voided.len() >= fewest => {
                Verdict::NotMeasurable(Obstacle {
                    contender: name.to_owned(),
                    reason: Reason::Disturbed {
                        voided: self.voided.len(),
                        blocks: blocks + self.voided.len(),
                        by: first.by,
                    },
                })
            }
            _ => Verdict::TooFewBlocks {
                measured: u32::try_from(blocks).unwrap_or(u32::MAX),
                more_blocks: u32::try_from(fewest.saturating_sub(blocks)).unwrap_or(u32::MAX),
            },
        }
    }
}

impl Verdict {
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
            Self::Failed { .. } => "failed",
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

#[cfg(test)]
mod rounds;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod turn_tests;
