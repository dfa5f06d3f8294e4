//! Arguments of `bakeoff eval`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::ModelArgs;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// SQuAD file, as JSON or gzipped JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Worker threads [default: one per physical core]
    #[arg(long, env = "BAKEOFF_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}
