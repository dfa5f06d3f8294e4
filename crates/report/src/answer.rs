//! The answer of an experiment in a sentence or two.

use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::statistics::Estimate;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::metric::{Metric, Unit};
use bakeoff_record::times::TimeKind;

/// The answer of an experiment: contenders that are better or worse than the baseline and by how much, then contenders
/// without a difference or without a verdict. One sentence for each kind of verdict, the best first.
pub fn answer(experiment: &Experiment, analysis: &Analysis) -> String {
    let baseline = &experiment.plan.baseline;
    let compared: Vec<&Judged> = analysis
        .contenders()
        .filter(|result| result.verdict != Verdict::Baseline)
        .collect();
    if analysis.results.is_empty() {
        return "No contender was measured, so there is nothing to compare.".to_owned();
    }
    if compared.is_empty() {
        return format!("Only {baseline} was measured, so there is nothing to compare it with.");
    }
    if compared
        .iter()
        .all(|result| result.verdict == Verdict::NoBaseline)
    {
        return format!("Nothing can be compared: the baseline, {baseline}, was not measured.");
    }
    let metric = experiment.plan.primary;
    let sentences = GROUPS.iter();
    let sentences = sentences.filter_map(|group| group.sentence(&compared, metric, baseline));
    sentences.collect::<Vec<_>>().join(" ")
}

/// Note that response times of users who never pause follow from the throughput, with the baseline's figures; `None` if
/// users pause or if the baseline was not measured.
///
/// Every user always waits for an answer. By Little's law, the mean response time is the number of users over the rate.
pub(super) fn closed_load(experiment: &Experiment, analysis: &Analysis) -> Option<String> {
    let plan = &experiment.plan;
    let baseline = analysis.baseline().filter(|_| !plan.users_pause)?;
    let total = &baseline.measured().summary.total;
    let (rate, mean) = (
        total.successes_per_second()?,
        total.times[TimeKind::Response].mean()?,
    );
    let other_loads = if analysis.at_rates.is_empty() && analysis.sweeps.is_empty() {
        "Add --open 50% to compare response times at a rate that every contender can take."
    } else {
        "Response times at lower loads are below."
    };
    (rate > 0.0).then(|| {
        format!(
            "The {} never pause: each user always waits for an answer. Response times then follow from the throughput. For {}, \
             {} / {} requests per second = {} ms, and the measured mean response time is {} ms. {other_loads}",
            words::several(plan.users as usize, "user"),
            baseline.name(),
            words::several(plan.users as usize, "user"),
            words::figure(rate),
            words::figure(f64::from(plan.users) / rate * 1e3),
            words::ms(mean),
        )
    })
}

/// Contenders with one kind of verdict.
struct Group {
    holds: fn(&Verdict) -> bool,
    /// Words before the names; words between the names and the baseline, for one contender and for several.
    words: [&'static str; 3],
    /// `true` if the sentence ends with the ratio of each contender.
    with_figures: bool,
}

/// Groups in the order of their sentences, the best first.
const GROUPS: [Group; 9] = [
    Group {
        holds: |verdict| *verdict == Verdict::Better,
        words: ["", "is better than", "are better than"],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::SlightlyBetter,
        words: ["", "is slightly better than", "are slightly better than"],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::Same,
        words: [
            "",
            "is practically the same as",
            "are practically the same as",
        ],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::SlightlyWorse,
        words: ["", "is slightly worse than", "are slightly worse than"],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::Worse,
        words: ["", "is worse than", "are worse than"],
        with_figures: true,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::NotShown { .. }),
        words: ["", "shows no difference from", "show no difference from"],
        with_figures: true,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::TooFewBlocks { .. }),
        words: ["There are too few blocks to compare", "with", "with"],
        with_figures: false,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::Failed { .. }),
        words: [
            "",
            "failed and is not compared with",
            "failed and are not compared with",
        ],
        with_figures: false,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::NotMeasurable(_)),
        words: [
            "",
            "could not be compared with",
            "could not be compared with",
        ],
        with_figures: false,
    },
];

impl Group {
    /// Sentence about the contenders of this group, the best first; `None` without such contenders.
    fn sentence(&self, compared: &[&Judged], metric: Metric, baseline: &str) -> Option<String> {
        let mut members: Vec<&Judged> = compared
            .iter()
            .filter(|result| (self.holds)(&result.verdict))
            .copied()
            .collect();
        let gain = |result: &Judged| {
            let ratio = estimate(result, metric);
            let ratio = ratio.map_or(0.0, |estimate| estimate.point_estimate.ln());
            if metric.more_is_better() {
                -ratio
            } else {
                ratio
            }
        };
        members.sort_by(|a, b| gain(a).total_cmp(&gain(b)));
        let [before, one, several] = self.words;
        let verb = match members.len() {
            0 => return None,
            1 => one,
            _ => several,
        };
        let names = members.iter().map(|result| result.name());
        let names = words::list(&names.collect::<Vec<_>>());
        let parts = [before, &names, verb, baseline];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let figures = self.with_figures.then(|| figures(&members, metric));
        Some(match figures.flatten() {
            Some(figures) => format!("{}: {figures}.", parts.join(" ")),
            None => parts.join(" ") + ".",
        })
    }
}

