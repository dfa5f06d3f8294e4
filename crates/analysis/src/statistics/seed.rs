//! Seeds of random choices.

/// Seed of one random choice, from the seed of the plan, the contender's name and the purpose of the choice.
///
/// Each choice has a seed of its own, so that leaving a contender out changes no other contender's interval.
/// FNV-1a in place of the standard library's hasher, whose results may change with the compiler.
pub(crate) fn seed_of(plan: u64, contender: &str, what: &str) -> u64 {
    let text = contender.bytes().chain(what.bytes());
    text.fold(plan ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
