//! Which model, in `bakeoff serve` and `bakeoff eval`, and the command line of `bakeoff model`.

use std::path::PathBuf;

use bakeoff_hub::ModelName;
use bakeoff_qa::backend::{Dtype, Isa};
use clap::{Args, Subcommand};

/// Which model answers, and how its weights are run.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Folder with config.json, tokenizer.json, and model.safetensors or model.onnx, or the name of a model that was pulled [default:
    /// the bundled model]
    #[arg(long, env = "BAKEOFF_MODEL", value_name = "DIR|NAME")]
    pub(crate) model: Option<PathBuf>,
    /// Precision of linear layers, for safetensors: int8, bf16 where the CPU has it, or f32 [default: int8]
    #[arg(long, env = "BAKEOFF_DTYPE", value_name = "DTYPE")]
    pub(crate) dtype: Option<Dtype>,
    /// Instructions, for safetensors: avx512-bf16, avx512, avx-vnni, avx2, neon-dotprod or portable [default: the best that the CPU has]
    #[arg(long, env = "BAKEOFF_ISA", value_name = "ISA")]
    pub(crate) isa: Option<Isa>,
}

#[derive(Debug, Args)]
pub(crate) struct ModelCommandArgs {
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Bring a model into the cache that Python's libraries share, and print its folder
    ///
    /// HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN and HF_HUB_OFFLINE are obeyed. A transfer that broke off goes on where it did.
    Pull {
        /// Name of the model, such as deepset/tinyroberta-squad2
        #[arg(value_name = "OWNER/NAME")]
        name: ModelName,
        /// Branch, tag or commit
        #[arg(long, value_name = "REVISION", default_value = bakeoff_hub::MAIN)]
        revision: String,
    },
}
