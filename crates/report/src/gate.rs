//! Limits that fail an experiment, for build servers.
//!
//! "Not shown to be worse" and "shown to be not worse" are different. More noise makes the first easier to reach and the
//! second harder.

use super::answer::is_judged;
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::statistics::ConfidenceInterval;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, Plan};
use bakeoff_record::metric::Metric;

/// Limits of an experiment. Without limits, an experiment fails only if turns failed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gates {
    /// Largest tolerated loss against the baseline, 0.05 for 5 %. A contender that is shown to be worse by more fails.
    pub worse_ratio: Option<f64>,
    /// Margin of non-inferiority, 0.05 for 5 %. A contender that is not shown to be worse by at most this margin fails.
    pub margin_ratio: Option<f64>,
}

/// Contenders that are worse than the baseline by more than `worse_ratio`, such as 0.05 for 5 %: their whole interval is
/// beyond this ratio and beyond the noise floor.
///
/// Contenders without a difference or without a verdict are not among them. Empty without a limit.
pub fn worse_than_baseline<'a>(
    experiment: &Experiment,
    analysis: &'a Analysis,
    worse_ratio: Option<f64>,
) -> Vec<&'a str> {
    let Some(worse_ratio) = worse_ratio else {
        return Vec::new();
    };
    let noise = analysis.noise.map_or(0.0, |noise| noise.floor_ratio);
    let limit = worse_ratio.max(noise);
    analysis
        .contenders()
        .filter(|result| is_judged(&result.verdict))
        .filter(|result| is_beyond(result, &experiment.plan, limit))
        .map(Judged::name)
        .collect()
}

fn is_beyond(result: &Judged, plan: &Plan, limit: f64) -> bool {
    let metric = plan.primary;
    let estimate = result
        .comparison(metric)
        .and_then(|comparison| comparison.estimate);
    let interval = estimate.and_then(|estimate| estimate.confidence_interval);
    interval.is_some_and(|interval| {
        if metric.more_is_better() {
            interval.high < 1.0 / (1.0 + limit)
        } else {
            interval.low > 1.0 + limit
        }
    })
}

/// Contenders that are not shown to be worse than the baseline by at most `margin_ratio`, each with the reason. To pass, a
/// contender needs its whole interval on the good side of the margin.
///
/// Contenders that were left out are among them, and the baseline if no other contender was measured.
pub fn in_doubt(
    experiment: &Experiment,
    analysis: &Analysis,
    margin_ratio: Option<f64>,
) -> Vec<(String, String)> {
    let Some(margin_ratio) = margin_ratio else {
        return Vec::new();
    };
    let compared = || {
        let contenders = analysis.contenders();
        contenders.filter(|result| result.verdict != Verdict::Baseline)
    };
    let doubts = compared().filter_map(|result| {
        let why = doubt(result, experiment, analysis, margin_ratio)?;
        Some((result.name().to_owned(), why))
    });
    let left_out = experiment
        .left_out
        .iter()
        .map(|left_out| (left_out.name.clone(), "it was left out".to_owned()));
    let mut doubts: Vec<_> = doubts.chain(left_out).collect();
    if doubts.is_empty() && compared().next().is_none() {
        let why = "no other contender was measured".to_owned();
        doubts.push((experiment.plan.baseline.clone(), why));
    }
    doubts
}

/// Reason why `result` is not shown to be at most `margin_ratio` worse than the baseline; `None` if it is shown.
///
/// Test of non-inferiority: the whole two-sided 95 % interval lies on the good side of the margin. The error is at most 2.5 %
/// (Piaggio et al., JAMA 308:24, 2012). Every contender has to pass, so no correction for several contenders is needed.
pub(super) fn doubt(
    result: &Judged,
    experiment: &Experiment,
    analysis: &Analysis,
    margin_ratio: f64,
) -> Option<String> {
    let has_verdict =
        is_judged(&result.verdict) || matches!(result.verdict, Verdict::NotShown { .. });
    if !has_verdict {
        return Some(format!("there is no verdict: {}", result.verdict.label()));
    }
    let noise = analysis.noise.map_or(0.0, |noise| noise.floor_ratio);
    if noise > margin_ratio {
        return Some(format!(
            "two measurements of the baseline differ by {}, more than the margin",
            words::percent((noise * 1000.0).round() / 1000.0)
        ));
    }
    let metric = experiment.plan.primary;
    let Some(interval) = interval_of(result, metric) else {
        return Some("there is no confidence interval".to_owned());
    };
    let (is_good, limit, side) = if metric.more_is_better() {
        let limit = 1.0 / (1.0 + margin_ratio);
        (interval.low > limit, limit, "above")
    } else {
        let limit = 1.0 + margin_ratio;
        (interval.high < limit, limit, "below")
    };
    (!is_good).then(|| {
        format!(
            "its 95 % interval, {} to {} times the {} of {}, is not entirely {side} {}",
            words::figure(interval.low),
            words::figure(interval.high),
            metric.name(),
            experiment.plan.baseline,
            words::figure(limit),
        )
    })
}