/// Ratio of each contender to the baseline with its interval; `None` without an estimate.
fn figures(members: &[&Judged], metric: Metric) -> Option<String> {
    let is_alone = members.len() == 1;
    let with_estimates = members
        .iter()
        .filter_map(|result| Some((result.name(), estimate(result, metric)?)));
    let ratios: Vec<String> = with_estimates
        .zip(0..)
        .map(|((name, estimate), index)| {
            let name = if is_alone {
                String::new()
            } else {
                format!("{name} has ")
            };
            // The kind of interval is said once.
            let kind = if index == 0 {
                "95 % confidence interval "
            } else {
                ""
            };
            let interval = estimate.confidence_interval;
            let interval = interval.map_or_else(String::new, |interval| {
                let (low, high) = (words::figure(interval.low), words::figure(interval.high));
                format!(" ({kind}{low} to {high})")
            });
            let ratio = words::figure(estimate.point_estimate);
            format!("{name}{ratio} times{interval}")
        })
        .collect();
    let measure = match metric.unit() {
        Unit::PerSecond => "as many",
        _ => "the",
    };
    (!ratios.is_empty()).then(|| format!("{} {measure} {}", words::list(&ratios), metric.name()))
}

/// `true` if the verdict claims a difference or equivalence.
pub(super) fn is_judged(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Better
            | Verdict::SlightlyBetter
            | Verdict::Same
            | Verdict::SlightlyWorse
            | Verdict::Worse
    )
}

fn estimate(result: &Judged, metric: Metric) -> Option<Estimate> {
    result.comparison(metric)?.estimate
}

#[cfg(test)]
mod tests {
    use super::*;

    use bakeoff_record::fixture;

    fn said(experiment: &Experiment) -> String {
        answer(experiment, &Analysis::of(experiment))
    }

    #[test]
    fn response_times_of_users_without_pauses_are_said_to_follow_from_the_throughput() {
        let mut experiment = fixture::experiment(&[("new", &[500; 6]), ("old", &[1000; 6])], "old");
        let closed = |experiment: &Experiment| closed_load(experiment, &Analysis::of(experiment));
        assert_eq!(closed(&experiment), None);
        experiment.plan.users_pause = false;
        assert_eq!(
            closed(&experiment).unwrap(),
            "The 70 users never pause: each user always waits for an answer. Response times then follow from the throughput. \
             For old, 70 users / 1,000 requests per second = 70.0 ms, and the measured mean response time is 70.0 ms. \
             Add --open 50% to compare response times at a rate that every contender can take."
        );
    }

    #[test]
    fn the_best_comes_first_and_every_contender_is_named() {
        assert_eq!(
            said(&fixture::plausible_experiment()),
            "bakeoff and bakeoff-docker are better than fastapi: bakeoff has 2.13 times (95 % confidence interval 2.09 to 2.15) \
             and bakeoff-docker has 2.08 times (2.04 to 2.12) as many successful requests per second. \
             fastapi-docker could not be compared with fastapi."
        );
    }

    #[test]
    fn response_times_are_longer_rather_than_more() {
        let mut experiment = fixture::experiment(&[("new", &[500; 6]), ("old", &[1000; 6])], "old");
        experiment.plan.primary = Metric::MEDIAN_RESPONSE_TIME;
        assert_eq!(
            said(&experiment),
            "new is worse than old: 2.00 times (95 % confidence interval 2.00 to 2.00) the median response time."
        );
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        for (experiment, expected) in [
            (
                fixture::empty_experiment(&[], "old"),
                "No contender was measured, so there is nothing to compare.",
            ),
            (
                fixture::experiment(&[("old", &[100; 6])], "old"),
                "Only old was measured, so there is nothing to compare it with.",
            ),
            (
                fixture::experiment(&[("new", &[100; 2]), ("old", &[100; 2])], "old"),
                "There are too few blocks to compare new with old.",
            ),
            (
                fixture::experiment(&[("new", &[100; 6])], "gone"),
                "Nothing can be compared: the baseline, gone, was not measured.",
            ),
        ] {
            assert_eq!(said(&experiment), expected);
        }
    }
}
