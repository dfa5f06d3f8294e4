//! The answer of an experiment in one sentence.

use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::metric::{Metric, Unit};
use bakeoff_record::times::TimeKind;

/// Who is better than the baseline, by how much, and what is not shown: in one sentence that follows from the verdicts.
pub fn answer(experiment: &Experiment, analysis: &Analysis) -> String {
    let baseline = &experiment.plan.baseline;
    let compared: Vec<&Judged> = analysis
        .contenders()
        .filter(|result| result.verdict != Verdict::Baseline)
        .collect();
    if analysis.results.is_empty() {
        return "No contender took part, so there is nothing to compare.".to_owned();
    }
    if compared.is_empty() {
        return format!("{baseline} ran alone, so there is nothing to compare it with.");
    }
    if compared
        .iter()
        .all(|result| result.verdict == Verdict::NoBaseline)
    {
        return format!("Nothing can be compared: the baseline, {baseline}, was not measured.");
    }
    let metric = experiment.plan.primary;
    let clauses: Vec<String> = GROUPS
        .iter()
        .filter_map(|group| group.clause(&compared, metric, baseline))
        .collect();
    let clauses = clauses.join("; ");
    if compared.iter().any(|result| is_judged(&result.verdict)) {
        format!("By {}, {clauses}.", metric.name())
    } else {
        words::capitalised(&clauses) + "."
    }
}

/// Note that response times under users who never pause repeat the rate, with the baseline's figures; `None` where users
/// pause, or where the baseline was not measured.
///
/// Each of the users is always waiting, so that by Little's law the mean response time is the users over the rate.
pub(super) fn closed_load(experiment: &Experiment, analysis: &Analysis) -> Option<String> {
    let plan = &experiment.plan;
    let baseline = analysis.baseline().filter(|_| !plan.users_pause)?;
    let total = &baseline.measured().summary.total;
    let (rate, mean) = (
        total.successes_per_second()?,
        total.times[TimeKind::Response].mean()?,
    );
    let other_loads = if analysis.at_rates.is_empty() && analysis.sweeps.is_empty() {
        "; --open 50% shows response times at rates that every contender can take"
    } else {
        "; response times at lower loads are below"
    };
    (rate > 0.0).then(|| {
        format!(
            "{} who never pause are all waiting for an answer all the time, so response times repeat the throughput: for {}, {} users over {} \
             requests per second are {} ms, and the mean response time was {} ms{other_loads}.",
            words::several(plan.users as usize, "user"),
            baseline.name(),
            plan.users,
            words::figure(rate),
            words::figure(f64::from(plan.users) / rate * 1e3),
            words::ms(mean),
        )
    })
}

/// Contenders of which the same is said.
struct Group {
    holds: fn(&Verdict) -> bool,
    /// Before the names, between names and baseline where there is one of them or several, and after it.
    words: [&'static str; 4],
    with_figures: bool,
}

/// From the best news to none.
const GROUPS: [Group; 9] = [
    Group {
        holds: |verdict| *verdict == Verdict::Better,
        words: ["", "is better than", "are better than", ""],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::SlightlyBetter,
        words: [
            "",
            "is slightly better than",
            "are slightly better than",
            "",
        ],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::Same,
        words: [
            "",
            "is, for practical purposes, the same as",
            "are, for practical purposes, the same as",
            "",
        ],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::SlightlyWorse,
        words: ["", "is slightly worse than", "are slightly worse than", ""],
        with_figures: true,
    },
    Group {
        holds: |verdict| *verdict == Verdict::Worse,
        words: ["", "is worse than", "are worse than", ""],
        with_figures: true,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::NotShown { .. }),
        words: ["no difference is shown between", "and", "and", ""],
        with_figures: true,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::TooFewBlocks { .. }),
        words: ["there are too few blocks to compare", "with", "with", ""],
        with_figures: false,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::Failed { .. }),
        words: [
            "",
            "failed and is not compared with",
            "failed and are not compared with",
            "",
        ],
        with_figures: false,
    },
    Group {
        holds: |verdict| matches!(verdict, Verdict::NotMeasurable(_)),
        words: ["the difference of", "to", "to", "is not measurable here"],
        with_figures: false,
    },
];

