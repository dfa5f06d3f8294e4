//! One module for each subcommand.

pub(crate) mod compare;
pub(crate) mod eval;
pub(crate) mod model;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod swarm;
