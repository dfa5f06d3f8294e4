//! Stages of a load.

use std::time::Duration;

/// A stage of a load, with its own number of users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Duration of the stage, including the time in which users start or stop.
    pub duration: Duration,
    /// Number of users.
    pub users: u32,
    /// Number of users that start or stop per second until there are `users`; above 0.
    pub spawn_rate: f64,
}
