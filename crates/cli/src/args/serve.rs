//! Arguments of `bakeoff serve`, in the groups of its help. The defaults are those of the library.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use bakeoff_qa::Compat;
use bakeoff_serve::{Access, Admission, Limits, ServeConfig};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::ModelArgs;

static DEFAULTS: LazyLock<ServeConfig> = LazyLock::new(ServeConfig::default);

/// Arguments of `bakeoff serve`.
///
/// Every flag has an environment variable, named in brackets; the flag wins.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Address to listen on
    #[arg(long, env = "BAKEOFF_HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port to listen on; 0 picks a free one
    #[arg(long, env = "BAKEOFF_PORT", default_value_t = 8000)]
    pub(crate) port: u16,
    /// Inference workers, with one thread each [default: one per physical core]
    #[arg(long, env = "BAKEOFF_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Version of transformers whose answers are reproduced; 4.52 does not merge answers with equal text
    #[arg(long, env = "BAKEOFF_COMPAT", value_name = "VERSION", default_value = "4.57",
        value_parser = PossibleValuesParser::new(["4.57", "4.52"]).map(|version| compat(&version)))]
    pub(crate) compat: Compat,
    #[command(flatten)]
    capacity: CapacityArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    shutdown: ShutdownArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Capacity")]
#[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
struct CapacityArgs {
    /// Largest batch of a worker, in tokens; a longer window is a batch of its own
    #[arg(long, env = "BAKEOFF_MAX_BATCH_TOKENS", value_name = "N", default_value_t = DEFAULTS.max_batch_tokens)]
    max_batch_tokens: NonZeroUsize,
    /// Longest queue, in tokens; requests that do not fit are rejected with 429
    #[arg(long, env = "BAKEOFF_MAX_QUEUE_TOKENS", value_name = "N", default_value_t = DEFAULTS.admission.max_queue_tokens)]
    max_queue_tokens: NonZeroUsize,
    /// Longest expected time in the queue, at the current throughput; requests that would wait longer are rejected with 429
    #[arg(long, env = "BAKEOFF_MAX_QUEUE_DELAY", value_name = "TIME", default_value_t = Time(DEFAULTS.admission.max_queue_delay))]
    max_queue_delay: Time,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Time limit from the arrival of a request to its answer; beyond it, the answer is 504
    #[arg(long, env = "BAKEOFF_TIMEOUT", value_name = "TIME", value_parser = positive, default_value_t = Time(DEFAULTS.limits.timeout))]
    timeout: Time,
    /// Time limit to receive the head of a request, and again to receive its body; beyond it, the answer is 408
    #[arg(long, env = "BAKEOFF_READ_TIMEOUT", value_name = "TIME", value_parser = positive, default_value_t = Time(DEFAULTS.limits.read_timeout))]
    read_timeout: Time,
    /// Time after which a connection without a request is closed; load balancers should use a shorter time
    #[arg(long, env = "BAKEOFF_IDLE_TIMEOUT", value_name = "TIME", value_parser = positive, default_value_t = Time(DEFAULTS.limits.idle_timeout))]
    idle_timeout: Time,
    /// Largest request body, in bytes; larger ones are rejected with 413
    #[arg(long, env = "BAKEOFF_MAX_BODY_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.max_body_bytes)]
    max_body_bytes: usize,
    /// Memory for all request bodies together until they are parsed, in bytes, beyond 16 KiB for each; without room, requests are rejected with 503
    #[arg(long, env = "BAKEOFF_BODY_MEMORY_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.body_memory_bytes)]
    body_memory_bytes: usize,
    /// Largest answer to a request, in bytes; requests whose answer would be larger are rejected with 413
    #[arg(long, env = "BAKEOFF_MAX_ANSWER_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.max_answer_bytes)]
    max_answer_bytes: usize,
    /// Memory for all answers together until they are sent, in bytes, beyond 16 KiB for each; without room, requests are rejected with 503
    #[arg(long, env = "BAKEOFF_ANSWER_MEMORY_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.answer_memory_bytes)]
    answer_memory_bytes: usize,
    /// Most questions in one request; requests with more are rejected with 422
    #[arg(long, env = "BAKEOFF_MAX_ITEMS", value_name = "N", default_value_t = DEFAULTS.limits.max_items)]
    max_items: NonZeroUsize,
    /// Longest question, in characters; longer ones are rejected with 422
    #[arg(long, env = "BAKEOFF_MAX_QUESTION_CHARS", value_name = "N", default_value_t = DEFAULTS.limits.max_question_chars)]
    max_question_chars: NonZeroUsize,
    /// Longest context, in characters; longer ones are rejected with 422
    #[arg(long, env = "BAKEOFF_MAX_CONTEXT_CHARS", value_name = "N", default_value_t = DEFAULTS.limits.max_context_chars)]
    max_context_chars: NonZeroUsize,
    /// Largest head of a request, in bytes; larger ones, and those with over 100 header lines, are rejected with 431
    #[arg(long, env = "BAKEOFF_MAX_HEADER_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.max_header_bytes)]
    max_header_bytes: NonZeroUsize,
    /// Most open connections; further ones wait to be accepted. Probes wait too, unless they use --metrics-port. A lower limit of open files lowers this one, with a warning in the log
    #[arg(long, env = "BAKEOFF_MAX_CONNECTIONS", value_name = "N", default_value_t = DEFAULTS.limits.max_connections)]
    max_connections: NonZeroU32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
struct AccessArgs {
    /// File with one API key per line; clients must send one of them as `Authorization: Bearer KEY`. Probes and /docs need no key. Lines that start with # are comments. SIGHUP reloads the file
    #[arg(long, env = "BAKEOFF_API_KEY_FILE", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Web origin, such as http://localhost:3000, whose pages may read answers, or * for all; may be repeated [default: none]
    #[arg(
        long = "cors-origin",
        env = "BAKEOFF_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    cors_origins: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Metrics and logs")]
