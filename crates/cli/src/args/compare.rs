//! Arguments of `bakeoff compare`, in the groups of its help.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bakeoff_compare::{parse_percent, parse_share, parse_slo};
use bakeoff_record::Slo;
use clap::Args;

use super::value::positive_duration;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Experiment file: the contenders, the load and the plan
    #[arg(
        env = "BAKEOFF_EXPERIMENT",
        value_name = "FILE",
        default_value = "bakeoff.toml"
    )]
    pub(crate) experiment: PathBuf,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    #[command(flatten)]
    pub(crate) load: ExperimentLoadArgs,
    #[command(flatten)]
    pub(crate) files: ReportArgs,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
}

/// Contenders and the number of their turns.
#[derive(Debug, Args)]
#[command(next_help_heading = "Contenders and blocks")]
pub(crate) struct PlanArgs {
    /// Run only these contenders
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Fail if a contender cannot take part
    #[arg(long)]
    pub(crate) strict: bool,
    /// Number of blocks; a block is one turn of every contender. Too few blocks give figures without a verdict [default: from the experiment]
    #[arg(long, value_name = "N")]
    pub(crate) blocks: Option<NonZeroU32>,
    /// Run the fewest blocks that can show a difference
    #[arg(long, conflicts_with = "blocks")]
    pub(crate) quick: bool,
    /// Add blocks until the confidence interval of every comparison is this narrow to either side, such as 3%
    #[arg(long, value_name = "PERCENT", value_parser = parse_share)]
    pub(crate) until: Option<f64>,
    /// Most blocks with --until [default: from the experiment, else 50]
    #[arg(long, value_name = "N", requires = "until")]
    pub(crate) max_blocks: Option<NonZeroU32>,
    /// Seed of all random choices [default: from the experiment]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// The load of each turn.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct ExperimentLoadArgs {
    /// Number of concurrent users in each turn [default: from the experiment, else from the scenario]
    #[arg(short, long, value_name = "N")]
    pub(crate) users: Option<NonZeroU32>,
    /// Measured period of each turn [default: from the experiment]
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    pub(crate) measure: Option<Duration>,
    /// Increase the users step by step, to find the saturation point of every contender
    #[arg(long)]
    pub(crate) sweep: bool,
    /// Service level objective, such as 'p95 < 500ms'; a sweep finds the highest rate that meets it
    #[arg(long, value_name = "OBJECTIVE", value_parser = parse_slo)]
    pub(crate) slo: Option<Slo>,
    /// Also measure an open model at these shares of the rate that the slowest contender can serve, such as 50%,80%
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = parse_share)]
    pub(crate) open: Vec<f64>,
}

/// Files to write.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output files")]
pub(crate) struct ReportArgs {
    /// Write the report for a browser
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) html: PathBuf,
    /// Write the report as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the full record of the experiment as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the figures of every turn as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write the charts as SVG files into this folder; the Markdown report shows them
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the charts as PNG files into this folder; the Markdown report shows them, unless there is --svg
    #[arg(long, value_name = "DIR")]
    pub(crate) png: Option<PathBuf>,
    /// Write the verdicts as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// Limits that make the exit code 1.
#[derive(Debug, Args)]
#[command(next_help_heading = "Exit code")]
pub(crate) struct GateArgs {
    /// Exit with 1 if a contender is shown to be worse than the baseline by more than this, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) fail_if_worse: Option<f64>,
    /// Exit with 1 unless every contender is shown to be at most this much worse than the baseline, such as 10%; a contender without a verdict fails this check
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) fail_unless_not_worse: Option<f64>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Cli, Command};

    #[test]
    fn every_flag_reads_percentages_alike() {
        for text in ["5", "5%"] {
            let flags = [
                "--until",
                "--open",
                "--fail-if-worse",
                "--fail-unless-not-worse",
            ];
            let flags = flags.into_iter().flat_map(|flag| [flag, text]);
            let cli = Cli::try_parse_from(["bakeoff", "compare"].into_iter().chain(flags));
            let Command::Compare(args) = cli.unwrap().command else {
                panic!("another command");
            };
            assert_eq!(args.plan.until, Some(0.05), "{text}");
            assert_eq!(args.load.open, [0.05], "{text}");
            assert_eq!(args.gates.fail_if_worse, Some(0.05), "{text}");
            assert_eq!(args.gates.fail_unless_not_worse, Some(0.05), "{text}");
        }
    }
}
