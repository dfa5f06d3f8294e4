//! Workloads: users, stages of users, or arrivals. Pure.

pub(crate) mod active_users;
pub(crate) mod arrival_times;
pub(crate) mod open_model;
pub(crate) mod pacer;
pub(crate) mod stage;
pub(crate) mod wait_time;

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use self::active_users::ActiveUsers;
use self::open_model::OpenModel;
use self::stage::Stage;

/// Users or arrivals of a load, over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Workload {
    /// Closed model: users, each of whom waits for an answer before the next request.
    Users {
        /// Number of active users when all have started.
        users: NonZeroU32,
        /// Number of users that start per second; above 0.
        spawn_rate: f64,
    },
    /// Closed model: users that start evenly spread over a time, so that they do not run in lockstep.
    Spread {
        /// Number of active users when all have started.
        users: NonZeroU32,
        /// Time over which the users start.
        over: Duration,
    },
    /// Closed model: stages, each with its own number of users.
    Stages(Vec<Stage>),
    /// Open model: arrivals, each of which sends its requests however long the answers before take.
    OpenModel(OpenModel),
}

/// Words such as `70 users at 10/s`.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users { users, spawn_rate } if users.get() == 1 => {
                write!(f, "1 user at {spawn_rate}/s")
            }
            Self::Users { users, spawn_rate } => write!(f, "{users} users at {spawn_rate}/s"),
            Self::Spread { users, over } => {
                let over = humantime::format_duration(Duration::from_millis(
                    u64::try_from(over.as_millis()).unwrap_or(u64::MAX),
                ));
                write!(f, "{users} users, started over {over}")
            }
            Self::Stages(stages) => {
                let users: Vec<String> =
                    stages.iter().map(|stage| stage.users.to_string()).collect();
                write!(f, "{} users in stages", users.join(", "))
            }
            Self::OpenModel(arrivals) => {
                let most = arrivals
                    .rates
                    .iter()
                    .fold(0.0, |most: f64, rate| most.max(rate.from).max(rate.to));
                write!(f, "up to {most} arrivals/s")
            }
        }
    }
}

impl Workload {
    pub(crate) fn active_users(&self) -> ActiveUsers {
        match self {
            Self::Users { users, spawn_rate } => ActiveUsers::constant(*users, *spawn_rate),
            Self::Spread { users, over } => ActiveUsers::spread(*users, *over),
            Self::Stages(stages) => ActiveUsers::staged(stages),
            Self::OpenModel(_) => ActiveUsers::staged(&[]),
        }
    }

    /// Largest number of active users; 0 in an open model.
    pub fn most_users(&self) -> u32 {
        match self {
            Self::OpenModel(_) => 0,
            users => users.most_connections(),
        }
    }

    /// Largest number of connections at once: one for each user, or for each request in flight.
    pub(crate) fn most_connections(&self) -> u32 {
        match self {
            Self::Users { users, .. } | Self::Spread { users, .. } => users.get(),
            Self::Stages(stages) => stages.iter().map(|stage| stage.users).max().unwrap_or(0),
            Self::OpenModel(arrivals) => arrivals.max_in_flight.get(),
        }
    }

    /// Stages after the first, each with its beginning.
    pub(crate) fn next_stages(&self) -> VecDeque<(Duration, Stage)> {
        let Self::Stages(stages) = self else {
            return VecDeque::new();
        };
        let ends = stages.iter().scan(Duration::ZERO, |end, stage| {
            *end = end.saturating_add(stage.duration);
            Some(*end)
        });
        ends.zip(stages.iter().skip(1).copied()).collect()
    }

    /// Sum of the durations of all stages; `None` without stages.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self {
            Self::Stages(stages) => {
                let add = |sum: Duration, stage: &Stage| sum.saturating_add(stage.duration);
                Some(stages.iter().fold(Duration::ZERO, add))
            }
            Self::Users { .. } | Self::Spread { .. } | Self::OpenModel(_) => None,
        }
    }

    /// All spawn rates. Each of them must be above 0.
    pub(crate) fn spawn_rates(&self) -> Vec<f64> {
        match self {
            Self::Users { spawn_rate, .. } => vec![*spawn_rate],
            Self::Stages(stages) => stages.iter().map(|stage| stage.spawn_rate).collect(),
            Self::Spread { .. } | Self::OpenModel(_) => Vec::new(),
        }
    }
}
