//! Obstacles to a verdict, and the sentences that describe them.

use std::time::Duration;

use super::limits::{
    FEWEST_ROUNDS, MOST_GENERATOR_CPU_RATIO, MOST_OF_FLOOR_RATIO, MOST_OFF_LITTLES_LAW_RATIO,
};
use crate::statistics::ConfidenceInterval;
use crate::turn::Disturbance;
use crate::words;

/// Why speeds cannot be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    /// The contender that it concerns.
    pub contender: String,
    /// What stands in the way.
    pub reason: Reason,
}

/// What stands in the way of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Turns of it failed.
    FailedTurns {
        /// Number of failed turns.
        failed: u32,
        /// Turns that were begun.
        begun: u32,
        /// Kinds of failure, in words.
        how: String,
    },
    /// So many blocks were disturbed that too few are left.
    Disturbed {
        /// Blocks that were disturbed.
        voided: usize,
        /// All blocks.
        blocks: usize,
        /// Cause of the disturbance of the first of them.
        by: Disturbance,
    },
    /// Turns were so short that a user finished fewer than [`FEWEST_ROUNDS`] tasks.
    TooFewRounds {
        /// Tasks that the slowest user finished.
        rounds: u32,
        /// About how long a turn would have to be; `None` where the user finished none.
        turn: Option<Duration>,
    },
    /// The generator sent so late that it, not the contender, set the figures.
    GeneratorLag {
        /// The 99th percentile of how late it was, in the worst turn.
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
        /// The users that the figures amount to, in the worst turn.
        implied_users: f64,
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
        /// The baseline's name.
        baseline: String,
        /// The baseline's figure over its own, taken a second time in every block.
        ratio: f64,
        /// Where that ratio lies.
        interval: ConfidenceInterval,
    },
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.contender;
        match &self.reason {
            Reason::FailedTurns { failed, begun, how } => write!(
                f,
                "{failed} of {} of {name} failed: {how}; the speed of a contender with failed turns is not compared",
                words::several(*begun as usize, "turn"),
            ),
            Reason::Disturbed { voided, blocks, by } => write!(
                f,
                "{voided} of {} were disturbed, and too few are left: in the first of them, {}; measure when the machine is quiet",
                words::several(*blocks, "block"),
                by.in_words(),
            ),
            Reason::TooFewRounds { rounds, turn } => {
                let longer = turn.map_or_else(
                    || "much longer".to_owned(),
                    |turn| format!("to about {}", words::seconds(turn)),
                );
                write!(
                    f,
                    "the slowest user of {name} finished only {} in a turn, and a rate needs {FEWEST_ROUNDS}; \
                     set `measure_limit` {longer}, or use fewer users",
                    words::several(*rounds as usize, "task"),
                )
            }
            Reason::OtherAnswers {
                differing_ratio,
                limit_ratio,
            } => write!(
                f,
                "{name} answered {} of the sampled requests differently from the baseline, and {} is allowed: \
                 it does not do the same work",
                words::percent(*differing_ratio),
                words::percent(*limit_ratio),
            ),
            Reason::LittlesLaw {
                users,
                implied_users,
            } => write!(
                f,
                "the figures of {name} contradict each other: by Little's law, its throughput and response times correspond to {} users \
                 in one turn, but there were {users}, and {} is tolerated; the load generator may have been too slow",
                words::figure(*implied_users),
                words::percent(MOST_OFF_LITTLES_LAW_RATIO),
            ),
            Reason::Noise {
                baseline,
                ratio,
                interval,
            } => write!(
                f,
                "{baseline} ran twice in every block and differed from itself: the ratio is {} ({} to {}) in place of 1; \
                 something else on this machine changed the figures; find the cause, or measure on a quieter machine",
                words::figure(*ratio),
                words::figure(interval.low),
                words::figure(interval.high),
            ),
            _ => self.of_generator(f),
        }
    }
}

impl Obstacle {
    /// Reasons that lie with the load generator.
    fn of_generator(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.contender;
        match &self.reason {
            Reason::GeneratorLag { lag_p99, limit } => write!(
                f,
                "the load generator was the limit: while loading {name}, it sent 1 % of the requests {} ms late or more, \
                 and {} ms is tolerated (1 ms or 5 % of the median response time)",
                words::ms(*lag_p99),
                words::ms(*limit),
            ),
            Reason::GeneratorBusy { cpu_ratio } => write!(
                f,
                "the load generator was the limit: while loading {name}, it used {} of the processor time of its cores, and {} is \
                 tolerated; give it more cores, or use fewer users",
                words::percent(*cpu_ratio),
                words::percent(MOST_GENERATOR_CPU_RATIO),
            ),
            Reason::NoConnections { failures } => write!(
                f,
                "{} to {name} failed because the machine that made the load had no file descriptor or port left; \
                 raise `ulimit -n`, widen net.ipv4.ip_local_port_range, or use fewer users",
                words::several(usize::try_from(*failures).unwrap_or(usize::MAX), "request"),
            ),
            Reason::NotSent { not_sent_ratio } => write!(
                f,
                "{} of the planned requests to {name} were not sent, since the limit of requests in flight was reached: \
                 it cannot keep up with this rate; use a lower one",
                words::percent(*not_sent_ratio),
            ),
            Reason::NearFloor { floor_per_second } => write!(
                f,
                "the load generator was the limit: it makes {} requests per second on a server that does nothing, and {name} \
                 reached more than {} of that; give it more cores, or more work per request",
                words::figure(*floor_per_second),
                words::percent(MOST_OF_FLOOR_RATIO),
            ),
            _ => Ok(()),
        }
    }
}
