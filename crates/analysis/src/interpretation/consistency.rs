//! Sentences about the consistency of each contender's figures.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use super::case::Case;
use super::conclusion::noise_sentence;
use super::evidence::{about_percent, interval_over, percentile_interval};
use crate::judged::Judged;
use crate::shift::has_quantile;
use crate::statistics::Estimate;
use crate::words;
use bakeoff_record::experiment::RunLoad;
use bakeoff_record::summary::Summary;

/// The 99th percentile over the median, from which on response times are said to vary much.
pub(super) const MUCH_SPREAD: f64 = 5.0;
/// Relative difference of a block from the median block, above which the blocks are said to differ.
pub(super) const MUCH_BETWEEN_BLOCKS: f64 = 0.1;

/// Distance of p99 from p50.
pub(super) fn spread(case: &Case<'_>) -> Vec<String> {
    let sentence = |result: &Judged| {
        let name = result.name();
        let times = &result.measured().summary.total.times[TimeKind::Response];
        let (Some(median), Some(p99)) = (times.quantile(0.5), times.quantile(0.99)) else {
            return format!("No request to {name} succeeded, so it has no response times.");
        };
        let (spread, blocks) = spread_of(case, result);
        let much = if low(spread.as_ref()).is_some_and(|low| low > MUCH_SPREAD) {
            ", a large spread"
        } else {
            ""
        };
        let apart = spread.map_or_else(String::new, |estimate| {
            format!(
                "; within a block, p99 is {} times p50 ({}){much}",
                words::figure(estimate.point_estimate),
                interval_over(Some(&estimate), blocks)
            )
        });
        // In the order of the quantiles of `Precision`.
        format!(
            "{name} answered half of its requests within {} ms ({}) and 99 % within {} ms ({}){apart}.",
            words::ms(median),
            percentile_interval(result, 0),
            words::ms(p99),
            percentile_interval(result, 2),
        )
    };
    case.contenders().map(sentence).collect()
}

/// The 99th percentile over the median in blocks with enough requests for it, and how many these are.
fn spread_of(case: &Case<'_>, result: &Judged) -> (Option<Estimate>, usize) {
    let ratios = case.of_blocks(result, |runs| {
        let times = Summary::of(runs.iter().map(|run| &run.measurement))
            .total
            .times[TimeKind::Response]
            .clone();
        let (median, p99) = (times.quantile(0.5)?, times.quantile(0.99)?);
        has_quantile(&times, 0.99).then(|| p99.as_secs_f64() / median.as_secs_f64().max(1e-6))
    });
    (case.estimate(result, "spread", &ratios), ratios.len())
}

fn low(estimate: Option<&Estimate>) -> Option<f64> {
    Some(estimate?.confidence_interval?.low)
}

/// Contenders with the smallest and the largest spread, if their confidence intervals do not overlap.
pub(super) fn steadiest(case: &Case<'_>) -> Vec<String> {
    let spreads: Vec<_> = case
        .contenders()
        .filter_map(|result| {
            let estimate = spread_of(case, result).0?;
            let interval = estimate.confidence_interval?;
            Some((estimate.point_estimate, interval, result.name()))
        })
        .collect();
    let least = spreads.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let most = spreads.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let (Some((low, below, steadiest)), Some((high, above, varying))) = (least, most) else {
        return Vec::new();
    };
    if below.high >= above.low {
        return Vec::new();
    }
    vec![format!(
        "The response times of {steadiest} vary less than those of {varying}: p99 is {} times p50, against {} times, and the \
         confidence intervals do not overlap.",
        words::figure(*low),
        words::figure(*high)
    )]
}

/// Range of the primary metric over the blocks of each contender.
pub(super) fn blocks(case: &Case<'_>) -> Vec<String> {
    let metric = case.plan().primary;
    case.of_each(|result| {
        let mut figures = case.of_blocks(result, |runs| metric.of_runs(runs));
        figures.sort_by(f64::total_cmp);
        let (low, high) = (*figures.first()?, *figures.last()?);
        let middle = figures[(figures.len() - 1) / 2];
        // On the log scale: half as much is as far away as twice as much.
        let furthest = (high / middle).max(middle / low) - 1.0;
        let agree = if furthest > MUCH_BETWEEN_BLOCKS {
            format!(
                ". The blocks differ by more than {}; the cause is not known",
                about_percent(MUCH_BETWEEN_BLOCKS)
            )
        } else {
            String::new()
        };
        (figures.len() > 1 && furthest.is_finite()).then(|| {
            format!(
                "Between blocks, the {} of {} ranged from {} to {}, at most {} from the median block ({}){agree}.",
                metric.name(),
                result.name(),
                words::figure(low),
                words::figure(high),
                about_percent(furthest),
                words::figure(middle),
            )
        })
    })
}

