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
    /// Print runs side by side, with the differences to the first
    Compare {
        /// Numbers of the runs
        #[arg(value_name = "RUN", num_args = 2.., required = true)]
        runs: Vec<i64>,
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
    /// Add runs from records, such as those of export or of swarm --record
    Import {
        /// Records
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Delete runs for good
    Rm {
        /// Numbers of the runs
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<i64>,
    },
}
