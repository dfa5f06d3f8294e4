//! How far the figures of one contender agree with each other.

use super::Case;
use super::conclusion::noise_sentence;
use crate::analysis::ContenderResult;
use crate::comparison::Metric;
use crate::words;

/// The 99th percentile over the median, from which on response times are said to vary much.
pub(super) const MUCH_SPREAD: f64 = 5.0;
/// How far the block furthest from the median block is from it, from which on blocks are said not to agree.
pub(super) const MUCH_BETWEEN_BLOCKS: f64 = 0.1;

/// How far the tail lies from the middle.
pub(super) fn spread(case: &Case<'_>) -> Vec<String> {
    let sentence = |result: &ContenderResult| {
        let name = &result.contender.name;
        let times = &result.summary.total.response_times;
        let (Some(median), Some(p99)) = (times.quantile(0.5), times.quantile(0.99)) else {
            return format!(
                "No request to {name} succeeded, so there is nothing to say about its response times."
            );
        };
        let much = if spread_of(result).is_some_and(|spread| spread > MUCH_SPREAD) {
            ", which is much"
        } else {
            ""
        };
        // In the order of the quantiles of `Precision`.
        let bounds = |index: usize| {
            let interval = result.precision.intervals.get(index).copied().flatten();
            interval.map_or_else(
                || "no interval".to_owned(),
                |(low, high)| format!("{} to {}", words::ms(low), words::ms(high)),
            )
        };
        format!(
            "{name} answered half of its requests within {} ms ({}) and 99 % within {} ms ({}), {} times the median{much}.",
            words::ms(median),
            bounds(0),
            words::ms(p99),
            bounds(2),
            words::figure(spread_of(result).unwrap_or(f64::NAN))
        )
    };
    case.contenders().map(sentence).collect()
}

/// The 99th percentile over the median.
fn spread_of(result: &ContenderResult) -> Option<f64> {
    let times = &result.summary.total.response_times;
    let (median, p99) = (times.quantile(0.5)?, times.quantile(0.99)?);
    Some(p99.as_secs_f64() / median.as_secs_f64().max(1e-6))
}

/// Who varied least and who most.
pub(super) fn steadiest(case: &Case<'_>) -> Vec<String> {
    let spreads = || {
        case.contenders()
            .filter_map(|result| Some((spread_of(result)?, &result.contender.name)))
    };
    let least = spreads().min_by(|a, b| a.0.total_cmp(&b.0));
    let most = spreads().max_by(|a, b| a.0.total_cmp(&b.0));
    let (Some((low, steadiest)), Some((high, varying))) = (least, most) else {
        return Vec::new();
    };
    if low >= high {
        return Vec::new();
    }
    vec![format!(
        "By that ratio {steadiest} varied least ({}) and {varying} most ({}); no interval was worked out for it.",
        words::figure(low),
        words::figure(high)
    )]
}

/// How the blocks of a contender agree with each other.
pub(super) fn blocks(case: &Case<'_>) -> Vec<String> {
    let metric = Metric::from(case.plan().primary);
    case.of_each(|result| {
        let mut figures: Vec<f64> = result.blocks.iter().filter_map(|block| {
            let of_block = case.experiment.runs_under(crate::experiment::RunLoad::Users);
            let runs: Vec<_> = of_block
                .filter(|run| run.contender == result.contender.name && run.block == *block)
                .filter(|run| !run.measurement.interrupted)
                .collect();
            metric.of_runs(&runs)
        }).collect();
        figures.sort_by(f64::total_cmp);
        let (low, high) = (*figures.first()?, *figures.last()?);
        let middle = figures[(figures.len() - 1) / 2];
        let furthest = (high / middle).max(middle / low) - 1.0;
        (figures.len() > 1 && furthest > MUCH_BETWEEN_BLOCKS).then(|| {
            format!(
                "The blocks of {} do not agree: their {} went from {} to {}, up to {} from the median block ({}).",
                result.contender.name,
                metric.name(),
                words::figure(low),
                words::figure(high),
                words::percent((furthest * 1000.0).round() / 1000.0),
                words::figure(middle),
            )
        })
    })
}

/// Warns of turns that went on changing, so that their figures depend on how long they were.
pub(super) fn unsettled(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let (never, turns) = result.unsettled;
        (never > 0).then(|| {
            format!(
                "{} had not settled in {never} of {}: its requests per second still changed by more than 10 %.",
                result.contender.name,
                words::several(turns, "turn")
            )
        })
    })
}

/// Whether contenders did the same work, as their answers to a sample of requests show it.
pub(super) fn answers(case: &Case<'_>) -> Vec<String> {
    case.contenders().filter_map(agreement).collect()
}

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

/// How well contenders are told apart here, as the baseline's second turns show it.
pub(super) fn noise(case: &Case<'_>) -> Vec<String> {
    let control = case.plan().control.as_deref();
    let sentence =
        control.map(|name| noise_sentence(name, case.analysis.noise.as_ref(), case.plan()));
    sentence.into_iter().collect()
}

/// What failed, and what had no answer.
pub(super) fn errors(case: &Case<'_>) -> Vec<String> {
    failures(&case.contenders().collect::<Vec<_>>())
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
