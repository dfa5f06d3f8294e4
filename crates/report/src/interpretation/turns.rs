//! What became of the turns: which failed, and which blocks were disturbed.

use super::Case;
use crate::words;

/// Turns in which a contender did not answer, answered with failures, or ended.
pub(super) fn failed(case: &Case<'_>) -> Vec<String> {
    // The baseline's second turns are turns of the baseline too.
    let results = case.analysis.results.iter();
    let faulty = results.filter(|result| !result.turns.failed.is_empty());
    let sentences = faulty.map(|result| {
        let blocks: Vec<String> = result
            .turns
            .failed
            .iter()
            .map(|failed| failed.block.to_string())
            .collect();
        format!(
            "{} of {} of {} failed (block {}): {}.",
            result.turns.failed.len(),
            words::several(result.turns.begun as usize, "turn"),
            result.contender.name,
            words::list(&blocks),
            result.turns.failures_in_words(),
        )
    });
    sentences.collect()
}

/// Blocks that are not judged.
pub(super) fn voided(case: &Case<'_>) -> Vec<String> {
    let voided = &case.analysis.voided;
    let Some(first) = voided.first() else {
        return Vec::new();
    };
    let blocks: Vec<String> = voided.iter().map(|void| void.block.to_string()).collect();
    let (are, is_one) = if voided.len() == 1 {
        ("was", "")
    } else {
        ("were", "s")
    };
    vec![format!(
        "Block{is_one} {} {are} disturbed and not judged: in block {}, while {} was measured, {}.",
        words::list(&blocks),
        first.block,
        first.contender,
        first.by.in_words(),
    )]
}
