//! How a server is set up.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use bakeoff_qa::Compat;

use crate::cores::physical_cores;

/// How one server works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// Inference workers, each one thread.
    pub threads: NonZeroUsize,
    /// What a worker puts before the model at once, in tokens; a single longer window goes alone.
    pub max_batch_tokens: NonZeroUsize,
    /// When requests are refused for want of capacity.
    pub admission: Admission,
    /// The most that a client may ask for or take up.
    pub limits: Limits,
    /// Who may ask.
    pub access: Access,
    /// The version of transformers whose answers are given.
    pub compat: Compat,
    /// How long after the start of a shutdown requests are still taken, so that load balancers have time to notice
    /// that `/ready` says 503.
    pub drain_delay: Duration,
    /// How long after that requests in flight may take until they are cut off. `None` for a second more than
    /// [`Limits::timeout`], within which every request is answered.
    pub drain_time: Option<Duration>,
}

/// When requests are refused for want of capacity, with status 429.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Tokens that may wait for a worker, whatever the pace; bounds the memory.
    pub max_queue_tokens: NonZeroUsize,
    /// The longest that a question may have to wait for a worker, by the pace measured so far; whoever has waited
    /// longer after all is refused when the turn comes.
    pub max_queue_delay: Duration,
}

/// The most that a client may ask for or take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body in bytes; a larger one is answered with status 413.
    pub max_body_bytes: usize,
    /// All bodies together that have not been read to their end or wait to be parsed, in bytes; what is more is answered with
    /// status 503. The first 16 KiB of each are not counted.
    pub body_memory_bytes: usize,
    /// Largest answer to a request in bytes, before any compression; a larger one is refused with status 413.
    pub max_answer_bytes: usize,
    /// All answers together that are made or wait for their clients to take them, in bytes; what is more is answered with status
    /// 503. The first 16 KiB of each are not counted.
    pub answer_memory_bytes: usize,
    /// Questions in one request; more are answered with status 422.
    pub max_items: NonZeroUsize,
    /// The longest question in characters; a longer one is answered with status 422.
    pub max_question_chars: NonZeroUsize,
    /// The longest context in characters; a longer one is answered with status 422.
    pub max_context_chars: NonZeroUsize,
    /// The largest head of a request in bytes; a larger one is answered with status 431, as is one of more than
    /// 100 lines.
    pub max_header_bytes: NonZeroUsize,
    /// How long the head of a request may take to arrive, and then its body, however steadily they trickle; status 408.
    pub read_timeout: Duration,
    /// How long a connection may stay open without a request, or a client may take nothing of its answer.
    pub idle_timeout: Duration,
    /// Connections at once; more wait to be accepted, probes included. The private listener has its own. Where the
    /// system gives fewer open files than that and a reserve, it is as many as they suffice for, with a warning.
    pub max_connections: NonZeroU32,
    /// How long a request may take from the arrival of its head to its answer; status 504.
    pub timeout: Duration,
}

/// Who may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// A file with one key a line, any of which opens the API as a bearer token; `None` opens it to everybody.
    pub api_key_file: Option<PathBuf>,
    /// Web origins, such as `https://example.org`, whose pages may ask; none unless listed.
    pub cors_origins: Vec<String>,
}

impl Default for ServeConfig {
    /// A worker per physical core, batches of 128 tokens, the answers of transformers 4.57, no delay and all the time
    /// that requests may take to drain.
    fn default() -> Self {
        Self {
            threads: physical_cores(),
            max_batch_tokens: const { NonZeroUsize::new(128).expect("128 is not zero") },
            admission: Admission::default(),
            limits: Limits::default(),
            access: Access::default(),
            compat: Compat::default(),
            drain_delay: Duration::ZERO,
            drain_time: None,
        }
    }
}

impl ServeConfig {
    /// The longest that a drain takes after its delay.
    pub(crate) fn longest_drain(&self) -> Duration {
        self.drain_time
            .unwrap_or_else(|| self.limits.timeout.saturating_add(Duration::from_secs(1)))
    }
}

impl Default for Admission {
    /// A quarter of a million tokens, and ten seconds.
    fn default() -> Self {
        Self {
            max_queue_tokens: const { NonZeroUsize::new(262_144).expect("is not zero") },
            max_queue_delay: Duration::from_secs(10),
        }
    }
}

impl Default for Limits {
    /// Bodies of 2 MiB, 16 MiB together, with 1,000 items, answers of 4 MiB, 16 MiB together, questions of 10,000 and contexts of a million characters, heads of 16 KiB,
    /// 10 seconds to send each, 2,048 connections, and a minute for the answer. Idle connections are kept for 75 seconds,
    /// longer than load balancers keep theirs, so that it is the load balancer that closes them.
    fn default() -> Self {
        const fn non_zero(value: usize) -> NonZeroUsize {
            NonZeroUsize::new(value).expect("is not zero")
        }
        Self {
            max_body_bytes: 2 * 1024 * 1024,
            body_memory_bytes: 16 * 1024 * 1024,
            max_answer_bytes: 4 * 1024 * 1024,
            answer_memory_bytes: 16 * 1024 * 1024,
            max_items: const { non_zero(1000) },
            max_question_chars: const { non_zero(10_000) },
            max_context_chars: const { non_zero(1_000_000) },
            max_header_bytes: const { non_zero(16 * 1024) },
            read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_connections: const { NonZeroU32::new(2048).expect("is not zero") },
            timeout: Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_outlasts_every_request_unless_told_otherwise() {
        let mut config = ServeConfig::default();
        config.limits.timeout = Duration::from_mins(5);
        assert_eq!(config.longest_drain(), Duration::from_secs(301));
        config.drain_time = Some(Duration::from_secs(8));
        assert_eq!(config.longest_drain(), Duration::from_secs(8));
    }
}
