//! What makes a load: users, stages of them, or arrivals. Pure.

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
use self::open_model::Arrivals;
use self::stage::Stage;

/// What makes a load.
#[derive(Debug, Clone, PartialEq)]
pub enum Workload {
    /// Users, each of whom waits for an answer before the next request.
    Users {
        /// Users active at once when all are started.
        users: NonZeroU32,
        /// Users started per second; positive.
        spawn_rate: f64,
    },
    /// Users who start evenly spread over a time, so that they are not in lockstep.
    Spread {
        /// Users active at once when all are started.
        users: NonZeroU32,
        /// The time over which they start.
        over: Duration,
    },
    /// Users, more and fewer of them in stages.
    Stages(Vec<Stage>),
    /// Requests that arrive whatever became of those before.
    Arrivals(Arrivals),
}

/// As people say it: `70 users at 10/s`.
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
            Self::Arrivals(arrivals) => {
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
            Self::Arrivals(_) => ActiveUsers::staged(&[]),
        }
    }

    /// The most users that there are at once; none in an open model.
    pub fn most_users(&self) -> u32 {
        match self {
            Self::Arrivals(_) => 0,
            users => users.most_connections(),
        }
    }

    /// The most connections that it takes at once: one for each user, or for each request in flight.
    pub(crate) fn most_connections(&self) -> u32 {
        match self {
            Self::Users { users, .. } | Self::Spread { users, .. } => users.get(),
            Self::Stages(stages) => stages.iter().map(|stage| stage.users).max().unwrap_or(0),
            Self::Arrivals(arrivals) => arrivals.max_in_flight.get(),
        }
    }

    /// When each stage but the first begins.
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

    /// How long it goes on by itself; `None` where nothing ends it.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self {
            Self::Stages(stages) => {
                let add = |sum: Duration, stage: &Stage| sum.saturating_add(stage.duration);
                Some(stages.iter().fold(Duration::ZERO, add))
            }
            Self::Users { .. } | Self::Spread { .. } | Self::Arrivals(_) => None,
        }
    }

    /// The rates at which users start, which all have to be above zero.
    pub(crate) fn spawn_rates(&self) -> Vec<f64> {
        match self {
            Self::Users { spawn_rate, .. } => vec![*spawn_rate],
            Self::Stages(stages) => stages.iter().map(|stage| stage.spawn_rate).collect(),
            Self::Spread { .. } | Self::Arrivals(_) => Vec::new(),
        }
    }
}
