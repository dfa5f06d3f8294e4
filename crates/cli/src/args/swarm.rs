//! Arguments of `bakeoff swarm`, in the groups of its help.
//!
//! [`crate::commands::swarm`] resolves them against the scenario once, before the load starts.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bakeoff_web::Login;
use clap::Args;
use clap::builder::BoolishValueParser;

use super::value::{duration, positive_duration, rate};

#[derive(Debug, Args)]
pub(crate) struct SwarmArgs {
    /// User classes that take part [default: all classes of the scenario]
    #[arg(value_name = "USER_CLASS")]
    pub(crate) user_classes: Vec<String>,
    /// Scenario file: the tasks of the users and their requests
    #[arg(short = 'f', long, env = "BAKEOFF_SCENARIO", value_name = "FILE")]
    pub(crate) scenario: PathBuf,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) outcome: OutcomeArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}

/// Users or arrivals, and the length of the test.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Peak number of concurrent users [default: from the scenario]
    #[arg(short, long, env = "LOCUST_USERS", value_name = "N")]
    pub(crate) users: Option<NonZeroU32>,
    /// Users started per second [default: from the scenario]
    #[arg(short = 'r', long, env = "LOCUST_SPAWN_RATE", value_name = "RATE", value_parser = rate)]
    pub(crate) spawn_rate: Option<f64>,
    /// Open model, in place of users: requests started per second, even if earlier ones have no answer yet
    #[arg(long, env = "BAKEOFF_ARRIVAL_RATE", value_name = "RATE", value_parser = rate, conflicts_with_all = ["users", "spawn_rate"])]
    pub(crate) arrival_rate: Option<f64>,
    /// Most requests in flight in an open model; arrivals above it are counted, but not sent [default: from the scenario, else 1000]
    #[arg(long, env = "BAKEOFF_MAX_IN_FLIGHT", value_name = "N", conflicts_with_all = ["users", "spawn_rate"])]
    pub(crate) max_in_flight: Option<NonZeroU32>,
    /// Duration of the test, such as 60s or 1h30m [default: from the scenario, else until ctrl-C]
    #[arg(short = 't', long, env = "LOCUST_RUN_TIME", value_name = "TIME", value_parser = positive_duration)]
    pub(crate) run_time: Option<Duration>,
    /// Stop after this number of tasks, counted over all users
    #[arg(short, long, env = "LOCUST_ITERATIONS", value_name = "N")]
    pub(crate) iterations: Option<NonZeroU64>,
    /// Reset the statistics once all users have started; the run time begins then
    #[arg(long, env = "LOCUST_RESET_STATS", value_parser = BoolishValueParser::new())]
    pub(crate) reset_stats: bool,
    /// Time to wait at the end for requests in flight; those without an answer then count as failures
    #[arg(short = 's', long, env = "LOCUST_STOP_TIMEOUT", value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(crate) stop_timeout: Duration,
    /// Run only the tasks that have one of these tags
    #[arg(short = 'T', long, env = "LOCUST_TAGS", value_name = "TAG", value_delimiter = ',', num_args = 1..)]
    pub(crate) tags: Vec<String>,
    /// Do not run the tasks that have one of these tags
    #[arg(short = 'E', long, env = "LOCUST_EXCLUDE_TAGS", value_name = "TAG", value_delimiter = ',', num_args = 1..)]
    pub(crate) exclude_tags: Vec<String>,
    /// Threads that run the users [default: one per core]
    #[arg(long, env = "BAKEOFF_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Seed of all random choices
    #[arg(long, env = "BAKEOFF_SEED", value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// The server under load and the connections to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server under load")]
pub(crate) struct ServerArgs {
    /// Base URL, such as http://127.0.0.1:8000 [default: `host` of the scenario]
    #[arg(short = 'H', long, env = "LOCUST_HOST", value_name = "URL")]
    pub(crate) host: Option<String>,
    /// Use HTTP/2 [default: `http` of the scenario, else HTTP/1.1]
    #[arg(long, env = "BAKEOFF_HTTP2", value_parser = BoolishValueParser::new())]
    pub(crate) http2: bool,
    /// Accept any TLS certificate
    #[arg(short = 'k', long, env = "BAKEOFF_INSECURE", value_parser = BoolishValueParser::new())]
    pub(crate) insecure: bool,
}

