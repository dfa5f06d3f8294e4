//! Seeds of random numbers. Pure.

/// Use of random numbers. Each use has a seed of its own, so that one does not disturb another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Rows,
    Tasks,
    Waits,
    Values,
}

/// Seed for one user, or one arrival, and one purpose. The multipliers are those of `SplitMix64`.
pub(crate) fn derived(seed: u64, user: u64, purpose: Purpose) -> u64 {
    seed ^ user.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (purpose as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}
