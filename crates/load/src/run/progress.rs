//! Progress of a running load.

use std::time::Duration;

use bakeoff_record::Measurement;

/// What a running load is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Users are being started.
    Spawning,
    /// All users are started and nothing counts yet.
    WarmUp,
    /// The measured period, with all users.
    Measuring,
    /// No new requests; the last answers are waited for.
    Draining,
}

/// How far a running load is.
#[derive(Debug)]
pub struct Progress<'a> {
    /// What the load is at.
    pub phase: Phase,
    /// The time since it started.
    pub elapsed: Duration,
    /// Users active now; in an open model, requests in flight.
    pub users: u32,
    /// What was measured so far; its `unfinished` requests are those in flight.
    pub so_far: &'a Measurement,
}
