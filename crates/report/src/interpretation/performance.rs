//! Response times.

use super::Case;
use super::evidence::{certainty, comparable};
use crate::analysis::ContenderResult;
use crate::comparison::Metric;
use crate::experiment::RunLoad;
use crate::shift::Shift;
use crate::verdict::{Obstacle, Reason, Verdict};
use crate::words;

/// Mean, 95th percentile and maximum.
pub(super) fn times(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let times = &result.summary.total.response_times;
        let (mean, p95, max) = (times.mean()?, times.quantile(0.95)?, times.max()?);
        Some(format!(
            "{} took {} ms on average; 95 % of its answers took at most {} ms, the longest {} ms.",
            result.contender.name,
            words::ms(mean),
            words::ms(p95),
            words::ms(max)
        ))
    })
}

/// The same against the baseline.
pub(super) fn against_baseline(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        compared_times(result, &case.plan().baseline).filter(|_| comparable(result))
    })
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

/// Middle and tail that point in opposite directions.
pub(super) fn opposite(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| conflict(result, &case.plan().baseline).filter(|_| comparable(result)))
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
        "The response times of {} are {sides} than those of {baseline} (by the intervals just given), so no single figure describes it.",
        result.contender.name
    ))
}

/// Whether a contender is faster throughout, or for some of its requests only.
pub(super) fn throughout(case: &Case<'_>) -> Vec<String> {
    let baseline = &case.plan().baseline;
    case.of_each(|result| {
        let name = &result.contender.name;
        let interval = |point: &Shift| point.ratio?.confidence_interval;
        let known: Vec<&Shift> = result.shift.iter().filter(|point| interval(point).is_some()).collect();
        let (first, last) = (known.first()?, known.last()?);
        if !comparable(result) || known.len() < 2 {
            return None;
        }
        let ends = format!(
            "{} and {} %",
            words::figure(first.quantile * 100.0),
            words::figure(last.quantile * 100.0)
        );
        let all = |faster: bool| {
            known.iter().copied().filter_map(interval).all(|interval| {
                if faster { interval.high < 1.0 } else { interval.low > 1.0 }
            })
        };
        let ratios = known.iter().filter_map(|point| Some(point.ratio?.point_estimate));
        let (low, high) = ratios.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| {
            (low.min(ratio), high.max(ratio))
        });
        let which = match (all(true), all(false)) {
            (true, _) => "shorter",
            (_, true) => "longer",
            _ => return None,
        };
        Some(format!(
            "The response times of {name} are {which} than those of {baseline} throughout: at each of {} percentiles between {ends} the \
             interval excludes 1, and the ratios go from {} to {}.",
            known.len(),
            words::figure(low),
            words::figure(high)
        ))
    })
}

/// What kind of comparison that of users is.
pub(super) fn users_wait(case: &Case<'_>) -> Vec<String> {
    if case.contenders().count() < 2 {
        return Vec::new();
    }
    vec![format!(
        "All response times so far are at the same number of users ({}), not at the same rate of requests: \
         these users wait for an answer before they ask again, so a faster contender is asked more often.",
        case.plan().users
    )]
}

/// Response times at equal rates of arrivals, apart from those under users.
pub(super) fn at_rates(case: &Case<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    for at_rate in &case.analysis.at_rates {
        let RunLoad::Arrivals { per_second } = at_rate.load else {
            continue;
        };
        let shown = at_rate
            .results
            .iter()
            .filter(|result| result.verdict != Verdict::Control && !result.blocks.is_empty());
        let parts: Vec<String> = shown
            .filter_map(|result| {
                let times = &result.summary.total.response_times;
                let (median, p95) = (times.quantile(0.5)?, times.quantile(0.95)?);
                let ratio = result
                    .comparison(Metric::P95ResponseTime)
                    .filter(|_| comparable(result));
                let ratio = ratio.and_then(|comparison| {
                    let point = words::figure(comparison.estimate?.point_estimate);
                    let baseline = &case.plan().baseline;
                    Some(format!(
                        ", {point} times the latter of {baseline} ({})",
                        certainty(comparison)
                    ))
                });
                Some(format!(
                    "{} answered half within {} ms and 95 % within {} ms{}",
                    result.contender.name,
                    words::ms(median),
                    words::ms(p95),
                    ratio.unwrap_or_default()
                ))
            })
            .collect();
        if !parts.is_empty() {
            sentences.push(format!(
                "When {} requests per second arrived, whatever became of those before, {}.",
                words::figure(per_second),
                parts.join("; ")
            ));
        }
    }
    sentences
}

/// Who could not keep up with a rate of arrivals.
pub(super) fn overwhelmed(case: &Case<'_>) -> Vec<String> {
    let at_rates = case.analysis.at_rates.iter().flat_map(|at_rate| {
        at_rate.results.iter().filter_map(move |result| {
            let (Verdict::NotMeasurable(obstacle), RunLoad::Arrivals { per_second }) =
                (&result.verdict, at_rate.load)
            else {
                return None;
            };
            let Obstacle {
                contender,
                reason: Reason::NotSent { not_sent_ratio },
            } = obstacle
            else {
                return None;
            };
            (*contender == result.contender.name).then(|| {
                format!(
                    "{contender} could not keep up with {} requests per second: {} of them were not sent, since too many were unanswered.",
                    words::figure(per_second),
                    words::percent(*not_sent_ratio)
                )
            })
        })
    });
    at_rates.collect()
}
