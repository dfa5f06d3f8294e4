//! Response times.

use super::case::Case;
use super::evidence::{about_percent, certainty, comparable, percentile_interval};
use crate::judged::Judged;
use crate::shift::Shift;
use crate::statistics::ConfidenceInterval;
use crate::verdict::{Gate, Verdict};
use crate::words;
use bakeoff_record::experiment::RunLoad;
use bakeoff_record::metric::Metric;
use bakeoff_record::times::TimeKind;

/// Relative difference that two percentiles of equal times may have: each is within a thousandth of the recorded time.
pub(super) const RESOLUTION_RATIO: f64 = 0.002;

/// Gates that a load generator is beyond when it was delayed itself.
const OF_GENERATOR: [Gate; 5] = [
    Gate::Stalls,
    Gate::Neighbours,
    Gate::Steal,
    Gate::Lag,
    Gate::Generator,
];

/// Mean, p95 and maximum of the response times.
pub(super) fn times(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let times = &result.measured().summary.total.times[TimeKind::Response];
        let (mean, p95, max) = (times.mean()?, times.quantile(0.95)?, times.max()?);
        Some(format!(
            "{} took {} ms on average; 95 % of its answers took at most {} ms ({}), the longest {} ms.",
            result.name(),
            words::ms(mean),
            words::ms(p95),
            percentile_interval(result, 1),
            words::ms(max)
        ))
    })
}

/// Ratios of response times to the baseline's.
pub(super) fn against_baseline(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        compared_times(result, &case.plan().baseline).filter(|_| comparable(result))
    })
}

/// Response times against the baseline's at the median, the 95th and the 99th percentile.
fn compared_times(result: &Judged, baseline: &str) -> Option<String> {
    let places = [
        (Metric::MEDIAN_RESPONSE_TIME, "p50"),
        (Metric::P95_RESPONSE_TIME, "p95"),
        (Metric::P99_RESPONSE_TIME, "p99"),
    ];
    let ratios: Vec<String> = places
        .into_iter()
        .filter_map(|(metric, place)| {
            let comparison = result.comparison(metric)?;
            let point = words::figure(comparison.estimate?.point_estimate);
            Some(format!(
                "{point} times as long at {place} ({})",
                certainty(comparison)
            ))
        })
        .collect();
    let name = result.name();
    (!ratios.is_empty()).then(|| {
        format!(
            "Relative to {baseline}, the response times of {name} were {}.",
            words::list(&ratios)
        )
    })
}

/// Contender whose response times lie on one side of the baseline's throughout.
pub(super) fn throughout(case: &Case<'_>) -> Vec<String> {
    of_each_shift(case, |result, shift| {
        let which = match (shift.shorter.len(), shift.longer.len()) {
            (shorter, 0) if shorter == shift.known.len() => "shorter",
            (0, longer) if longer == shift.known.len() => "longer",
            _ => return None,
        };
        Some(format!(
            "The response times of {} are {which} than those of {} throughout: {}, and no confidence interval includes 1.",
            result.name(),
            case.plan().baseline,
            shift.where_and_how_much(&shift.known),
        ))
    })
}

/// Contender that is faster for some requests and slower for others.
pub(super) fn opposite(case: &Case<'_>) -> Vec<String> {
    of_each_shift(case, |result, shift| {
        if shift.shorter.is_empty() || shift.longer.is_empty() {
            return None;
        }
        Some(format!(
            "The response times of {} are shorter than those of {} {} and longer {}; these confidence intervals do not include 1. \
             No single figure describes this difference.",
            result.name(),
            case.plan().baseline,
            shift.where_and_how_much(&shift.shorter),
            shift.where_and_how_much(&shift.longer),
        ))
    })
}

/// Contender that is shown to be faster, or slower, for some requests only.
pub(super) fn partly(case: &Case<'_>) -> Vec<String> {
    of_each_shift(case, |result, shift| {
        let all = shift.known.len();
        let (which, points) = match (shift.shorter.as_slice(), shift.longer.as_slice()) {
            ([], longer) if !longer.is_empty() && longer.len() < all => ("longer", longer),
            (shorter, []) if !shorter.is_empty() && shorter.len() < all => ("shorter", shorter),
            _ => return None,
        };
        Some(format!(
            "The response times of {} are {which} than those of {} {}; these confidence intervals do not include 1. At {}, no difference is shown.",
            result.name(),
            case.plan().baseline,
            shift.where_and_how_much(points),
            words::several(all - points.len(), "percentile"),
        ))
    })
}

/// Points of a shift function whose ratios have intervals.
struct Sides<'a> {
    known: Vec<&'a Shift>,
    /// Points whose interval is below 1.
    shorter: Vec<&'a Shift>,
    /// Points whose interval is above 1.
    longer: Vec<&'a Shift>,
}

