//! Arguments that choose a model, for `bakeoff serve` and `bakeoff eval`, and arguments of `bakeoff model`.

use std::path::PathBuf;

use bakeoff_hub::{ModelName, Revision};
use bakeoff_qa::Weights;
use bakeoff_qa::backend::{Dtype, Isa};
use clap::{Args, Subcommand, ValueEnum};

/// The model and the way to run its weights.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Model folder, or the name of a pulled model. The folder has config.json, tokenizer.json or vocabulary files, and model.safetensors or model.onnx
    /// [default: the bundled model]
    #[arg(long, env = "BAKEOFF_MODEL", value_name = "DIR|NAME")]
    pub(crate) model: Option<PathBuf>,
    /// Weights to run if the folder has both [default: safetensors, unless the architecture only runs from ONNX]
    #[arg(long, env = "BAKEOFF_WEIGHTS", value_name = "KIND")]
    pub(crate) weights: Option<WeightsArg>,
    /// Precision of the linear layers, for safetensors: int8, bf16 (if the CPU has it) or f32 [default: int8]
    #[arg(long, env = "BAKEOFF_DTYPE", value_name = "DTYPE")]
    pub(crate) dtype: Option<Dtype>,
    /// Instruction set, for safetensors: avx512-bf16, avx512, avx512-bw, avx-vnni, avx2, neon-dotprod, neon or portable [default: the best of the CPU]
    #[arg(long, env = "BAKEOFF_ISA", value_name = "ISA")]
    pub(crate) isa: Option<Isa>,
}

/// A kind of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightsArg {
    /// model.safetensors, or several such files with an index.
    Safetensors,
    /// model.onnx, or another usual place of an ONNX graph.
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
    /// Download a model into the cache of huggingface_hub, and print its folder
    ///
    /// The variables HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN and HF_HUB_OFFLINE apply. An interrupted download is resumed.
    Pull {
        /// Name of the model, such as deepset/tinyroberta-squad2
        #[arg(value_name = "OWNER/NAME")]
        name: ModelName,
        /// Branch, tag or commit
        #[arg(long, value_name = "REVISION", default_value = bakeoff_hub::MAIN)]
        revision: Revision,
    },
}
