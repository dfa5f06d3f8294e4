//! Thresholds and comparisons as `JUnit` XML, which build servers show as tests.

use std::fmt::Write;

use super::answer::is_judged;
use crate::analysis::{Analysis, ContenderResult};
use crate::comparison::Metric;
use crate::experiment::{Experiment, Plan};
use crate::interpretation::verdict_sentence;
use crate::run::{LoadTest, ThresholdOutcome};
use crate::verdict::Verdict;
use crate::words;

/// A suite named like the test, with a test case for each threshold.
///
/// The time of the suite is the measured period. Without thresholds it has no cases.
pub fn render(test: &LoadTest, outcomes: &[ThresholdOutcome]) -> String {
    let broken = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .count();
    let counts = format!(
        r#"tests="{}" failures="{broken}" errors="0" time="{:.3}""#,
        outcomes.len(),
        test.measurement.period.as_secs_f64(),
    );
    let name = escaped(&test.name);
    let started = words::moment(test.measurement.started_at);
    let mut xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bakeoff" {counts}>
  <testsuite name="{name}" {counts} skipped="0" timestamp="{started}">
    <properties>
      <property name="host" value="{}"/>
      <property name="bakeoff_version" value="{}"/>
    </properties>
"#,
        escaped(&test.host),
        escaped(&test.bakeoff_version),
    );
    for outcome in outcomes {
        xml += &test_case(&name, outcome);
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

fn test_case(class: &str, outcome: &ThresholdOutcome) -> String {
    let threshold = escaped(&outcome.threshold);
    let case = format!(r#"    <testcase classname="{class}" name="{threshold}" time="0""#);
    match &outcome.failure {
        None => case + "/>\n",
        Some(failure) => {
            let failure = escaped(failure);
            format!(
                "{case}>\n      <failure type=\"threshold\" message=\"{failure}\">{threshold}: {failure}</failure>\n    </testcase>\n"
            )
        }
    }
}

/// A suite named like the experiment, with a test case for each contender but the baseline.
///
/// A contender whose turns failed has failed. With a limit, such as 0.05 for 5 %, so has one that is worse than the baseline
/// by more than that. One of which nothing is shown, or that is not measurable here, is skipped, with the reason.
pub fn render_experiment(experiment: &Experiment, worse_ratio: Option<f64>) -> String {
    let analysis = Analysis::of(experiment);
    let compared: Vec<&ContenderResult> = analysis
        .contenders()
        .filter(|result| result.verdict != Verdict::Baseline)
        .collect();
    let worse = worse_than_baseline(experiment, &analysis, worse_ratio);
    let is_failed = |result: &&&ContenderResult| matches!(result.verdict, Verdict::Failed { .. });
    let failed = compared.iter().filter(is_failed).count();
    let skipped = compared
        .iter()
        .filter(|result| !is_judged(&result.verdict) && !is_failed(result));
    let counts = format!(
        r#"tests="{}" failures="{}" errors="0" skipped="{}" time="{:.3}""#,
        compared.len(),
        worse.len() + failed,
        skipped.count(),
        measured_seconds(experiment),
    );
    let name = escaped(&experiment.name);
    let started = words::moment(experiment.started_at);
    let mut xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bakeoff" {counts}>
  <testsuite name="{name}" {counts} timestamp="{started}">
    <properties>
      <property name="baseline" value="{}"/>
      <property name="primary_metric" value="{}"/>
      <property name="bakeoff_version" value="{}"/>
    </properties>
"#,
        escaped(&experiment.plan.baseline),
        Metric::from(experiment.plan.primary).name(),
        escaped(&experiment.bakeoff_version),
    );
    for result in compared {
        let sentence = escaped(&verdict_sentence(result, &experiment.plan, &analysis));
        let contender = escaped(&result.contender.name);
        let case = format!(r#"    <testcase classname="{name}" name="{contender}" time="0">"#);
        let label = result.verdict.label();
        let outcome = if matches!(result.verdict, Verdict::Failed { .. }) {
            format!("<failure type=\"failed\" message=\"{label}\">{sentence}</failure>")
        } else if worse.contains(&result.contender.name.as_str()) {
            format!("<failure type=\"worse\" message=\"{label}\">{sentence}</failure>")
        } else if is_judged(&result.verdict) {
            format!("<system-out>{sentence}</system-out>")
        } else {
            format!("<skipped message=\"{sentence}\"/>")
        };
        writeln!(xml, "{case}\n      {outcome}\n    </testcase>")
            .expect("writing to a string cannot fail");
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// The contenders that are worse than the baseline by more than `worse_ratio`, such as 0.05 for 5 %: their whole interval
/// is beyond it, and beyond the noise. None without a limit; and none of which nothing is shown, or that are not
/// measurable here.
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
        .map(|result| result.contender.name.as_str())
        .collect()
}

fn is_beyond(result: &ContenderResult, plan: &Plan, limit: f64) -> bool {
    let metric = Metric::from(plan.primary);
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

fn measured_seconds(experiment: &Experiment) -> f64 {
    let runs = experiment.runs.iter();
    runs.map(|run| run.measurement.period.as_secs_f64()).sum()
}

/// Text for an element or an attribute. What XML 1.0 cannot hold at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                write!(escaped, "&#{};", u32::from(c)).expect("writing to a string cannot fail");
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::PrimaryMetric;
    use crate::fixture;

    #[test]
    fn a_kept_and_a_broken_threshold() {
        let test = fixture::load_test(&["/a", "/b"], 16);
        insta::assert_snapshot!(render(&test, &fixture::thresholds()));
    }

    #[test]
    fn an_experiment_with_a_limit() {
        let mut experiment = fixture::plausible_experiment();
        insta::assert_snapshot!("an_experiment", render_experiment(&experiment, Some(0.05)));
        experiment.plan.baseline = "bakeoff".to_owned();
        experiment.plan.control = None;
        let xml = render_experiment(&experiment, Some(0.05));
        // One of the four contenders has a failed turn in ten, which forbids a comparison.
        assert!(xml.contains("failures=\"2\""), "{xml}");
        assert!(xml.contains("skipped=\"1\""), "{xml}");
        assert!(!render_experiment(&experiment, None).contains("<failure"));
    }

    fn worse(contender: [u64; 6], primary: PrimaryMetric, limit: f64) -> bool {
        let rates = [("new", &contender[..]), ("old", &[1000; 6])];
        let mut experiment = fixture::experiment(&rates, "old");
        experiment.plan.primary = primary;
        let analysis = Analysis::of(&experiment);
        !worse_than_baseline(&experiment, &analysis, Some(limit)).is_empty()
    }

    #[test]
    fn worse_is_whose_whole_interval_is_beyond_the_limit() {
        let rate = PrimaryMetric::RequestsPerSecond;
        assert!(worse([900; 6], rate, 0.05));
        assert!(!worse([900; 6], rate, 0.15));
        assert!(!worse([960; 6], rate, 0.05));
        // Its interval reaches over the limit, however bad some blocks are.
        assert!(!worse([990, 700, 980, 720, 990, 800], rate, 0.05));
        assert!(!worse([1200; 6], rate, 0.05));
        // Fewer requests per second of as many users take longer.
        assert!(worse([900; 6], PrimaryMetric::MedianResponseTime, 0.05));
        assert!(!worse([1200; 6], PrimaryMetric::MedianResponseTime, 0.05));
    }

    #[test]
    fn a_contender_whose_turns_failed_has_failed_with_and_without_a_limit() {
        let mut experiment =
            fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
        experiment.runs[0].measurement = fixture::measurement("/answer", &[], &[], 1);
        for limit in [None, Some(0.05)] {
            let xml = render_experiment(&experiment, limit);
            assert!(
                xml.contains("failures=\"1\" errors=\"0\" skipped=\"0\""),
                "{xml}"
            );
            assert!(
                xml.contains(
                    "<failure type=\"failed\" message=\"failed\">new failed: in 1 of 6 turns"
                ),
                "{xml}"
            );
        }
    }

    #[test]
    fn what_is_not_shown_is_skipped() {
        let experiment = fixture::experiment(&[("new", &[500; 2]), ("old", &[1000; 2])], "old");
        let xml = render_experiment(&experiment, Some(0.05));
        assert!(
            xml.contains("skipped=\"1\"")
                && xml.contains("<skipped message=\"Nothing can be claimed")
        );
        assert!(!xml.contains("<failure"));
    }

    #[test]
    fn any_text_is_text() {
        assert_eq!(
            escaped("a\u{1b}<b a=\"c\">&\n"),
            "a\u{fffd}&lt;b a=&quot;c&quot;&gt;&amp;&#10;"
        );
    }

    #[test]
    fn without_thresholds_there_are_no_cases() {
        let xml = render(&fixture::load_test(&["/a"], 3), &[]);
        assert!(
            xml.contains("tests=\"0\"") && !xml.contains("<testcase"),
            "{xml}"
        );
    }
}
