//! What stands in the way of a comparison: the gates that ask whether anything but the contenders' speed decided the figures.

use std::time::Duration;

use crate::analysis::{ContenderResult, Noise};
use crate::experiment::{Floor, Plan};
use crate::run::GeneratorUse;
use crate::statistics::ConfidenceInterval;
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
    pub(super) fn of_answers(result: &ContenderResult, plan: &Plan) -> Option<Self> {
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
    pub(super) fn of_noise(
        baseline: &ContenderResult,
        plan: &Plan,
        noise: Option<&Noise>,
    ) -> Option<Self> {
        let noise = noise?;
        let (estimate, interval) = (noise.estimate, noise.estimate.confidence_interval?);
        let apart = noise.is_beyond(plan.same_ratio);
        apart.then(|| Self {
            contender: baseline.contender.name.clone(),
            reason: Reason::Noise {
                ratio: estimate.point_estimate,
                interval,
            },
        })
    }
}

/// What Little's law makes of a contender's figures (Little, "A Proof for the Queuing Formula: L = λW", Operations Research
/// 9:3, 1961).
pub(crate) struct LittlesLaw {
    /// The users that rate and response time amount to.
    pub(crate) implied_users: f64,
    /// Whether there were others. Never where users pause, where requests failed, and where a period is too short for what is
    /// in flight at its ends not to count.
    pub(crate) is_broken: bool,
}

impl LittlesLaw {
    /// `None` where nothing succeeded.
    pub(crate) fn of(result: &ContenderResult, plan: &Plan) -> Option<Self> {
        let total = &result.summary.total;
        let (rate, mean) = (total.successes_per_second()?, total.response_times.mean()?);
        let implied_users = rate * mean.as_secs_f64();
        let off = (implied_users / f64::from(plan.users.max(1))).ln().abs();
        let counts = !plan.users_pause && total.failures() == 0 && plan.measure > mean * 5;
        Some(Self {
            implied_users,
            is_broken: counts && off > MOST_OFF_LITTLES_LAW_RATIO.ln_1p(),
        })
    }
}

/// How late the generator may send: 1 ms or 5 % of the median response time, whichever is more.
pub(crate) fn lag_limit(median: Duration) -> Duration {
    Duration::from_millis(1).max(median / 20)
}

impl Reason {
    /// That the contender was so fast that the generator's own pace decided.
    pub(super) fn of_floor(result: &ContenderResult, floor: Floor) -> Option<Self> {
        let rate = result.summary.total.requests_per_second()?;
        let floor_per_second = floor.requests_per_second;
        let near = rate > MOST_OF_FLOOR_RATIO * floor_per_second;
        near.then_some(Self::NearFloor { floor_per_second })
    }

    /// That users, rate and response time do not fit each other.
    pub(super) fn of_littles_law(result: &ContenderResult, plan: &Plan) -> Option<Self> {
        let law = LittlesLaw::of(result, plan)?;
        law.is_broken.then_some(Self::LittlesLaw {
            users: plan.users,
            implied_users: law.implied_users,
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
            let not_sent_ratio = arrivals.not_sent_ratio();
            if not_sent_ratio > MOST_NOT_SENT_RATIO {
                return Some(Self::NotSent { not_sent_ratio });
            }
        }
        let fail_ratio = summary.unanswered_ratio();
        if fail_ratio > MOST_FAILURES_RATIO {
            return Some(Self::Failures { fail_ratio });
        }
        let Some(median) = summary.total.median() else {
            return Some(Self::NoSuccesses);
        };
        let limit = lag_limit(median);
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
                 in flight: it cannot keep up with this rate; offer less",
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
