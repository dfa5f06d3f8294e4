//! Configuration of a server.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use bakeoff_qa::Compat;

use crate::cores::physical_cores;

/// Configuration of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// Number of inference workers. Each worker is one thread.
    pub threads: NonZeroUsize,
    /// Maximum size of a batch, in tokens. A longer window is a batch of its own.
    pub max_batch_tokens: NonZeroUsize,
    /// Limits of the queue. Beyond them, requests are rejected with status 429.
    pub admission: Admission,
    /// Limits for clients.
    pub limits: Limits,
    /// Access rules.
    pub access: Access,
    /// Version of transformers that defines the answers.
    pub compat: Compat,
    /// Time after the start of a shutdown in which requests are still accepted. In this time load balancers notice that `/ready`
    /// has status 503.
    pub drain_delay: Duration,
    /// Maximum time for requests in flight after `drain_delay`. Connections that are still open then are cut off. `None` is
    /// [`Limits::timeout`] plus one second, in which every request is answered.
    pub drain_time: Option<Duration>,
}

/// Limits of the queue. Beyond them, requests are rejected with status 429.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Maximum number of tokens in the queue. It limits the memory.
    pub max_queue_tokens: NonZeroUsize,
    /// Maximum time in the queue. A request with a longer expected time is rejected at once. A request that has waited longer is
    /// rejected before inference.
    pub max_queue_delay: Duration,
}

/// Limits for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a request body in bytes. A larger body has status 413.
    pub max_body_bytes: usize,
    /// Maximum size of all bodies that are being received or wait to be parsed, in bytes. More have status 503. The first 16 KiB of
    /// each body do not count.
    pub body_memory_bytes: usize,
    /// Maximum size of the response to a request, in bytes. A larger response has status 413.
    pub max_answer_bytes: usize,
    /// Maximum size of all responses that are being written or sent, in bytes. More have status 503. The first 16 KiB of each
    /// response do not count.
    pub answer_memory_bytes: usize,
    /// Maximum number of questions in a request. More have status 422.
    pub max_items: NonZeroUsize,
    /// Maximum length of a question in characters. A longer question has status 422.
    pub max_question_chars: NonZeroUsize,
    /// Maximum length of a context in characters. A longer context has status 422.
    pub max_context_chars: NonZeroUsize,
    /// Maximum size of the head of a request in bytes. A larger head has status 431, and so has a head with more than 100 lines.
    pub max_header_bytes: NonZeroUsize,
    /// Time limit for receiving the head of a request, and then for its body. A slower request has status 408.
    pub read_timeout: Duration,
    /// Time limit for a connection without a request, and for a client that does not read its response. The connection is closed.
    pub idle_timeout: Duration,
    /// Maximum number of connections. More connections wait to be accepted, including probes. The private listener has a limit of
    /// its own. If the system allows too few open files, the server lowers this limit and logs a warning.
    pub max_connections: NonZeroU32,
    /// Time limit from the arrival of a request's head to its response. A slower request has status 504.
    pub timeout: Duration,
}

/// Access rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// File with one API key in each line. A request needs one of them as its bearer token. With `None`, requests need no key.
    pub api_key_file: Option<PathBuf>,
    /// Web origins whose pages can send requests, for example `https://example.org`.
    pub cors_origins: Vec<String>,
}

impl Default for ServeConfig {
    /// One worker for each physical core, batches of 128 tokens, answers of transformers 4.57, no drain delay, and a drain time in
    /// which every request is answered.
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
    /// Maximum time of a drain after its delay.
    pub(crate) fn longest_drain(&self) -> Duration {
        self.drain_time
            .unwrap_or_else(|| self.limits.timeout.saturating_add(Duration::from_secs(1)))
    }
}

impl Default for Admission {
    /// 262,144 tokens and 10 seconds.
    fn default() -> Self {
        Self {
            max_queue_tokens: const { NonZeroUsize::new(262_144).expect("is not zero") },
            max_queue_delay: Duration::from_secs(10),
        }
    }
}

impl Default for Limits {
    /// See `docs/serving.md`. The idle timeout of 75 seconds is longer than that of load balancers, so that the load balancer and
    /// not the server closes an idle connection.
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
