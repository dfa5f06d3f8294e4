//! Question-answering encoders of the BERT family on a CPU, straight from safetensors.
//!
//! The weights are packed for the CPU's instructions when they are loaded, as eight-bit integers unless told otherwise. A
//! batch is one run of tokens without padding. Calls may come from several threads at once; a call that finds threads of
//! the engine idle works on them too.
//!
//! This is the one crate with `unsafe`: vector instructions, and threads that write to different places of one buffer. Each
//! block says why it is sound.
//!
//! ```no_run
//! use bakeoff_encoder::{Encoder, EncoderOptions, Logits, Tokens};
//!
//! let encoder = Encoder::open("models/minilm-squad".as_ref(), &EncoderOptions::default())?;
//! let mut logits = Logits::default();
//! let tokens = Tokens { input_ids: &[101, 2073, 102, 2182, 102], token_type_ids: &[0, 0, 0, 1, 1], cumulative_lengths: &[0, 5] };
//! encoder.forward(&tokens, &mut logits)?;
//! assert_eq!(logits.start.len(), 5);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod buffer;
mod config;
mod encoder;
mod error;
mod family;
mod forward;
mod gemm;
mod isa;
mod kernels;
mod layers;
mod linear;
mod model;
mod rate;
mod safetensors;
mod simd;
mod team;

pub use crate::encoder::{Encoder, EncoderOptions, Logits, Tokens};
pub use crate::error::{ForwardError, LoadError};
pub use crate::family::runs;
pub use crate::isa::{Dtype, Isa};
#[doc(hidden)]
pub use crate::rate::linear_rate;
pub use crate::safetensors::{INDEX, WEIGHTS, weight_files};
