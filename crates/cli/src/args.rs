//! The command line.

#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help texts, which are no Markdown"
)]

mod environment;
mod model;
mod number;
mod runs;
mod serve;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bakeoff_record::Slo;
use bakeoff_web::Login;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::output::say;

pub(crate) use self::model::{ModelArgs, ModelCommand, ModelCommandArgs};
pub(crate) use self::runs::{RunsArgs, RunsCommand};
pub(crate) use self::serve::{LogFormat, ServeArgs};

/// Finds out which way of serving a model is better, by how much, and how sure that is.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The command line of this process, and the variables that stand for its flags.
    ///
    /// # Errors
    /// The exit code after help was printed, or what is wrong and with which flag or variable.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let mut command = environment::without_idle_variables(Self::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let read = matches.and_then(|mut matches| Self::from_arg_matches_mut(&mut matches));
        read.map_err(|error| {
            let code = error.exit_code();
            let variables = environment::named_by(&error, &command);
            // Nothing is left to do where stderr is closed.
            let _ = number::in_words(error, &mut command).print();
            if !variables.is_empty() {
                let variables = variables.join(", ");
                say(&format!(
                    "hint: the value is that of the variable {variables}"
                ));
            }
            ExitCode::from(u8::try_from(code).unwrap_or(2))
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer questions about texts at POST /question_answering
    Serve(ServeArgs),
    /// Put a load on an HTTP server, as Locust does
    Swarm(Box<SwarmArgs>),
    /// Look at, compare, carry over and delete the runs that swarm has kept
    Runs(RunsArgs),
    /// Start every contender, give each the same load, and say which is better
    Compare(CompareArgs),
    /// Measure a model's exact match and F1 on a SQuAD file
    Eval(EvalArgs),
    /// Bring models from the Hugging Face Hub
    Model(ModelCommandArgs),
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct SwarmArgs {
    /// Classes of users that take part [default: all of the scenario's]
    #[arg(value_name = "USER_CLASS")]
    pub(crate) user_classes: Vec<String>,
    /// Scenario file: what users do
    #[arg(short = 'f', long, env = "BAKEOFF_SCENARIO", value_name = "FILE")]
    pub(crate) scenario: PathBuf,
    /// Base address of the server under load, such as http://127.0.0.1:8000 [default: the scenario's]
    #[arg(short = 'H', long, env = "LOCUST_HOST", value_name = "URL")]
    pub(crate) host: Option<String>,
    /// Users active at once [default: the scenario's]
    #[arg(short, long, env = "LOCUST_USERS", value_name = "N")]
    pub(crate) users: Option<NonZeroU32>,
    /// Users started per second [default: the scenario's]
    #[arg(short = 'r', long, env = "LOCUST_SPAWN_RATE", value_name = "RATE", value_parser = spawn_rate)]
    pub(crate) spawn_rate: Option<f64>,
    /// Requests that arrive per second whatever became of those before, instead of users
    #[arg(long, env = "BAKEOFF_ARRIVAL_RATE", value_name = "RATE", value_parser = spawn_rate, conflicts_with_all = ["users", "spawn_rate"])]
    pub(crate) arrival_rate: Option<f64>,
    /// Requests in flight at which further arrivals are counted and not sent [default: the scenario's, else 1000]
    #[arg(long, env = "BAKEOFF_MAX_IN_FLIGHT", value_name = "N", conflicts_with_all = ["users", "spawn_rate"])]
    pub(crate) max_in_flight: Option<NonZeroU32>,
    /// End after so many tasks of all users together
    #[arg(short, long, env = "LOCUST_ITERATIONS", value_name = "N")]
    pub(crate) iterations: Option<NonZeroU64>,
    /// Measure only once all users have started; the run time begins then
    #[arg(long, env = "LOCUST_RESET_STATS", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) reset_stats: bool,
    /// How long to run, such as 60s or 1h30m [default: the scenario's, else until ctrl-C]
    #[arg(short = 't', long, env = "LOCUST_RUN_TIME", value_name = "TIME", value_parser = positive_duration)]
    pub(crate) run_time: Option<Duration>,
    /// Only tasks with one of these tags
    #[arg(short = 'T', long, env = "LOCUST_TAGS", value_name = "TAG", value_delimiter = ',', num_args = 1..)]
    pub(crate) tags: Vec<String>,
    /// No task with one of these tags
    #[arg(short = 'E', long, env = "LOCUST_EXCLUDE_TAGS", value_name = "TAG", value_delimiter = ',', num_args = 1..)]
    pub(crate) exclude_tags: Vec<String>,
    /// Take whatever certificate the server shows
    #[arg(short = 'k', long, env = "BAKEOFF_INSECURE", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) insecure: bool,
    /// Speak HTTP/2 [default: the scenario's `http`, else HTTP/1.1]
    #[arg(long, env = "BAKEOFF_HTTP2", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) http2: bool,
    /// How long requests in flight at the end may take before they count as failures without an answer
    #[arg(short = 's', long, env = "LOCUST_STOP_TIMEOUT", value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(crate) stop_timeout: Duration,
    /// Exit code when requests failed that no threshold speaks of [default: 1]
    #[arg(long, env = "LOCUST_EXIT_CODE_ON_ERROR", value_name = "CODE")]
    pub(crate) exit_code_on_error: Option<u8>,
    /// Threads that drive users [default: one per core]
    #[arg(long, env = "BAKEOFF_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Seed of every random choice
    #[arg(long, env = "BAKEOFF_SEED", value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Start at once, without the web page
    #[arg(long, env = "LOCUST_HEADLESS", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) headless: bool,
    /// Address of the web page
    #[arg(
        long,
        env = "LOCUST_WEB_HOST",
        value_name = "HOST",
        default_value = "127.0.0.1"
    )]
    pub(crate) web_host: String,
    /// Port of the web page
    #[arg(
        short = 'P',
        long,
        env = "LOCUST_WEB_PORT",
        value_name = "PORT",
        default_value_t = 8089
    )]
    pub(crate) web_port: u16,
    /// User and password that the web page asks for, as USER:PASSWORD; safer in the environment, where others do not see it
    #[arg(
        long,
        env = "BAKEOFF_WEB_LOGIN",
        value_name = "LOGIN",
        hide_env_values = true
    )]
    pub(crate) web_login: Option<Login>,
    /// Experiment file that can be started from the page, which runs the commands in it [default: bakeoff.toml where it lies here]
    #[arg(long, value_name = "FILE")]
    pub(crate) experiment: Vec<PathBuf>,
    /// File that keeps every run started from the page [default: bakeoff/history.sqlite in the user's data folder]
    #[arg(long, env = "BAKEOFF_STORE", value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Send metrics to an OpenTelemetry collector at this address every 10 seconds and at the end, as OTLP over HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// The same, to OTEL_EXPORTER_OTLP_ENDPOINT, else http://127.0.0.1:4318
    #[arg(long, env = "LOCUST_ENABLE_OPENTELEMETRY", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) otel: bool,
    /// Label of the run: a tag in the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) profile: Option<String>,
    /// Write a report that a browser shows
    #[arg(long, env = "LOCUST_HTML", value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write PREFIX_stats.csv, _stats_history.csv, _failures.csv and _exceptions.csv while it runs, as Locust does
    #[arg(long, env = "LOCUST_CSV", value_name = "PREFIX")]
    pub(crate) csv: Option<PathBuf>,
    /// With a row for each request name in _stats_history.csv
    #[arg(long, env = "LOCUST_CSV_FULL_HISTORY", requires = "csv", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) csv_full_history: bool,
    /// Print the statistics as Locust's JSON to stdout, and everything else to stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the same to PREFIX.json
    #[arg(long, value_name = "PREFIX")]
    pub(crate) json_file: Option<PathBuf>,
    /// Write the whole record of the run as JSON
    #[arg(long, env = "BAKEOFF_RECORD", value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Write a summary as Markdown; where GITHUB_STEP_SUMMARY is set, it is added to that file in any case
    #[arg(long, env = "BAKEOFF_MARKDOWN", value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the thresholds as JUnit XML
    #[arg(long, env = "BAKEOFF_JUNIT", value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Print the final statistics alone, none while it runs
    #[arg(long, env = "LOCUST_ONLY_SUMMARY", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) only_summary: bool,
    /// Print no statistics at all
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Experiment file: who takes part, in what
    #[arg(
        env = "BAKEOFF_EXPERIMENT",
        value_name = "FILE",
        default_value = "bakeoff.toml"
    )]
    pub(crate) experiment: PathBuf,
    /// Only these contenders
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Turns of every contender, also fewer than a verdict needs [default: the experiment's]
    #[arg(long, value_name = "N")]
    pub(crate) blocks: Option<NonZeroU32>,
    /// Few turns of every contender: the fewest that can show a difference
    #[arg(long, conflicts_with = "blocks")]
    pub(crate) quick: bool,
    /// Measured period of each turn [default: the experiment's]
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    pub(crate) measure: Option<Duration>,
    /// Users in each turn [default: the experiment's, else the scenario's]
    #[arg(short, long, value_name = "N")]
    pub(crate) users: Option<NonZeroU32>,
    /// Seed of every random choice [default: the experiment's]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Look for the knee of every contender, with more and more users
    #[arg(long)]
    pub(crate) sweep: bool,
    /// What response times have to be like, such as 'p95 < 500ms'; a sweep finds the highest rate at which they are
    #[arg(long, value_name = "OBJECTIVE", value_parser = bakeoff_compare::parse_slo)]
    pub(crate) slo: Option<Slo>,
    /// Let requests arrive at these shares of what the slowest contender can do, such as 50%,80%
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = bakeoff_compare::parse_percent)]
    pub(crate) open: Vec<f64>,
    /// Go on until the interval of every comparison is that narrow to either side, such as 3%
    #[arg(long, value_name = "PERCENT", value_parser = bakeoff_compare::parse_percent)]
    pub(crate) until: Option<f64>,
    /// Blocks up to which it goes on with --until [default: the experiment's, else 50]
    #[arg(long, value_name = "N", requires = "until")]
    pub(crate) max_blocks: Option<NonZeroU32>,
    /// Fail when a contender cannot take part
    #[arg(long)]
    pub(crate) strict: bool,
    /// Report that a browser shows
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) html: PathBuf,
    /// Write the report as Markdown too
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the record of the experiment as JSON too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the figures of every turn as CSV too
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write the report's pictures as SVG files into this folder; the Markdown report shows them
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the report's pictures as PNG files into this folder; the Markdown report shows them
    #[arg(long, value_name = "DIR")]
    pub(crate) png: Option<PathBuf>,
    /// Write the verdicts as JUnit XML too
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// End with 1 when a contender is shown to be worse than the baseline by more than this, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_if_worse: Option<f64>,
    /// End with 1 unless every contender is shown to be at most this much worse than the baseline, such as 10%; without a
    /// verdict nothing is shown
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_unless_not_worse: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// SQuAD file, plain or gzipped
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Threads that answer [default: one per physical core]
    #[arg(long, env = "BAKEOFF_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// A time such as `90s`, `1h30m` or, as Locust has it, a bare number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    bakeoff_load::parse_duration(text)
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be above zero".into()),
        time => Ok(time),
    }
}

/// A percentage such as `5%` or `5` as the ratio 0.05.
fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(percent) if percent >= 0.0 && percent.is_finite() => Ok(percent / 100.0),
        _ => Err("must be a percentage such as 5%".into()),
    }
}

fn spawn_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("must be a number above zero".into()),
    }
}
