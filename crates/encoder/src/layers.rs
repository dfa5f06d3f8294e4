//! Operations between the matrix products, row by row, over vectors of an instruction set.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod encode;
pub(crate) mod norm;
