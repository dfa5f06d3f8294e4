//! Limits of the gates.

use std::num::NonZeroU32;
use std::time::Duration;

/// The share of its cores above which the generator is taken for the limit (k6's documentation has the same 80 %).
pub const MOST_GENERATOR_CPU_RATIO: f64 = 0.8;

/// The share of what the generator makes of a server that does nothing, above which it is taken for the limit.
pub(super) const MOST_OF_FLOOR_RATIO: f64 = 0.8;

/// Largest relative difference, in any turn, between the users and the users that rate and response time amount to (Little's law).
pub(super) const MOST_OFF_LITTLES_LAW_RATIO: f64 = 0.05;

/// The share of planned arrivals that may go unsent.
pub const MOST_NOT_SENT_RATIO: f64 = 0.01;

/// Tasks of the measured period that every user has to finish before rates are compared.
///
/// With rates from the time between completions, five rounds keep the error of a turn below 1 % for servers with fixed,
/// random and batched service times, where a count in a window of 5 s is off by up to 11 %
/// (`verdict/rounds.rs` has the simulation).
pub const FEWEST_ROUNDS: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");

/// Largest delay with which the generator may send: 1 ms or 5 % of the median response time, whichever is more.
pub(crate) fn lag_limit(median: Duration) -> Duration {
    Duration::from_millis(1).max(median / 20)
}