pub(crate) struct WatchArgs {
    /// Port of a private listener for /metrics, which is then not on the public port. It also answers /health and /ready, even if all public connections are in use. 0 picks a free port [default: none]
    #[arg(long, env = "BAKEOFF_METRICS_PORT", value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// Address of the private listener
    #[arg(
        long,
        env = "BAKEOFF_METRICS_HOST",
        value_name = "HOST",
        default_value = "127.0.0.1",
        requires = "metrics_port"
    )]
    pub(crate) metrics_host: String,
    /// Format of log lines. The variable BAKEOFF_LOG sets the level, such as warn or bakeoff::request=off
    #[arg(
        long,
        env = "BAKEOFF_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Shutdown by SIGTERM or ctrl-C (a second signal ends the server at once)"
)]
struct ShutdownArgs {
    /// Time for which requests are still accepted while /ready already answers 503. Set it to longer than the load balancer needs to notice
    #[arg(long, env = "BAKEOFF_DRAIN_DELAY", value_name = "TIME", default_value_t = Time(DEFAULTS.drain_delay))]
    drain_delay: Time,
    /// Time after that for requests in flight; beyond it, connections are closed [default: --timeout plus one second, in which every request is answered]
    #[arg(long, env = "BAKEOFF_DRAIN_TIME", value_name = "TIME")]
    drain_time: Option<Time>,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl ServeArgs {
    /// Configuration of the server.
    pub(crate) fn config(&self) -> ServeConfig {
        let (capacity, limits, access) = (&self.capacity, &self.limits, &self.access);
        ServeConfig {
            threads: self.threads.unwrap_or(DEFAULTS.threads),
            max_batch_tokens: capacity.max_batch_tokens,
            admission: Admission {
                max_queue_tokens: capacity.max_queue_tokens,
                max_queue_delay: capacity.max_queue_delay.0,
            },
            limits: Limits {
                max_body_bytes: limits.max_body_bytes,
                body_memory_bytes: limits.body_memory_bytes,
                max_answer_bytes: limits.max_answer_bytes,
                answer_memory_bytes: limits.answer_memory_bytes,
                max_items: limits.max_items,
                max_question_chars: limits.max_question_chars,
                max_context_chars: limits.max_context_chars,
                max_header_bytes: limits.max_header_bytes,
                read_timeout: limits.read_timeout.0,
                idle_timeout: limits.idle_timeout.0,
                max_connections: limits.max_connections,
                timeout: limits.timeout.0,
            },
            access: Access {
                api_key_file: access.api_key_file.clone(),
                cors_origins: access.cors_origins.clone(),
            },
            compat: self.compat,
            drain_delay: self.shutdown.drain_delay.0,
            drain_time: self.shutdown.drain_time.map(|time| time.0),
        }
    }
}

fn compat(version: &str) -> Compat {
    if version == "4.52" {
        Compat::V4_52
    } else {
        Compat::V4_57
    }
}

/// A time such as `1m 15s`.
#[derive(Debug, Clone, Copy)]
struct Time(Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match super::value::duration(text)? {
            time if time > LONGEST => Err("must be at most a year".into()),
            time => Ok(Self(time)),
        }
    }
}

/// Longest accepted time, far below the overflow of clocks.
const LONGEST: Duration = Duration::from_hours(366 * 24);

fn positive(text: &str) -> Result<Time, String> {
    match text.parse()? {
        Time(Duration::ZERO) => Err("must be above zero".into()),
        time => Ok(time),
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(formatter)
    }
}