/// The web page, or none.
#[derive(Debug, Args)]
#[command(next_help_heading = "Web page")]
pub(crate) struct PageArgs {
    /// Start the test at once, without the web page
    #[arg(long, env = "LOCUST_HEADLESS", value_parser = BoolishValueParser::new())]
    pub(crate) headless: bool,
    /// Address that the page listens on
    #[arg(
        long,
        env = "LOCUST_WEB_HOST",
        value_name = "HOST",
        default_value = "127.0.0.1"
    )]
    pub(crate) web_host: String,
    /// Port that the page listens on; 0 picks a free one
    #[arg(
        short = 'P',
        long,
        env = "LOCUST_WEB_PORT",
        value_name = "PORT",
        default_value_t = 8089
    )]
    pub(crate) web_port: u16,
    /// Login of the page, as USER:PASSWORD; safer in the variable, since other users of the machine can read command lines
    #[arg(
        long,
        env = "BAKEOFF_WEB_LOGIN",
        value_name = "LOGIN",
        hide_env_values = true
    )]
    pub(crate) web_login: Option<Login>,
    /// Experiment file that can be started from the page, which then runs the commands in the file; may be repeated [default: bakeoff.toml in the current folder, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) experiment: Vec<PathBuf>,
}

/// The entry of the run in the history.
#[derive(Debug, Args)]
#[command(next_help_heading = "History")]
pub(crate) struct HistoryArgs {
    /// File that keeps all runs [default: bakeoff/history.sqlite in the user's data folder]
    #[arg(long, env = "BAKEOFF_STORE", value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Label of the run, kept as a tag
    #[arg(long, value_name = "TEXT")]
    pub(crate) profile: Option<String>,
}

/// Files to write.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output files")]
pub(crate) struct FileArgs {
    /// Write a report for a browser
    #[arg(long, env = "LOCUST_HTML", value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write Locust's CSV files while the test runs: PREFIX_stats.csv, PREFIX_stats_history.csv, PREFIX_failures.csv and PREFIX_exceptions.csv
    #[arg(long, env = "LOCUST_CSV", value_name = "PREFIX")]
    pub(crate) csv: Option<PathBuf>,
    /// Add a row for each request name to PREFIX_stats_history.csv
    #[arg(long, env = "LOCUST_CSV_FULL_HISTORY", requires = "csv", value_parser = BoolishValueParser::new())]
    pub(crate) csv_full_history: bool,
    /// Write the statistics as Locust's JSON to PREFIX.json
    #[arg(long, value_name = "PREFIX")]
    pub(crate) json_file: Option<PathBuf>,
    /// Write the full record of the run as JSON
    #[arg(long, env = "BAKEOFF_RECORD", value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Write a summary as Markdown; it is also added to the file in GITHUB_STEP_SUMMARY, if that is set
    #[arg(long, env = "BAKEOFF_MARKDOWN", value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the thresholds as JUnit XML
    #[arg(long, env = "BAKEOFF_JUNIT", value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// Statistics on the terminal, and the exit code.
#[derive(Debug, Args)]
#[command(next_help_heading = "Terminal and exit code")]
pub(crate) struct OutcomeArgs {
    /// Print the statistics as Locust's JSON on stdout, and everything else on stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// Print statistics at the end only
    #[arg(long, env = "LOCUST_ONLY_SUMMARY", value_parser = BoolishValueParser::new())]
    pub(crate) only_summary: bool,
    /// Print no statistics
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Exit code if a request failed and no threshold is about failures [default: 1]
    #[arg(long, env = "LOCUST_EXIT_CODE_ON_ERROR", value_name = "CODE")]
    pub(crate) exit_code_on_error: Option<u8>,
}

/// The OpenTelemetry collector.
#[derive(Debug, Args)]
#[command(next_help_heading = "Telemetry, with --headless")]
pub(crate) struct TelemetryArgs {
    /// Send metrics to the OpenTelemetry collector at this URL, as OTLP over HTTP, every 10 seconds and at the end
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// Send metrics to the collector at OTEL_EXPORTER_OTLP_ENDPOINT, else http://127.0.0.1:4318
    #[arg(long, env = "LOCUST_ENABLE_OPENTELEMETRY", value_parser = BoolishValueParser::new())]
    pub(crate) otel: bool,
}
