//! The kernels of each instruction set, chosen when a model is loaded.

use crate::config::Activation;
use crate::gemm::{self, Out, Pairs, Panel, Quads, RowScale, Rows, Single};
use crate::isa::{Dtype, Isa};
use crate::layers::activation::{self, Exactness};
use crate::layers::attention::{self, Attention, Placement};
use crate::layers::encode::Encode;
use crate::layers::norm::{self, Norm};
use crate::simd::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, Avx512Bf16, Avx512Bw, AvxVnni};
#[cfg(target_arch = "aarch64")]
use crate::simd::{Neon, NeonDotprod};

/// The kernels of one instruction set for one precision.
///
/// All of them are unsafe to call: on a CPU without the instruction set, and with pointers that do not hold what they are
/// said to. The former cannot be, since [`Kernels::new`] is given only what [`Isa::check`] passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels {
    /// Columns of a panel of weights.
    pub(crate) panel: usize,
    /// Numbers in a word of a linear layer.
    pub(crate) numbers: usize,
    /// Numbers in a word of queries, keys and values.
    pub(crate) attention_numbers: usize,
    /// Largest magnitude of a weight of eight bits.
    pub(crate) largest_weight: f32,
    /// Precision of activation functions.
    pub(crate) exactness: Exactness,
    pub(crate) product: unsafe fn(&Rows, &Panel, &Out),
    pub(crate) encode: unsafe fn(*const f32, usize, *mut u32) -> RowScale,
    pub(crate) add_norm: unsafe fn(&Norm, *mut f32, *const f32),
    pub(crate) activate: unsafe fn((Activation, Exactness), &Out, (usize, usize)),
    pub(crate) place: unsafe fn(&Placement),
    pub(crate) end_values: unsafe fn(*mut u32, usize, usize),
    pub(crate) attend: unsafe fn(&Attention),
}

impl Kernels {
    /// Kernels of `isa` for `dtype`, which [`Isa::check`] passed.
    pub(crate) fn new(isa: Isa, dtype: Dtype) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 => avx512_bf16::kernels(dtype),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::kernels(dtype),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => avx_vnni::kernels(dtype),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bw => avx512_bw::kernels(dtype),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::kernels(dtype),
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDotprod => neon_dotprod::kernels(dtype),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::kernels(dtype),
            _ => portable::kernels(dtype),
        }
    }
}

/// Functions that a generic one is inlined into, with the features that its vectors need.
macro_rules! compiled {
    ($(#[$features:meta])* $($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $body:expr;)*) => {
        compiled! { @each [$(#[$features])*] $([$name($($argument: $type),*) $(-> $result)? = $body])* }
    };
    (@each $features:tt $([$($function:tt)*])*) => { $( compiled! { @one $features $($function)* } )* };
    (@one [$(#[$features:meta])*] $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $body:expr) => {
        $(#[$features])*
        unsafe fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: the caller guarantees what the generic function asks for.
            unsafe { $body($($argument),*) }
        }
    };
}

/// A module with the kernels of one instruction set: the vectors, how many of them a panel is wide, what attention of
/// rounded models multiplies, and the features that the functions are compiled with.
macro_rules! instruction_set {
    ($module:ident, $simd:ty, $vectors:literal, $attention:ty, $(#[$features:meta])*) => {
        mod $module {
            #[allow(clippy::wildcard_imports, reason = "the module is part of the one around it")]
            use super::*;

            pub(super) fn kernels(dtype: Dtype) -> Kernels {
                let common = Kernels {
                    panel: $vectors * <$simd as crate::simd::Simd>::LANES,
                    numbers: Quads::<$simd>::NUMBERS,
                    attention_numbers: <$attention>::NUMBERS,
                    largest_weight: <$simd as crate::simd::Simd>::LARGEST_WEIGHT,
                    exactness: Exactness::Rounded,
                    product: product_quads,
                    encode: encode_quads,
                    add_norm,
                    activate,
                    place,
                    end_values,
                    attend,
                };
                match dtype {
                    Dtype::Int8 => common,
                    Dtype::Bf16 => Kernels {
                        numbers: Pairs::<$simd>::NUMBERS,
                        product: product_pairs,
                        encode: encode_pairs,
                        ..common
                    },
                    Dtype::F32 => Kernels {
                        numbers: Single::<$simd>::NUMBERS,
                        attention_numbers: Single::<$simd>::NUMBERS,
                        exactness: Exactness::Float,
                        product: product_single,
                        encode: encode_single,
                        place: place_single,
                        end_values: end_values_single,
                        attend: attend_single,
                        ..common
                    },
                }
            }

            compiled! { $(#[$features])*
                product_quads(rows: &Rows, panel: &Panel, out: &Out) = gemm::product::<Quads<$simd>, $vectors>;
                product_pairs(rows: &Rows, panel: &Panel, out: &Out) = gemm::product::<Pairs<$simd>, $vectors>;
                product_single(rows: &Rows, panel: &Panel, out: &Out) = gemm::product::<Single<$simd>, $vectors>;
                encode_quads(row: *const f32, count: usize, words: *mut u32) -> RowScale = Quads::<$simd>::encode;
                encode_pairs(row: *const f32, count: usize, words: *mut u32) -> RowScale = Pairs::<$simd>::encode;
                encode_single(row: *const f32, count: usize, words: *mut u32) -> RowScale = Single::<$simd>::encode;
                add_norm(norm: &Norm, row: *mut f32, change: *const f32) = norm::add_norm::<$simd>;
                activate(how: (Activation, Exactness), numbers: &Out, size: (usize, usize)) =
                    activation::activate::<$simd>;
                place(placement: &Placement) = attention::place::<$attention>;
                place_single(placement: &Placement) = attention::place::<Single<$simd>>;
                end_values(to: *mut u32, length: usize, head_size: usize) = attention::end_values::<$attention>;
                end_values_single(to: *mut u32, length: usize, head_size: usize) =
                    attention::end_values::<Single<$simd>>;
                attend(attention: &Attention) = attention::attend::<$attention, $simd, $vectors>;
                attend_single(attention: &Attention) = attention::attend::<Single<$simd>, $simd, $vectors>;
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
instruction_set! { avx512_bf16, Avx512Bf16, 4, Pairs<Avx512Bf16>,
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")]
}
#[cfg(target_arch = "x86_64")]
instruction_set! { avx512, Avx512, 4, Single<Avx512>,
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
}
#[cfg(target_arch = "x86_64")]
instruction_set! { avx512_bw, Avx512Bw, 4, Single<Avx512Bw>,
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
}
#[cfg(target_arch = "x86_64")]
instruction_set! { avx_vnni, AvxVnni, 2, Single<AvxVnni>, #[target_feature(enable = "avx2,fma,avxvnni")] }
#[cfg(target_arch = "x86_64")]
instruction_set! { avx2, Avx2, 2, Single<Avx2>, #[target_feature(enable = "avx2,fma")] }
#[cfg(target_arch = "aarch64")]
instruction_set! { neon_dotprod, NeonDotprod, 4, Single<NeonDotprod>, #[target_feature(enable = "neon,dotprod")] }
#[cfg(target_arch = "aarch64")]
instruction_set! { neon, Neon, 4, Single<Neon>, #[target_feature(enable = "neon")] }
instruction_set! { portable, Portable, 2, Single<Portable>, }

#[cfg(test)]
mod tests;
