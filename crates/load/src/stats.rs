//! Stats of a load: recorded and reported by workers, collected second by second.

pub(crate) mod collector;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod threads;
