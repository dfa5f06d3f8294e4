//! The command line of `bakeoff runs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// File that keeps the runs [default: bakeoff/history.sqlite in the user's data folder]
    #[arg(long, env = "BAKEOFF_STORE", value_name = "FILE", global = true)]
    pub(crate) store: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first
    List {
        /// Only runs with each of these words in name, host, load, notes or tags
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Print the statistics of a run, as swarm did at its end
    Show {
        /// Number of the run, as list shows it
        #[arg(value_name = "RUN")]
        run: i64,
    },
    /// Print runs side by side, with the differences to the first and what they cannot tell
    Compare {
        /// Numbers of the runs
        #[arg(value_name = "RUN", num_args = 2.., required = true)]
        runs: Vec<i64>,
        /// Write the comparison as an HTML page as well
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Write the comparison as Markdown as well
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
    },
    /// Write the record of a run as JSON
    Export {
        /// Number of the run
        #[arg(value_name = "RUN")]
        run: i64,
        /// Where to [default: stdout]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Add runs from files: records of export or swarm --record, and what Locust, k6 and wrk wrote
    ///
    /// Read are Locust's PREFIX_stats.csv, with the files beside it, and its --json; k6's --summary-export; wrk's text.
    /// They hold less than a record does, so their runs are marked as coarse.
    Import {
        /// Files, each told by what is in it
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Name of the run, where there is one file [default: that in the record, else the name of the file]
        #[arg(long)]
        name: Option<String>,
    },
    /// Delete runs for good
    Rm {
        /// Numbers of the runs
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<i64>,
    },
}
