//! What the comparison by the primary metric allows to say, and nothing beyond it.

use std::time::Duration;

use crate::analysis::{ContenderResult, Noise};
use crate::comparison::Metric;
use crate::experiment::{Floor, Plan, RunLoad};
use crate::run::GeneratorUse;
use crate::statistics::{CONFIDENCE, ConfidenceInterval, fewest_blocks};
use crate::words;

/// The share of failed requests above which speed is not compared, 1 %.
pub const MOST_FAILURES_RATIO: f64 = 0.01;

/// The share of its cores above which the generator is taken for the limit (k6's documentation has the same 80 %).
pub const MOST_GENERATOR_CPU_RATIO: f64 = 0.8;

/// The share of stolen processor time above which nothing is compared.
pub const MOST_STEAL_RATIO: f64 = 0.1;

/// The share of what the generator makes of a server that does nothing, above which it is taken for the limit.
pub const MOST_OF_FLOOR_RATIO: f64 = 0.8;

/// How far the users in flight may be from what rate and response time amount to (Little's law).
pub const MOST_OFF_LITTLES_LAW_RATIO: f64 = 0.2;

/// How causes of failures begin that lie on the machine that makes the load.
pub const LOCAL_CAUSES: [&str; 2] = ["too many open files", "no local port"];

/// The share of planned arrivals that may go unsent.
pub const MOST_NOT_SENT_RATIO: f64 = 0.01;

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
    /// Connections could not be opened for want of file descriptors or ports on the machine that made the load.
    NoConnections {
        /// How often.
        failures: u64,
    },
    /// Arrivals were not sent, because as many requests as allowed were in flight.
    NotSent {
        /// The share of them.
        not_sent_ratio: f64,
    },
    /// It was nearly as fast as a server that does nothing, so that the generator set the figures.
    NearFloor {
        /// Requests per second of the server that does nothing.
        floor_per_second: f64,
    },
    /// Rate times response time is not the number of users: some of the figures must be wrong.
    LittlesLaw {
        /// The users that there were.
        users: u32,
        /// The users that the figures amount to.
        implied_users: f64,
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

/// What a contender is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) baseline: Option<&'a ContenderResult>,
    /// Its primary metric is what the verdict is about.
    pub(crate) plan: &'a Plan,
    pub(crate) load: RunLoad,
    pub(crate) floor: Option<Floor>,
    pub(crate) noise: Option<&'a Noise>,
    /// How many contenders are compared with the baseline.
    pub(crate) comparisons: usize,
}