/// Sentences about each contender whose shift function has intervals and whose speed may be compared.
fn of_each_shift(
    case: &Case<'_>,
    say: impl Fn(&Judged, &Sides<'_>) -> Option<String>,
) -> Vec<String> {
    case.of_each(|result| {
        let sides = Sides::of(&result.compared.shift);
        let enough = comparable(result) && sides.known.len() > 1;
        enough.then(|| say(result, &sides))?
    })
}

impl<'a> Sides<'a> {
    fn of(shift: &'a [Shift]) -> Self {
        let interval = |point: &Shift| point.ratio?.confidence_interval;
        let of = |keep: &dyn Fn(ConfidenceInterval) -> bool| -> Vec<&'a Shift> {
            let points = shift.iter();
            points
                .filter(|point| interval(point).is_some_and(keep))
                .collect()
        };
        Self {
            known: of(&|_| true),
            shorter: of(&|interval| interval.high * (1.0 + RESOLUTION_RATIO) < 1.0),
            longer: of(&|interval| interval.low > 1.0 + RESOLUTION_RATIO),
        }
    }

    /// "at 9 of 11 percentiles (p10 to p90: 0.34 to 0.55 times)".
    fn where_and_how_much(&self, points: &[&Shift]) -> String {
        let places: Vec<String> = points
            .iter()
            .map(|point| words::short_percentile(point.quantile))
            .collect();
        let first = points.first().and_then(|first| self.position(first));
        let last = points.last().and_then(|last| self.position(last));
        let in_a_row =
            matches!((first, last), (Some(first), Some(last)) if last - first + 1 == points.len());
        let places = match places.as_slice() {
            [first, .., last] if in_a_row => {
                format!("{first} to {last}")
            }
            several => words::list(several),
        };
        let ratios = points
            .iter()
            .filter_map(|point| Some(point.ratio?.point_estimate));
        let (low, high) = ratios.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| {
            (low.min(ratio), high.max(ratio))
        });
        format!(
            "at {} of {} percentiles ({places}: {} to {} times)",
            points.len(),
            self.known.len(),
            words::figure(low),
            words::figure(high)
        )
    }

    fn position(&self, point: &Shift) -> Option<usize> {
        let mut known = self.known.iter();
        known.position(|other| other.quantile.total_cmp(&point.quantile).is_eq())
    }
}

/// Note that a comparison at the same number of users is not one at the same request rate.
pub(super) fn users_wait(case: &Case<'_>) -> Vec<String> {
    if case.contenders().count() < 2 {
        return Vec::new();
    }
    vec![format!(
        "All response times above are with the same number of users ({}), not at the same request rate. \
         Each user waits for an answer before the next request, so a faster contender gets more requests.",
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
        let shown = at_rate.results.iter().filter(|result| {
            result.verdict != Verdict::Control && !result.measured().blocks.is_empty()
        });
        let parts: Vec<String> = shown
            .filter_map(|result| {
                let times = &result.measured().summary.total.times[TimeKind::Response];
                let (median, p95) = (times.quantile(0.5)?, times.quantile(0.95)?);
                let ratio = result
                    .comparison(Metric::P95_RESPONSE_TIME)
                    .filter(|_| comparable(result));
                let ratio = ratio.and_then(|comparison| {
                    let point = words::figure(comparison.estimate?.point_estimate);
                    let baseline = &case.plan().baseline;
                    Some(format!(
                        ", {point} times the p95 of {baseline} ({})",
                        certainty(comparison)
                    ))
                });
                Some(format!(
                    "{} answered half within {} ms ({}) and 95 % within {} ms ({}){}",
                    result.name(),
                    words::ms(median),
                    percentile_interval(result, 0),
                    words::ms(p95),
                    percentile_interval(result, 1),
                    ratio.unwrap_or_default()
                ))
            })
            .collect();
        if !parts.is_empty() {
            sentences.push(format!(
                "Requests arrived at {} per second, even if earlier ones had no answer yet: {}.",
                words::figure(per_second),
                parts.join("; ")
            ));
        }
    }
    sentences
}

/// Contenders that could not keep up with an arrival rate, the baseline included.
pub(super) fn overwhelmed(case: &Case<'_>) -> Vec<String> {
    let at_rates = case.analysis.at_rates.iter().flat_map(|at_rate| {
        let results = at_rate.results.iter();
        results.filter_map(move |result| {
            let RunLoad::Arrivals { per_second } = at_rate.load else {
                return None;
            };
            let arrivals = result.measured().summary.arrivals?;
            let is_beyond = |gate| {
                let mut gates = result.gates.iter();
                gates.any(|reading| reading.gate == gate && reading.beyond.is_some())
            };
            // Requests that a delayed generator did not send say nothing about a contender.
            let is_contenders = is_beyond(Gate::NotSent) && !OF_GENERATOR.into_iter().any(is_beyond);
            (is_contenders && result.verdict != Verdict::Control).then(|| {
                format!(
                    "{} could not keep up with {} requests per second: {} of the {} planned requests were not sent ({}), since the \
                     limit of requests in flight was reached. Its response times at this rate are those of the sent requests.",
                    result.name(),
                    words::figure(per_second),
                    words::count(arrivals.not_sent),
                    words::count(arrivals.planned),
                    about_percent(arrivals.not_sent_ratio())
                )
            })
        })
    });
    at_rates.collect()
}
