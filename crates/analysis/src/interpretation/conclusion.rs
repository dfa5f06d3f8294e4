//! Verdicts in sentences, and what was not measured.

use super::case::Case;
use super::evidence::{interval, ratio};
use crate::analysis::Analysis;
use crate::comparison::Comparison;
use crate::judged::Judged;
use crate::noise::Noise;
use crate::verdict::Verdict;
use crate::words;
use bakeoff_record::experiment::{Experiment, Plan};

/// Verdict on one contender as a sentence, with the figures it rests on.
pub fn verdict_sentence(result: &Judged, plan: &Plan, analysis: &Analysis) -> String {
    let (name, baseline) = (result.name(), &plan.baseline);
    let metric = plan.primary;
    let evidence = || {
        let comparison = result.comparison(metric);
        let ratio = comparison.map_or_else(String::new, |comparison| ratio(comparison, baseline));
        match result.compared.adjusted_p {
            Some(p) if comparison.is_some_and(Comparison::has_interval) => {
                format!("{ratio}, adjusted p {}", words::probability(p))
            }
            _ => ratio,
        }
    };
    let (same, matters) = (
        words::percent(plan.same_ratio),
        words::percent(analysis.band_ratio),
    );
    match &result.verdict {
        Verdict::Baseline => format!("{name} is the baseline that the others are compared with."),
        Verdict::Control => noise_sentence(name, analysis.noise.as_ref(), plan),
        Verdict::Better => format!("{name} is better than {baseline}: {}.", evidence()),
        Verdict::Worse => format!("{name} is worse than {baseline}: {}.", evidence()),
        Verdict::SlightlyBetter => format!(
            "{name} is slightly better than {baseline}, but the difference may be smaller than the {matters} that matter: {}.",
            evidence()
        ),
        Verdict::SlightlyWorse => format!(
            "{name} is slightly worse than {baseline}, but the difference may be smaller than the {matters} that matter: {}.",
            evidence()
        ),
        Verdict::Same => format!(
            "{name} and {baseline} are the same for practical purposes: {}; the whole confidence interval is within {same}.",
            evidence()
        ),
        Verdict::NotShown { more_blocks } => format!(
            "The figures show neither a difference between {name} and {baseline} nor equality within {same}: {}; \
             about {} like these would decide it.",
            evidence(),
            words::several(*more_blocks as usize, "more block"),
        ),
        Verdict::TooFewBlocks {
            measured: 0,
            more_blocks,
        } => format!(
            "{name} cannot be compared with {baseline}: no undisturbed block has both measured to the end, \
             and {more_blocks} are needed."
        ),
        Verdict::TooFewBlocks { more_blocks, .. } => format!(
            "{name} cannot be compared with {baseline} yet: {}; a verdict needs {}.",
            evidence(),
            words::several(*more_blocks as usize, "more block"),
        ),
        Verdict::Failed { failed, begun } => format!(
            "{name} failed in {failed} of {}: {}. Its speed is not compared with that of {baseline}.",
            words::several(*begun as usize, "turn"),
            result.measured().turns.failures_in_words(),
        ),
        Verdict::NoBaseline => {
            format!("{name} cannot be compared: the baseline, {baseline}, was not measured.")
        }
        Verdict::NotMeasurable(obstacle) => {
            format!("{name} and {baseline} cannot be compared here: {obstacle}.")
        }
    }
}

pub(super) fn noise_sentence(name: &str, noise: Option<&Noise>, plan: &Plan) -> String {
    let baseline = &plan.baseline;
    let Some(Noise {
        estimate,
        floor_ratio,
    }) = noise
    else {
        return format!(
            "{baseline} ran a second time as {name}, but no block has both turns to the end, so the noise is not known."
        );
    };
    let interval = interval(estimate);
    let consequence = if *floor_ratio > plan.same_ratio {
        format!(
            "; that is more than the {} that do not count otherwise, so differences below {} cannot be detected here",
            words::percent(plan.same_ratio),
            words::percent(*floor_ratio)
        )
    } else {
        String::new()
    };
    format!(
        "{baseline} ran twice in every block, once under the name {name}: that turn had {} times the {} of the other turn \
         ({interval}){consequence}.",
        words::figure(estimate.point_estimate),
        plan.primary.name(),
    )
}

/// Verdict on each contender.
pub(super) fn verdicts(case: &Case<'_>) -> Vec<String> {
    let results: Vec<_> = case.contenders().collect();
    match results.as_slice() {
        [] => vec!["No contender took part, so there is nothing to conclude.".to_owned()],
        [only] => vec![format!(
            "Only {} took part, so there is nothing to compare it with.",
            only.name()
        )],
        several => {
            let mut sentences = vec![format!(
                "The verdict is about one metric, chosen before the experiment: the {}. \
                 A difference of up to {} does not count.",
                case.plan().primary.name(),
                words::percent(case.analysis.band_ratio)
            )];
            let judged = several
                .iter()
                .filter(|result| result.verdict != Verdict::Baseline);
            sentences
                .extend(judged.map(|result| verdict_sentence(result, case.plan(), case.analysis)));
            sentences
        }
    }
}

/// Parts of the plan that were not measured.
pub(super) fn missing(case: &Case<'_>) -> Vec<String> {
    shortcomings(case.experiment)
}

fn shortcomings(experiment: &Experiment) -> Vec<String> {
    let mut sentences = Vec::new();
    if experiment.interrupted {
        let measured = experiment
            .runs
            .iter()
            .map(|run| run.block)
            .max()
            .unwrap_or(0);
        sentences.push(format!(
            "The experiment was stopped early, in block {measured} of {}; the figures cover the blocks until then.",
            experiment.plan.blocks
        ));
    }
    let left_out = experiment.left_out.iter();
    sentences.extend(
        left_out
            .map(|left_out| format!("{} was not measured: {}.", left_out.name, left_out.reason)),
    );
    if !experiment.problems.is_empty() {
        let turns = words::several(experiment.problems.len(), "turn");
        sentences.push(format!(
            "{turns} could not be measured; the reasons are listed under “Problems”."
        ));
    }
    sentences
}
