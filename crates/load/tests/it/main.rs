//! Loads on real servers in this process, well-behaved and not.

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod counting;
#[cfg(test)]
mod excess;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod https;
#[cfg(test)]
mod misbehaviour;
#[cfg(test)]
mod rounds;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod unanswered;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod workloads;
