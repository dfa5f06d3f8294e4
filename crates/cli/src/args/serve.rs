//! What `bakeoff serve` can be told. The defaults are those of the library.

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

/// The arguments of `bakeoff serve`.
///
/// Every flag has a variable, named in brackets; the flag wins.
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
    /// Inference workers, each one thread [default: one per physical core]
    #[arg(long, env = "BAKEOFF_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Version of transformers whose answers are given; the older one keeps equal texts apart
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
    /// Tokens that a worker puts before the model at once; a single longer window goes alone
    #[arg(long, env = "BAKEOFF_MAX_BATCH_TOKENS", value_name = "N", default_value_t = DEFAULTS.max_batch_tokens)]
    max_batch_tokens: NonZeroUsize,
    /// Tokens that may wait for a worker; requests beyond them are refused with 429
    #[arg(long, env = "BAKEOFF_MAX_QUEUE_TOKENS", value_name = "N", default_value_t = DEFAULTS.admission.max_queue_tokens)]
    max_queue_tokens: NonZeroUsize,
    /// The longest that a question may have to wait for a worker, by the pace so far; requests beyond are refused with 429
    #[arg(long, env = "BAKEOFF_MAX_QUEUE_DELAY", value_name = "TIME", default_value_t = Time(DEFAULTS.admission.max_queue_delay))]
    max_queue_delay: Time,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// How long a request may take from its arrival to its answer; then it is answered with 504
    #[arg(long, env = "BAKEOFF_TIMEOUT", value_name = "TIME", value_parser = positive, default_value_t = Time(DEFAULTS.limits.timeout))]
    timeout: Time,
    /// How long the head of a request may take to arrive, and then its body, even if bytes keep coming; 408
    #[arg(long, env = "BAKEOFF_READ_TIMEOUT", value_name = "TIME", value_parser = positive, default_value_t = Time(DEFAULTS.limits.read_timeout))]
    read_timeout: Time,
    /// How long a connection stays open without a request; let load balancers keep theirs for less
    #[arg(long, env = "BAKEOFF_IDLE_TIMEOUT", value_name = "TIME", value_parser = positive, default_value_t = Time(DEFAULTS.limits.idle_timeout))]
    idle_timeout: Time,
    /// The longest request body; longer ones are refused with 413
    #[arg(long, env = "BAKEOFF_MAX_BODY_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.max_body_bytes)]
    max_body_bytes: usize,
    /// All request bodies together that are being read or wait to be parsed, beside 16 KiB for each; those beyond are refused with 503
    #[arg(long, env = "BAKEOFF_BODY_MEMORY_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.body_memory_bytes)]
    body_memory_bytes: usize,
    /// The largest answer to a request; larger ones are refused with 413 before they are made
    #[arg(long, env = "BAKEOFF_MAX_ANSWER_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.max_answer_bytes)]
    max_answer_bytes: usize,
    /// All answers together that are made or wait for their clients, beside 16 KiB for each; those beyond are refused with 503
    #[arg(long, env = "BAKEOFF_ANSWER_MEMORY_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.answer_memory_bytes)]
    answer_memory_bytes: usize,
    /// Questions in one request; more are refused with 422
    #[arg(long, env = "BAKEOFF_MAX_ITEMS", value_name = "N", default_value_t = DEFAULTS.limits.max_items)]
    max_items: NonZeroUsize,
    /// The longest question in characters; longer ones are refused with 422
    #[arg(long, env = "BAKEOFF_MAX_QUESTION_CHARS", value_name = "N", default_value_t = DEFAULTS.limits.max_question_chars)]
    max_question_chars: NonZeroUsize,
    /// The longest context in characters; longer ones are refused with 422
    #[arg(long, env = "BAKEOFF_MAX_CONTEXT_CHARS", value_name = "N", default_value_t = DEFAULTS.limits.max_context_chars)]
    max_context_chars: NonZeroUsize,
    /// The largest head of a request; larger ones, and those with over 100 header lines, are refused with 431
    #[arg(long, env = "BAKEOFF_MAX_HEADER_BYTES", value_name = "N", default_value_t = DEFAULTS.limits.max_header_bytes)]
    max_header_bytes: NonZeroUsize,
    /// Connections at once; more wait to be accepted, probes included: see --metrics-port. Fewer where the system gives fewer open files, which is logged
    #[arg(long, env = "BAKEOFF_MAX_CONNECTIONS", value_name = "N", default_value_t = DEFAULTS.limits.max_connections)]
    max_connections: NonZeroU32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
struct AccessArgs {
    /// Regular file with one API key a line, any of which clients must send as `Authorization: Bearer KEY`; probes and /docs need none. # starts a comment. SIGHUP has it read again
    #[arg(long, env = "BAKEOFF_API_KEY_FILE", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Web origin, such as http://localhost:3000, whose pages may ask, or * for all; may be repeated [default: none]
    #[arg(
        long = "cors-origin",
        env = "BAKEOFF_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    cors_origins: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct WatchArgs {
    /// Port of a private listener for /metrics, which leaves the public one; it also answers /health and /ready, even when all connections are taken. 0 picks a free one [default: none]
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
    /// How log lines look; what is logged is set with BAKEOFF_LOG, such as warn or bakeoff::request=off
    #[arg(
        long,
        env = "BAKEOFF_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Shutdown by SIGTERM or ctrl-C; a second one ends at once")]
struct ShutdownArgs {
    /// How long requests are still taken while /ready says 503 and responses close their connections; behind a load balancer, longer than it takes to notice
    #[arg(long, env = "BAKEOFF_DRAIN_DELAY", value_name = "TIME", default_value_t = Time(DEFAULTS.drain_delay))]
    drain_delay: Time,
    /// How long after that requests in flight may take; those that take longer are cut off [default: --timeout and a second, within which every request is answered]
    #[arg(long, env = "BAKEOFF_DRAIN_TIME", value_name = "TIME")]
    drain_time: Option<Time>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl ServeArgs {
    /// What the library is told.
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

/// A time, as people write and read it.
#[derive(Debug, Clone, Copy)]
struct Time(Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match super::duration(text)? {
            time if time > LONGEST => Err("must be at most a year".into()),
            time => Ok(Self(time)),
        }
    }
}

/// Far from where clocks overflow.
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
