//! Arguments of `bakeoff runs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// File that keeps all runs [default: bakeoff/history.sqlite in the user's data folder]
    #[arg(long, env = "BAKEOFF_STORE", value_name = "FILE", global = true)]
    pub(crate) store: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first
    List {
        /// List only runs that have all of these words in their name, host, load, notes or tags
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Print the statistics of a run, as at the end of swarm
    Show {
        /// Number of the run in the list
        #[arg(value_name = "RUN")]
        run: i64,
    },
    /// Print runs side by side, with differences to the first run and the limits of the comparison
    Compare {
        /// Numbers of the runs
        #[arg(value_name = "RUN", num_args = 2.., required = true)]
        runs: Vec<i64>,
        /// Also write the comparison as an HTML page
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Also write the comparison as Markdown
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
    },
    /// Export the record of a run as JSON
    Export {
        /// Number of the run
        #[arg(value_name = "RUN")]
        run: i64,
        /// File to write [default: stdout]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Import runs from records of Bakeoff and from output files of Locust, k6 and wrk
    ///
    /// Records are files of `runs export` and `swarm --record`. Other formats are Locust's PREFIX_stats.csv, with the files beside it,
    /// Locust's --json, k6's --summary-export and the text of wrk. They have less detail than a record, so these runs are marked as coarse.
    Import {
        /// Files to import; their content tells their format
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Name of the run, if there is only one file [default: the name in the record, else the file name]
        #[arg(long)]
        name: Option<String>,
    },
    /// Delete runs permanently
    Rm {
        /// Numbers of the runs
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<i64>,
    },
}
