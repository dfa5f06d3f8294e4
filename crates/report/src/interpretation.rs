//! What the figures mean, in plain English. Every sentence follows from a rule and names the figures it rests on;
//! what was not shown is never called equal, and what was not measured is not mentioned.

use crate::analysis::{Analysis, ContenderResult, Noise};
use crate::comparison::{Comparison, Metric};
use crate::experiment::{ContenderKind, Experiment, Plan};
use crate::verdict::Verdict;
use crate::words;

/// One paragraph of the interpretation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// What it is about.
    pub heading: String,
    /// Its sentences, in order.
    pub sentences: Vec<String>,
}

/// Interprets an experiment in four paragraphs: consistency, performance, throughput, conclusion.
pub(crate) fn interpret(experiment: &Experiment, analysis: &Analysis) -> Vec<Paragraph> {
    let results: Vec<&ContenderResult> = analysis.contenders().collect();
    let results = results.as_slice();
    let paragraph = |heading: &str, sentences| Paragraph {
        heading: heading.to_owned(),
        sentences,
    };
    vec![
        paragraph(
            "Consistency",
            [consistency(results), noise(experiment, analysis)].concat(),
        ),
        paragraph("Performance", performance(experiment, results)),
        paragraph("Throughput", throughput(experiment, results)),
        paragraph("Conclusion", conclusion(experiment, analysis, results)),
    ]
}

/// The verdict on one contender as a sentence, with the figures it rests on.
pub fn verdict_sentence(result: &ContenderResult, plan: &Plan, analysis: &Analysis) -> String {
    let (name, baseline) = (&result.contender.name, &plan.baseline);
    let metric = Metric::from(plan.primary);
    let evidence = || {
        let comparison = result.comparison(metric);
        let ratio = comparison.map_or_else(String::new, |comparison| ratio(comparison, baseline));
        match result.adjusted_p {
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
            "Nothing can be said about {name} against {baseline}: there is no block in which both were measured to the end, \
             and {more_blocks} are needed."
        ),
        Verdict::TooFewBlocks { more_blocks, .. } => format!(
            "Nothing can be claimed about {name} against {baseline} yet: {}; for so many contenders that needs {}.",
            evidence(),
            words::several(*more_blocks as usize, "more block"),
        ),
        Verdict::NoBaseline => {
            format!("{name} is compared with nothing: the baseline, {baseline}, was not measured.")
        }
        Verdict::NotMeasurable(obstacle) => {
            format!("{name} against {baseline} is not measurable here: {obstacle}.")
        }
    }
}

/// A ratio with its interval, or why it has none.
fn ratio(comparison: &Comparison, baseline: &str) -> String {
    let Some(estimate) = comparison.estimate else {
        return "no block gave a ratio".to_owned();
    };
    let (point, metric) = (
        words::figure(estimate.point_estimate),
        comparison.metric.name(),
    );
    let blocks = words::several(comparison.blocks.len(), "block");
    format!(
        "{point} times the {metric} of {baseline} ({} over {blocks})",
        certainty(comparison)
    )
}

/// The interval, or without one the range of the blocks.
fn certainty(comparison: &Comparison) -> String {
    let interval = comparison
        .estimate
        .and_then(|estimate| Some((estimate.confidence, estimate.confidence_interval?)));
    match (interval, comparison.range()) {
        (Some((confidence, interval)), _) => format!(
            "{} interval {} to {}",
            words::percent(confidence),
            words::figure(interval.low),
            words::figure(interval.high)
        ),
        (None, Some((low, high))) if comparison.blocks.len() > 1 => {
            format!(
                "no interval, {} to {}",
                words::figure(low),
                words::figure(high)
            )
        }
        (None, _) => "no interval".to_owned(),
    }
}

/// How well contenders are told apart here, as the baseline's second turns show it.
fn noise(experiment: &Experiment, analysis: &Analysis) -> Vec<String> {
    let plan = &experiment.plan;
    let control = plan.control.as_deref();
    let sentence = control.map(|name| noise_sentence(name, analysis.noise.as_ref(), plan));
    sentence.into_iter().collect()
}

fn noise_sentence(name: &str, noise: Option<&Noise>, plan: &Plan) -> String {
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
    let interval = estimate.confidence_interval.map_or_else(
        || "no interval".to_owned(),
        |interval| {
            format!(
                "{} interval {} to {}",
                words::percent(estimate.confidence),
                words::figure(interval.low),
                words::figure(interval.high)
            )
        },
    );
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

fn consistency(results: &[&ContenderResult]) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut spreads = Vec::new();
    for result in results {
        let name = &result.contender.name;
        let times = &result.summary.total.response_times;
        let (Some(median), Some(p99)) = (times.quantile(0.5), times.quantile(0.99)) else {
            sentences.push(format!("No request to {name} succeeded, so there is nothing to say about its response times."));
            continue;
        };
        let spread = p99.as_secs_f64() / median.as_secs_f64().max(1e-6);
        spreads.push((spread, name));
        sentences.push(format!(
            "{name} answered half of its requests within {} ms and 99 % within {} ms, {} times the median.",
            words::ms(median),
            words::ms(p99),
            words::figure(spread)
        ));
    }
    let steadiest = spreads.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let least_steady = spreads.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    if let (Some((low, steadiest)), Some((high, least))) = (steadiest, least_steady)
        && low < high
    {
        sentences.push(format!(
            "By that ratio {steadiest} varied least ({}) and {least} most ({}); no interval was worked out for it.",
            words::figure(*low),
            words::figure(*high)
        ));
    }
    sentences.extend(results.iter().filter_map(|result| agreement(result)));
    sentences.extend(results.iter().filter_map(|result| unsettled(result)));
    sentences.extend(failures(results));
    sentences
}

