//! Processes of this machine: started with all of their descendants, logged, run to their end, and ended.

pub(crate) mod command;
pub(crate) mod log;
pub(crate) mod owner;
pub(crate) mod tree;