impl Judge<'_> {
    /// The verdict on `result`.
    pub(crate) fn verdict(&self, result: &ContenderResult) -> Verdict {
        let Some(baseline) = self.baseline.filter(|baseline| !baseline.blocks.is_empty()) else {
            return Verdict::NoBaseline;
        };
        if baseline.contender.name == result.contender.name {
            return Verdict::Baseline;
        }
        if self.plan.control.as_ref() == Some(&result.contender.name) {
            return Verdict::Control;
        }
        let obstacle = Obstacle::of(result)
            .or_else(|| self.is_generator_limit(result))
            .or_else(|| Obstacle::of(baseline))
            .or_else(|| self.is_generator_limit(baseline))
            .or_else(|| Obstacle::of_answers(result, self.plan))
            .or_else(|| Obstacle::of_noise(baseline, self.plan, self.noise));
        if let Some(obstacle) = obstacle {
            return Verdict::NotMeasurable(obstacle);
        }
        let metric = Metric::from(self.plan.primary);
        let comparison = result.comparison(metric);
        let blocks = comparison.map_or(0, |comparison| comparison.blocks.len());
        let fewest = fewest_blocks(self.comparisons);
        let interval = comparison.and_then(|comparison| comparison.estimate?.confidence_interval);
        match interval.filter(|_| blocks >= fewest) {
            Some(interval) => {
                let floor = self.noise.map_or(0.0, |noise| noise.floor_ratio);
                let by_chance = result.adjusted_p.is_some_and(|p| p > 1.0 - CONFIDENCE);
                let bands = (self.plan.same_ratio, floor);
                Verdict::from_interval(interval, metric, bands, blocks).unless(by_chance)
            }
            None => Verdict::TooFewBlocks {
                measured: u32::try_from(blocks).unwrap_or(u32::MAX),
                more_blocks: u32::try_from(fewest.saturating_sub(blocks)).unwrap_or(u32::MAX),
            },
        }
    }

    /// That the load generator had no more to give or did not give what was asked for, if so.
    fn is_generator_limit(&self, result: &ContenderResult) -> Option<Obstacle> {
        let reason = match self.load {
            RunLoad::Users => self
                .floor
                .and_then(|floor| Reason::of_floor(result, floor))
                .or_else(|| Reason::of_littles_law(result, self.plan)),
            RunLoad::Sweep { .. } | RunLoad::Arrivals { .. } => None,
        };
        Some(Obstacle {
            contender: result.contender.name.clone(),
            reason: reason?,
        })
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
    /// That the contender was so fast that the generator's own pace decided.
    fn of_floor(result: &ContenderResult, floor: Floor) -> Option<Self> {
        let rate = result.summary.total.requests_per_second()?;
        let floor_per_second = floor.requests_per_second;
        let near = rate > MOST_OF_FLOOR_RATIO * floor_per_second;
        near.then_some(Self::NearFloor { floor_per_second })
    }

    /// That users, rate and response time do not fit each other (Little, "A Proof for the Queuing Formula: L = λW",
    /// Operations Research 9:3, 1961). Only where users never pause, and where a period is long enough for what is in
    /// flight at its ends not to count.
    fn of_littles_law(result: &ContenderResult, plan: &Plan) -> Option<Self> {
        let times = &result.summary.total.response_times;
        let (rate, mean) = (result.summary.total.successes_per_second()?, times.mean()?);
        let long_enough = plan.measure > mean * 5 && result.summary.total.failures() == 0;
        let implied_users = rate * mean.as_secs_f64();
        let off = (implied_users / f64::from(plan.users.max(1))).ln().abs();
        let broken = off > MOST_OFF_LITTLES_LAW_RATIO.ln_1p();
        (!plan.users_pause && long_enough && broken).then_some(Self::LittlesLaw {
            users: plan.users,
            implied_users,
        })
    }

    fn of(result: &ContenderResult) -> Option<Self> {
        let summary = &result.summary;
        let failures = summary.failures.iter();
        let no_connections = failures.filter(|failure| {
            LOCAL_CAUSES
                .iter()
                .any(|cause| failure.cause.starts_with(cause))
        });
        let no_connections: u64 = no_connections.map(|failure| failure.occurrences).sum();
        if no_connections > 0 {
            return Some(Self::NoConnections {
                failures: no_connections,
            });
        }
        if let Some(arrivals) = summary.arrivals {
            let not_sent_ratio = arrivals.not_sent as f64 / arrivals.planned.max(1) as f64;
            if not_sent_ratio > MOST_NOT_SENT_RATIO {
                return Some(Self::NotSent { not_sent_ratio });
            }
        }
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
            Reason::NoConnections { failures } => write!(
                f,
                "{} to {name} failed because the machine that made the load had no file descriptor or port left; \
                 raise `ulimit -n`, widen net.ipv4.ip_local_port_range, or use fewer users",
                words::several(usize::try_from(failures).unwrap_or(usize::MAX), "request"),
            ),
            Reason::NotSent { not_sent_ratio } => write!(
                f,
                "{} of the arrivals for {name} were not sent, since it left so many requests unanswered that no more were allowed \
                 in flight: it cannot keep up with this rate; offer less, or raise max_in_flight",
                words::percent(not_sent_ratio),
            ),
            Reason::NearFloor { floor_per_second } => write!(
                f,
                "the load generator was the limit: it makes {} requests per second on a server that does nothing, and {name} came \
                 to more than {} of that; give it more cores, or more work per request",
                words::figure(floor_per_second),
                words::percent(MOST_OF_FLOOR_RATIO),
            ),
            Reason::LittlesLaw {
                users,
                implied_users,
            } => write!(
                f,
                "the figures of {name} contradict each other: by Little's law its rate and response times amount to {} users, \
                 and there were {users}; measure for longer",
                words::figure(implied_users),
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