impl Group {
    fn clause(&self, compared: &[&Judged], metric: Metric, baseline: &str) -> Option<String> {
        let mut members: Vec<&Judged> = compared
            .iter()
            .filter(|result| (self.holds)(&result.verdict))
            .copied()
            .collect();
        if members.is_empty() {
            return None;
        }
        // The best comes first.
        let gain = |result: &Judged| {
            let ratio = ratio(result, metric).map_or(1.0, |(point, _)| point).ln();
            if metric.more_is_better() {
                -ratio
            } else {
                ratio
            }
        };
        members.sort_by(|a, b| gain(a).total_cmp(&gain(b)));
        let names: Vec<String> = members
            .iter()
            .map(|result| {
                let name = result.name();
                match ratio(result, metric).filter(|_| self.with_figures) {
                    Some((_, figures)) => format!("{name} ({figures})"),
                    None => name.to_owned(),
                }
            })
            .collect();
        let [before, one, several, after] = self.words;
        let verb = if members.len() == 1 { one } else { several };
        let parts = [before, &words::list(&names), verb, baseline, after];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Some(parts.join(" "))
    }
}

/// Whether something is claimed of it.
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

fn ratio(result: &Judged, metric: Metric) -> Option<(f64, String)> {
    let estimate = result.comparison(metric)?.estimate?;
    let point = words::figure(estimate.point_estimate);
    let interval = estimate.confidence_interval;
    let interval = interval.map_or_else(String::new, |interval| {
        let (low, high) = (words::figure(interval.low), words::figure(interval.high));
        format!(", {low} to {high}")
    });
    Some((
        estimate.point_estimate,
        format!("{point} times as {}{interval}", comparative(metric)),
    ))
}

/// Much or many.
fn comparative(metric: Metric) -> &'static str {
    match metric.unit() {
        Unit::PerSecond => "many",
        _ => "long",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use bakeoff_record::fixture;

    fn said(experiment: &Experiment) -> String {
        answer(experiment, &Analysis::of(experiment))
    }

    #[test]
    fn users_without_pauses_are_told_that_response_times_repeat_the_rate() {
        let mut experiment = fixture::experiment(&[("new", &[500; 6]), ("old", &[1000; 6])], "old");
        let closed = |experiment: &Experiment| closed_load(experiment, &Analysis::of(experiment));
        assert_eq!(closed(&experiment), None);
        experiment.plan.users_pause = false;
        assert_eq!(
            closed(&experiment).unwrap(),
            "70 users who never pause are all waiting for an answer all the time, so response times repeat the throughput: for old, 70 users \
             over 1,000 requests per second are 70.0 ms, and the mean response time was 70.0 ms; --open 50% shows response times at \
             rates that every contender can take."
        );
    }

    #[test]
    fn the_best_comes_first_and_everybody_is_in_it() {
        assert_eq!(
            said(&fixture::plausible_experiment()),
            "By successful requests per second, bakeoff (2.13 times as many, 2.09 to 2.15) and bakeoff-docker (2.08 times as many, \
             2.04 to 2.12) are better than fastapi; the difference of fastapi-docker to fastapi is not measurable here."
        );
    }

    #[test]
    fn response_times_are_longer_rather_than_more() {
        let mut experiment = fixture::experiment(&[("new", &[500; 6]), ("old", &[1000; 6])], "old");
        experiment.plan.primary = Metric::MEDIAN_RESPONSE_TIME;
        assert_eq!(
            said(&experiment),
            "By median response time, new (2.00 times as long, 2.00 to 2.00) is worse than old."
        );
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        for (experiment, expected) in [
            (
                fixture::empty_experiment(&[], "old"),
                "No contender took part, so there is nothing to compare.",
            ),
            (
                fixture::experiment(&[("old", &[100; 6])], "old"),
                "old ran alone, so there is nothing to compare it with.",
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
