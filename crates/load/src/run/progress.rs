//! Progress of a running load.

use std::time::Duration;

use bakeoff_record::Measurement;

/// Phase of a running load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Users start.
    Spawning,
    /// All users have started, and the measured period has not begun.
    WarmUp,
    /// The measured period, with all users.
    Measuring,
    /// No request is sent any more; the last answers are awaited.
    Draining,
}

/// Progress of a running load.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Phase of the load.
    pub phase: Phase,
    /// Time since the start of the load.
    pub elapsed: Duration,
    /// Number of active users; in an open model, of requests in flight.
    pub users: u32,
    /// Measurement so far; its `unfinished` requests are those in flight.
    pub so_far: &'a Measurement,
}
