//! Which model, in `bakeoff serve` and `bakeoff eval`, and the command line of `bakeoff model`.

use std::path::PathBuf;

use bakeoff_hub::{ModelName, Revision};
use bakeoff_qa::Weights;
use bakeoff_qa::backend::{Dtype, Isa};
use clap::{Args, Subcommand, ValueEnum};

/// Which model answers, and how its weights are run.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Folder with config.json, tokenizer.json or the files of a vocabulary, and model.safetensors or model.onnx, or the name of a model that was pulled [default:
    /// the bundled model]
    #[arg(long, env = "BAKEOFF_MODEL", value_name = "DIR|NAME")]
    pub(crate) model: Option<PathBuf>,
    /// Weights that are run where the folder has both: safetensors or onnx [default: safetensors, unless the architecture only runs from
    /// ONNX]
    #[arg(long, env = "BAKEOFF_WEIGHTS", value_name = "KIND")]
    pub(crate) weights: Option<WeightsArg>,
    /// Precision of linear layers, for safetensors: int8, bf16 where the CPU has it, or f32 [default: int8]
    #[arg(long, env = "BAKEOFF_DTYPE", value_name = "DTYPE")]
    pub(crate) dtype: Option<Dtype>,
    /// Instructions, for safetensors: avx512-bf16, avx512, avx512-bw, avx-vnni, avx2, neon-dotprod, neon or portable [default: the best that the CPU has]
    #[arg(long, env = "BAKEOFF_ISA", value_name = "ISA")]
    pub(crate) isa: Option<Isa>,
}

/// A kind of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightsArg {
    /// model.safetensors, or several such files with an index.
    Safetensors,
    /// model.onnx, or where else exporters put a graph.
    Onnx,
}

impl From<WeightsArg> for Weights {
    fn from(weights: WeightsArg) -> Self {
        match weights {
            WeightsArg::Safetensors => Self::Safetensors,
            WeightsArg::Onnx => Self::Onnx,
        }
    }
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
        revision: Revision,
    },
}
