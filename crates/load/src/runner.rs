//! Threads of the load generator: each runs its part of the users, or of the arrivals.

pub(crate) mod active_users_watch;
mod arrivals;
mod in_flight;
pub(crate) mod iterations;
mod precise_timer;
mod send;
pub(crate) mod shared;
pub(crate) mod thread;
mod user;
pub(crate) mod worker;