/// From a start to the first correct answer.
pub(super) fn cold_start(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let median = result.measured().cold_start?;
        let starts: Vec<Duration> = case
            .experiment
            .runs_under(RunLoad::Users)
            .filter(|run| run.contender == result.name())
            .filter_map(|run| run.cold_start)
            .collect();
        let range = match (starts.iter().min(), starts.iter().max()) {
            (Some(shortest), Some(longest)) if starts.len() > 1 => format!(
                "median of {} starts, {} to {}",
                starts.len(),
                words::seconds(*shortest),
                words::seconds(*longest)
            ),
            _ => "one start".to_owned(),
        };
        Some(format!(
            "{} gave its first correct answer {} after it was started ({range}).",
            result.name(),
            words::seconds(median)
        ))
    })
}

/// Warns of turns that went on changing, so that their figures depend on how long they were.
pub(super) fn unsettled(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let (never, turns) = result.measured().unsettled;
        (never > 0).then(|| {
            format!(
                "{} had not settled in {never} of {}: its requests per second still changed by more than 10 %.",
                result.name(),
                words::several(turns, "turn")
            )
        })
    })
}

/// Agreement of the contenders' answers with the baseline's, from a sample of requests.
pub(super) fn answers(case: &Case<'_>) -> Vec<String> {
    case.contenders().filter_map(agreement).collect()
}

fn agreement(result: &Judged) -> Option<String> {
    let agreement = result
        .measured()
        .agreement
        .as_ref()
        .filter(|agreement| agreement.compared > 0)?;
    let (name, compared) = (result.name(), agreement.compared);
    let of = words::several(compared as usize, "sampled request");
    let Some(example) = agreement.examples.first() else {
        return Some(format!(
            "{name} gave the same answers as the baseline to all of {of}."
        ));
    };
    Some(format!(
        "{name} answered {} of {of} differently from the baseline ({}). Example: to {}, {} in place of {} ({}).",
        agreement.differing,
        words::percent(agreement.differing_ratio()),
        example.request,
        example.actual,
        example.expected,
        example.rule,
    ))
}

/// Noise, from the second turns of the baseline.
pub(super) fn noise(case: &Case<'_>) -> Vec<String> {
    let control = case.plan().control.as_deref();
    let sentence =
        control.map(|name| noise_sentence(name, case.analysis.noise.as_ref(), case.plan()));
    sentence.into_iter().collect()
}

/// Requests that failed, and requests without an answer.
pub(super) fn errors(case: &Case<'_>) -> Vec<String> {
    failures(&case.contenders().collect::<Vec<_>>())
}

fn failures(results: &[&Judged]) -> Vec<String> {
    let (faultless, faulty): (Vec<&Judged>, Vec<_>) = results
        .iter()
        .copied()
        .filter(|result| result.measured().summary.total.requests() > 0)
        .partition(|result| result.measured().summary.total.failures() == 0);
    let mut sentences = Vec::new();
    if !faultless.is_empty() {
        let names: Vec<_> = faultless.iter().map(|result| result.name()).collect();
        let requests = faultless
            .iter()
            .map(|result| result.measured().summary.total.requests())
            .sum();
        sentences.push(format!(
            "None of the {} requests to {} failed.",
            words::count(requests),
            words::list(&names)
        ));
    }
    for result in faulty {
        let total = &result.measured().summary.total;
        let most = result
            .measured()
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
            result.name(),
            words::percent(total.fail_ratio()),
        ));
    }
    for result in results
        .iter()
        .filter(|result| result.measured().summary.unanswered() > 0)
    {
        sentences.push(format!(
            "{} to {} had no answer when the load ended.",
            words::several(
                usize::try_from(result.measured().summary.unanswered()).unwrap_or(usize::MAX),
                "request"
            ),
            result.name()
        ));
    }
    sentences
}