/// Whether a contender did the same work, as its answers to a sample of requests show it.
fn agreement(result: &ContenderResult) -> Option<String> {
    let agreement = result
        .agreement
        .as_ref()
        .filter(|agreement| agreement.compared > 0)?;
    let (name, compared) = (&result.contender.name, agreement.compared);
    let of = words::several(compared as usize, "sampled request");
    let Some(example) = agreement.examples.first() else {
        return Some(format!("{name} answered all of {of} as the baseline did."));
    };
    Some(format!(
        "{name} answered {} of {of} otherwise than the baseline ({}): to {}, for example, {} in place of {} ({}).",
        agreement.differing,
        words::percent(agreement.differing_ratio()),
        example.request,
        example.actual,
        example.expected,
        example.rule,
    ))
}

/// Warns of turns that went on changing, so that their figures depend on how long they were.
fn unsettled(result: &ContenderResult) -> Option<String> {
    let (never, known) = result.unsettled;
    (never > 0).then(|| {
        format!(
            "{} did not settle in {never} of {}: its requests per second went on changing by more than 10 %.",
            result.contender.name,
            words::several(known, "turn")
        )
    })
}

fn failures(results: &[&ContenderResult]) -> Vec<String> {
    let (faultless, faulty): (Vec<&ContenderResult>, Vec<_>) = results
        .iter()
        .copied()
        .filter(|result| result.summary.total.requests() > 0)
        .partition(|result| result.summary.total.failures() == 0);
    let mut sentences = Vec::new();
    if !faultless.is_empty() {
        let names: Vec<_> = faultless
            .iter()
            .map(|result| result.contender.name.as_str())
            .collect();
        let requests = faultless
            .iter()
            .map(|result| result.summary.total.requests())
            .sum();
        sentences.push(format!(
            "None of the {} requests to {} failed.",
            words::count(requests),
            words::list(&names)
        ));
    }
    for result in faulty {
        let total = &result.summary.total;
        let most = result
            .summary
            .failures
            .first()
            .map_or_else(String::new, |cause| {
                format!(
                    ", most often with “{}” ({} times)",
                    cause.cause,
                    words::count(cause.occurrences)
                )
            });
        sentences.push(format!(
            "{} of the {} requests to {} failed ({}){most}; they are not part of its response times.",
            words::count(total.failures()),
            words::count(total.requests()),
            result.contender.name,
            words::percent(total.fail_ratio()),
        ));
    }
    for result in results
        .iter()
        .filter(|result| result.summary.unfinished > 0)
    {
        sentences.push(format!(
            "{} to {} had no answer when waiting for them was given up, and are in no other figure.",
            words::several(usize::try_from(result.summary.unfinished).unwrap_or(usize::MAX), "request"),
            result.contender.name
        ));
    }
    sentences
}

fn performance(experiment: &Experiment, results: &[&ContenderResult]) -> Vec<String> {
    let mut sentences = Vec::new();
    for result in results {
        let name = &result.contender.name;
        let times = &result.summary.total.response_times;
        if let (Some(mean), Some(p95), Some(max)) =
            (times.mean(), times.quantile(0.95), times.max())
        {
            sentences.push(format!(
                "{name} took {} ms on average; 95 % of its answers took at most {} ms, the longest {} ms.",
                words::ms(mean),
                words::ms(p95),
                words::ms(max)
            ));
        }
        sentences.extend(
            compared_times(result, &experiment.plan.baseline).filter(|_| comparable(result)),
        );
        sentences
            .extend(conflict(result, &experiment.plan.baseline).filter(|_| comparable(result)));
    }
    if results.len() > 1 {
        sentences.push(format!(
            "All response times are at the same number of users ({}), not at the same rate of requests: \
             these users wait for an answer before they ask again, so a faster contender is asked more often.",
            experiment.plan.users
        ));
    }
    sentences
}

