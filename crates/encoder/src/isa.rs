//! Instruction sets and precisions, and which of them the CPU has.

use std::fmt;
use std::str::FromStr;

use crate::error::LoadError;

/// Precision of the products of linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtype {
    /// Eight bits: weights by output channel, activations by token. The rest is f32, except attention products, which
    /// are bf16 where the CPU has it.
    #[default]
    Int8,
    /// bf16 with sums in f32.
    Bf16,
    /// f32 throughout: the reference.
    F32,
}

/// The instructions that kernels are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512 with VNNI and BF16.
    Avx512Bf16,
    /// AVX-512 with VNNI.
    Avx512,
    /// AVX2 and FMA with AVX-VNNI.
    AvxVnni,
    /// AVX-512 F, BW, DQ and VL, without VNNI.
    Avx512Bw,
    /// AVX2 and FMA.
    Avx2,
    /// NEON with products of bytes.
    NeonDotprod,
    /// NEON.
    Neon,
    /// Plain Rust, compiled for the target's baseline.
    Portable,
}

/// The names of all instruction sets, the best first.
const NAMES: [(&str, Isa); 8] = [
    ("avx512-bf16", Isa::Avx512Bf16),
    ("avx512", Isa::Avx512),
    ("avx512-bw", Isa::Avx512Bw),
    ("avx-vnni", Isa::AvxVnni),
    ("avx2", Isa::Avx2),
    ("neon-dotprod", Isa::NeonDotprod),
    ("neon", Isa::Neon),
    ("portable", Isa::Portable),
];

impl Isa {
    /// The best that this CPU has.
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// All that this CPU has, the best first.
    pub fn available() -> impl Iterator<Item = Self> {
        NAMES
            .into_iter()
            .map(|(_, isa)| isa)
            .filter(|isa| isa.is_available())
    }

    /// `true` if this CPU has the instructions.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512_bw = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            let avx512 = avx512_bw && is_x86_feature_detected!("avx512vnni");
            match self {
                Self::Avx512Bf16 => avx512 && is_x86_feature_detected!("avx512bf16"),
                Self::Avx512 => avx512,
                Self::AvxVnni => avx2 && is_x86_feature_detected!("avxvnni"),
                Self::Avx512Bw => avx512_bw,
                Self::Avx2 => avx2,
                Self::NeonDotprod | Self::Neon => false,
                Self::Portable => true,
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            let neon = std::arch::is_aarch64_feature_detected!("neon");
            let dotprod = neon && std::arch::is_aarch64_feature_detected!("dotprod");
            match self {
                Self::NeonDotprod => dotprod,
                Self::Neon => neon,
                other => other == Self::Portable,
            }
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            self == Self::Portable
        }
    }

    /// Checks that this CPU has the instructions, and that they compute with `dtype`.
    pub(crate) fn check(self, dtype: Dtype) -> Result<(), LoadError> {
        if !self.is_available() {
            let able: Vec<String> = Self::available().map(|isa| isa.to_string()).collect();
            return Err(LoadError::Cpu {
                what: self.to_string(),
                able: able.join(", "),
            });
        }
        // The portable one computes with bf16 slowly, for comparison.
        let bf16 = matches!(self, Self::Avx512Bf16 | Self::Portable);
        if dtype == Dtype::Bf16 && !bf16 {
            return Err(LoadError::Cpu {
                what: format!("bf16 by {self}"),
                able: "int8 and f32".into(),
            });
        }
        Ok(())
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, isa)| isa == self);
        formatter.pad(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Isa {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, isa)| *isa).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("must be one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Int8 => "int8",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        })
    }
}

impl FromStr for Dtype {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "int8" => Ok(Self::Int8),
            "bf16" => Ok(Self::Bf16),
            "f32" => Ok(Self::F32),
            _ => Err("must be one of int8, bf16, f32".into()),
        }
    }
}