fn interval_of(result: &Judged, metric: Metric) -> Option<ConfidenceInterval> {
    result.comparison(metric)?.estimate?.confidence_interval
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::experiment::LeftOut;
    use bakeoff_record::fixture;

    fn worse(contender: [u64; 6], primary: Metric, limit: f64) -> bool {
        let rates = [("new", &contender[..]), ("old", &[1000; 6])];
        let mut experiment = fixture::experiment(&rates, "old");
        experiment.plan.primary = primary;
        let analysis = Analysis::of(&experiment);
        !worse_than_baseline(&experiment, &analysis, Some(limit)).is_empty()
    }

    #[test]
    fn a_contender_is_worse_if_its_whole_interval_is_beyond_the_limit() {
        let rate = Metric::SuccessesPerSecond;
        assert!(worse([900; 6], rate, 0.05));
        assert!(!worse([900; 6], rate, 0.15));
        assert!(!worse([960; 6], rate, 0.05));
        // The interval reaches across the limit, although some blocks are much worse.
        assert!(!worse([990, 700, 980, 720, 990, 800], rate, 0.05));
        assert!(!worse([1200; 6], rate, 0.05));
        // Fewer requests per second of the same users take longer.
        assert!(worse([900; 6], Metric::MEDIAN_RESPONSE_TIME, 0.05));
        assert!(!worse([1200; 6], Metric::MEDIAN_RESPONSE_TIME, 0.05));
    }

    fn doubts(contender: [u64; 6], primary: Metric, margin: f64) -> Vec<(String, String)> {
        let rates = [("new", &contender[..]), ("old", &[1000; 6])];
        let mut experiment = fixture::experiment(&rates, "old");
        experiment.plan.primary = primary;
        in_doubt(&experiment, &Analysis::of(&experiment), Some(margin))
    }

    #[test]
    fn a_contender_is_not_worse_if_its_whole_interval_is_on_the_good_side_of_the_margin() {
        let rate = Metric::SuccessesPerSecond;
        let scattered = [470, 2890, 500, 2500, 600, 1900];
        assert!(doubts([1000; 6], rate, 0.1).is_empty());
        assert!(doubts([950; 6], rate, 0.1).is_empty());
        assert!(doubts([2000; 6], rate, 0.1).is_empty());
        assert_eq!(doubts([900; 6], rate, 0.1).len(), 1);
        // No difference is shown, which is no proof that the contender is not worse.
        assert!(!worse(scattered, rate, 0.1));
        let doubt = doubts(scattered, rate, 0.1);
        assert!(
            doubt[0].1.contains("is not entirely above 0.91"),
            "{doubt:?}"
        );
        let median = Metric::MEDIAN_RESPONSE_TIME;
        assert!(doubts([950; 6], median, 0.1).is_empty());
        assert!(
            doubts([900; 6], median, 0.1)[0]
                .1
                .contains("is not entirely below 1.10")
        );
    }

    #[test]
    fn without_a_verdict_no_contender_is_shown_to_be_not_worse() {
        let of = |experiment: &Experiment| {
            let doubts = in_doubt(experiment, &Analysis::of(experiment), Some(0.1));
            doubts
                .into_iter()
                .map(|(name, why)| format!("{name}: {why}"))
                .collect::<Vec<_>>()
        };
        let few = fixture::experiment(&[("new", &[1000; 2]), ("old", &[1000; 2])], "old");
        assert_eq!(of(&few), ["new: there is no verdict: too few blocks"]);
        let gone = fixture::experiment(&[("new", &[1000; 6])], "gone");
        assert_eq!(of(&gone), ["new: there is no verdict: no baseline"]);
        let mut alone = fixture::experiment(&[("old", &[1000; 6])], "old");
        assert_eq!(of(&alone), ["old: no other contender was measured"]);
        alone.left_out.push(LeftOut {
            name: "new".to_owned(),
            reason: "no engine".to_owned(),
            remedy: "start it".to_owned(),
        });
        assert_eq!(of(&alone), ["new: it was left out"]);
        let again: [u64; 6] = [800, 790, 810, 800, 795, 805];
        let rates: [(&str, &[u64]); 3] = [
            ("new", &[1000; 6]),
            ("old", &[1000; 6]),
            ("old again", &again),
        ];
        let mut noisy = fixture::experiment(&rates, "old");
        noisy.plan.control = Some("old again".to_owned());
        noisy.plan.same_ratio = 0.5;
        assert_eq!(
            of(&noisy),
            ["new: two measurements of the baseline differ by 25 %, more than the margin"]
        );
    }
}
