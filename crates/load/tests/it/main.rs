//! Loads on real servers in this process, well-behaved and not.

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod counting;
#[cfg(test)]
mod misbehaviour;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod workloads;
