//! What may be concluded.

use super::case::Case;
use super::evidence::{interval, ratio};
use crate::analysis::Analysis;
use crate::comparison::{Comparison, Metric};
use crate::judged::Judged;
use crate::noise::Noise;
use crate::verdict::Verdict;
use crate::words;
use bakeoff_record::experiment::{Experiment, Plan};

/// The verdict on one contender as a sentence, with the figures it rests on.
pub fn verdict_sentence(result: &Judged, plan: &Plan, analysis: &Analysis) -> String {
    let (name, baseline) = (result.name(), &plan.baseline);
    let metric = Metric::from(plan.primary);
    let evidence = || {
        let comparison = result.comparison(metric);
        let ratio = comparison.map_or_else(String::new, |comparison| ratio(comparison, baseline));
        match result.compared.adjusted_p {
            Some(p) if comparison.is_some_and(Comparison::has_interval) => {
                format!("{ratio}, p {}", words::probability(p))
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
            "{name} is slightly better than {baseline}, but perhaps by less than the {matters} that matter: {}.",
            evidence()
        ),
        Verdict::SlightlyWorse => format!(
            "{name} is slightly worse than {baseline}, but perhaps by less than the {matters} that matter: {}.",
            evidence()
        ),
        Verdict::Same => format!(
            "{name} and {baseline} are the same for practical purposes: {}, all of it within the {same} that do not matter.",
            evidence()
        ),
        Verdict::NotShown { more_blocks } => format!(
            "Between {name} and {baseline}, neither a difference nor equality within {same} is shown: {}; \
             about {} like these would decide it.",
            evidence(),
            words::several(*more_blocks as usize, "more block"),
        ),
        Verdict::TooFewBlocks {
            measured: 0,
            more_blocks,
        } => format!(
            "Nothing can be said about {name} against {baseline}: there is no undisturbed block in which both were measured to the end, \
             and {more_blocks} are needed."
        ),
        Verdict::TooFewBlocks { more_blocks, .. } => format!(
            "Nothing can be claimed about {name} against {baseline} yet: {}; for so many contenders that needs {}.",
            evidence(),
            words::several(*more_blocks as usize, "more block"),
        ),
        Verdict::Failed { failed, begun } => format!(
            "{name} failed: in {failed} of {} {}. It is not compared with {baseline} by its speed.",
            words::several(*begun as usize, "turn"),
            result.measured().turns.failures_in_words(),
        ),
        Verdict::NoBaseline => {
            format!("{name} is compared with nothing: the baseline, {baseline}, was not measured.")
        }
        Verdict::NotMeasurable(obstacle) => {
            format!("{name} against {baseline} is not measurable here: {obstacle}.")
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
            "{name} is {baseline} once more; there is no block in which both were measured to the end."
        );
    };
    let interval = interval(estimate);
    let consequence = if *floor_ratio > plan.same_ratio {
        format!(
            "; that is more than the {} that would not count otherwise, so differences below {} are not told apart here",
            words::percent(plan.same_ratio),
            words::percent(*floor_ratio)
        )
    } else {
        String::new()
    };
    format!(
        "{name} is {baseline} once more, in a turn of its own in every block: {} times its own {} ({interval}){consequence}.",
        words::figure(estimate.point_estimate),
        Metric::from(plan.primary).name(),
    )
}

/// The verdict on each contender.
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
                "The verdict is about one figure that was chosen beforehand, the {}, \
                 and a difference of up to {} does not count.",
                Metric::from(case.plan().primary).name(),
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

/// What should have been measured and was not.
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
            "The experiment was ended before its time, in block {measured} of {}; what was measured until then is above.",
            experiment.plan.blocks
        ));
    }
    if !experiment.left_out.is_empty() {
        let names: Vec<_> = experiment
            .left_out
            .iter()
            .map(|left_out| left_out.name.as_str())
            .collect();
        sentences.push(format!(
            "Nothing is known about {}, left out for the reasons given below.",
            words::list(&names)
        ));
    }
    if !experiment.problems.is_empty() {
        let turns = words::several(experiment.problems.len(), "turn");
        sentences.push(format!(
            "{turns} could not be measured, for the reasons given below."
        ));
    }
    sentences
}
