//! Sentences about turns: failed ones, disturbed blocks, and figures that depend on a turn's place.

use std::collections::HashMap;

use super::case::Case;
use super::evidence::about_percent;
use crate::statistics::{Drift, TurnFigure, seed_of};
use crate::turn::is_voided;
use crate::words;
use bakeoff_record::experiment::{Run, RunLoad};
use bakeoff_record::metric::Metric;

/// The p below which an effect of a turn's place is pointed out.
pub(super) const DRIFT_P: f64 = 0.01;

/// Turns in which a contender did not answer, answered with failures, or ended.
pub(super) fn failed(case: &Case<'_>) -> Vec<String> {
    // The baseline's second turns are turns of the baseline too.
    let results = case.analysis.results.iter();
    let faulty = results.filter(|result| !result.measured().turns.failed.is_empty());
    let sentences = faulty.map(|result| {
        let blocks: Vec<String> = result
            .measured()
            .turns
            .failed
            .iter()
            .map(|failed| failed.block.to_string())
            .collect();
        format!(
            "{} of {} of {} failed (block {}): {}.",
            result.measured().turns.failed.len(),
            words::several(result.measured().turns.begun as usize, "turn"),
            result.name(),
            words::list(&blocks),
            result.measured().turns.failures_in_words(),
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
        "Block{is_one} {} {are} disturbed and left out of the verdict: in block {}, while {} was measured, {}.",
        words::list(&blocks),
        first.block,
        first.contender,
        first.by.in_words(),
    )]
}

/// Figures that depend on a turn's place in its block, or on the block.
pub(super) fn drift(case: &Case<'_>) -> Vec<String> {
    let metric = case.plan().primary;
    let turns = turn_figures(case, metric);
    let seed = seed_of(case.plan().seed, "all contenders", "drift");
    let Some(drift) = Drift::of(&turns, seed) else {
        return Vec::new();
    };
    let mut sentences = Vec::new();
    if drift.position_p < DRIFT_P {
        sentences.push(format!(
            "The {} changes with a turn's position within a block: by {} from the first to the last (p {}). Each contender takes each \
             position about equally often, so this widens the confidence intervals and favours no contender.",
            metric.name(),
            about_percent(drift.position_ratio - 1.0),
            words::probability(drift.position_p),
        ));
    }
    if drift.trend_p < DRIFT_P {
        sentences.push(format!(
            "The {} of all contenders changes from block to block by {} (p {}). The cause is not known. Contenders are \
             compared within blocks, so this affects all of them equally.",
            metric.name(),
            about_percent(drift.trend_ratio_per_block - 1.0),
            words::probability(drift.trend_p),
        ));
    }
    sentences
}

/// The primary figure of each turn that is judged, less what is usual for its contender. Runs are in the order of turns.
fn turn_figures(case: &Case<'_>, metric: Metric) -> Vec<TurnFigure> {
    let voided = &case.analysis.voided;
    let is_judged = |run: &&Run| !run.measurement.interrupted && !is_voided(voided, run.block);
    let mut positions: HashMap<u32, u32> = HashMap::new();
    let mut logs: HashMap<&str, Vec<f64>> = HashMap::new();
    let mut turns = Vec::new();
    for run in case.experiment.runs_under(RunLoad::Users) {
        let position = positions.entry(run.block).or_default();
        let here = *position;
        *position += 1;
        let figure = metric.of_runs(&[run]).filter(|figure| *figure > 0.0);
        if let Some(figure) = figure.filter(|_| is_judged(&run)) {
            logs.entry(&run.contender).or_default().push(figure.ln());
            turns.push((run, here, figure.ln()));
        }
    }
    let mean = |contender: &str| {
        let logs = logs.get(contender).map_or(&[][..], Vec::as_slice);
        logs.iter().sum::<f64>() / logs.len().max(1) as f64
    };
    let residual = |(run, position, log): (&Run, u32, f64)| TurnFigure {
        block: run.block,
        position,
        log_residual: log - mean(&run.contender),
    };
    turns.into_iter().map(residual).collect()
}
