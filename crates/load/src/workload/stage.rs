//! Stages of a load.

use std::time::Duration;

/// A part of a load with its own number of users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// How long it lasts, the time included in which users start or stop.
    pub duration: Duration,
    /// Users wanted.
    pub users: u32,
    /// Users started or stopped per second until there are that many; positive.
    pub spawn_rate: f64,
}