/// The response times against the baseline's at the median, the 95th and the 99th percentile.
fn compared_times(result: &ContenderResult, baseline: &str) -> Option<String> {
    let places = [
        (Metric::MedianResponseTime, "the median"),
        (Metric::P95ResponseTime, "95 %"),
        (Metric::P99ResponseTime, "99 %"),
    ];
    let ratios: Vec<String> = places
        .into_iter()
        .filter_map(|(metric, place)| {
            let comparison = result.comparison(metric)?;
            let point = words::figure(comparison.estimate?.point_estimate);
            Some(format!("{point} at {place} ({})", certainty(comparison)))
        })
        .collect();
    let name = &result.contender.name;
    (!ratios.is_empty()).then(|| {
        format!(
            "As a multiple of those of {baseline}, the response times of {name} were {}.",
            words::list(&ratios)
        )
    })
}

/// Whether speeds may be compared at all.
fn comparable(result: &ContenderResult) -> bool {
    !matches!(result.verdict, Verdict::NotMeasurable(_))
}

/// Warns where the middle and the tail point in opposite directions, both beyond doubt.
fn conflict(result: &ContenderResult, baseline: &str) -> Option<String> {
    let interval = |metric| result.comparison(metric)?.estimate?.confidence_interval;
    let (median, p99) = (
        interval(Metric::MedianResponseTime)?,
        interval(Metric::P99ResponseTime)?,
    );
    let sides = if median.high < 1.0 && p99.low > 1.0 {
        "shorter at the median but longer at the 99th percentile"
    } else if median.low > 1.0 && p99.high < 1.0 {
        "longer at the median but shorter at the 99th percentile"
    } else {
        return None;
    };
    Some(format!(
        "Its response times are {sides} than those of {baseline} (by the intervals just given), so no single figure describes it."
    ))
}

fn throughput(experiment: &Experiment, results: &[&ContenderResult]) -> Vec<String> {
    let mut sentences = Vec::new();
    for result in results {
        let name = &result.contender.name;
        let Some(rate) = result.summary.total.successes_per_second() else {
            sentences.push(format!("{name} was not measured."));
            continue;
        };
        sentences.push(format!(
            "{name} answered {} requests per second successfully, over {} of measuring in {}.",
            words::figure(rate),
            words::seconds(result.summary.period),
            words::several(result.blocks.len(), "block"),
        ));
        if let Some(compared) = result.comparison(Metric::RequestsPerSecond)
            && compared.estimate.is_some()
            && comparable(result)
        {
            sentences.push(format!(
                "That is {}.",
                ratio(compared, &experiment.plan.baseline)
            ));
        }
        sentences.extend(cost(result));
    }
    if let Some(sentence) = shared_machine(experiment) {
        sentences.push(sentence);
    }
    sentences
}

fn cost(result: &ContenderResult) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(cpu) = result.cpu_seconds_per_1000_requests {
        parts.push(format!(
            "used {} s of processor time per 1,000 requests",
            words::figure(cpu)
        ));
    }
    if let Some(memory) = result.peak_memory_bytes {
        parts.push(format!("held at most {} of memory", words::bytes(memory)));
    }
    if let Some(start) = result.cold_start {
        parts.push(format!(
            "gave its first answer {} after it was started",
            words::seconds(start)
        ));
    }
    (!parts.is_empty()).then(|| format!("It {}.", words::list(&parts)))
}

fn shared_machine(experiment: &Experiment) -> Option<String> {
    let names = |here: bool| -> Vec<&str> {
        let is_here = |kind| kind != ContenderKind::Url;
        let chosen = experiment
            .contenders
            .iter()
            .filter(|contender| is_here(contender.kind) == here);
        chosen.map(|contender| contender.name.as_str()).collect()
    };
    let (here, elsewhere) = (names(true), names(false));
    if here.is_empty() {
        return None;
    }
    let unknown = if elsewhere.is_empty() {
        String::new()
    } else {
        format!("; where {} ran is not known", words::list(&elsewhere))
    };
    Some(format!(
        "The load generator shared one machine ({} cores) with {}, so each figure includes their competition for it{unknown}.",
        experiment.machine.cores,
        words::list(&here)
    ))
}

fn conclusion(
    experiment: &Experiment,
    analysis: &Analysis,
    results: &[&ContenderResult],
) -> Vec<String> {
    let plan = &experiment.plan;
    let mut sentences = Vec::new();
    match results {
        [] => sentences.push("No contender took part, so there is nothing to conclude.".to_owned()),
        [only] => sentences.push(format!(
            "Only {} took part, so there is nothing to compare it with.",
            only.contender.name
        )),
        several => {
            sentences.push(format!(
                "The verdict is about one figure that was chosen beforehand, the {}, \
                 and a difference of up to {} does not count.",
                Metric::from(plan.primary).name(),
                words::percent(analysis.band_ratio)
            ));
            let judged = several
                .iter()
                .filter(|result| result.verdict != Verdict::Baseline);
            sentences.extend(judged.map(|result| verdict_sentence(result, plan, analysis)));
        }
    }
    sentences.extend(shortcomings(experiment));
    sentences
}

/// What should have been measured and was not.
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

#[cfg(test)]
mod tests;
