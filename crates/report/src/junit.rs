//! Thresholds and comparisons as `JUnit` XML, which build servers show as tests.

use std::fmt::Write;

use super::answer::is_judged;
use super::gate::{self, Gates};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::interpretation::verdict_sentence;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::run::{LoadTest, ThresholdOutcome};

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
/// A contender whose turns failed has failed, and so has one that a limit of `gates` fails. One of which nothing is shown, or
/// that is not measurable here, is skipped, with the reason, unless a limit asks for more.
pub fn render_experiment(experiment: &Experiment, gates: Gates) -> String {
    let analysis = Analysis::of(experiment);
    let compared: Vec<&Judged> = analysis
        .contenders()
        .filter(|result| result.verdict != Verdict::Baseline)
        .collect();
    let cases: Vec<(&Judged, Outcome)> = compared
        .iter()
        .map(|result| (*result, Outcome::of(result, experiment, &analysis, gates)))
        .collect();
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|(_, outcome)| is(outcome)).count();
    let counts = format!(
        r#"tests="{}" failures="{}" errors="0" skipped="{}" time="{:.3}""#,
        compared.len(),
        count(|outcome| matches!(outcome, Outcome::Failed { .. })),
        count(|outcome| matches!(outcome, Outcome::Skipped)),
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
        experiment.plan.primary.name(),
        escaped(&experiment.bakeoff_version),
    );
    for (result, outcome) in cases {
        let sentence = escaped(&verdict_sentence(result, &experiment.plan, &analysis));
        let contender = escaped(result.name());
        let case = format!(r#"    <testcase classname="{name}" name="{contender}" time="0">"#);
        let label = result.verdict.label();
        let outcome = match outcome {
            Outcome::Failed { kind, why } => {
                let message = escaped(&why.unwrap_or_else(|| label.to_owned()));
                format!("<failure type=\"{kind}\" message=\"{message}\">{sentence}</failure>")
            }
            Outcome::Passed => format!("<system-out>{sentence}</system-out>"),
            Outcome::Skipped => format!("<skipped message=\"{sentence}\"/>"),
        };
        writeln!(xml, "{case}\n      {outcome}\n    </testcase>")
            .expect("writing to a string cannot fail");
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// Outcome of one test case.
enum Outcome {
    Passed,
    Skipped,
    Failed {
        /// For programs that read the file.
        kind: &'static str,
        /// In place of the verdict in a word or two.
        why: Option<String>,
    },
}

impl Outcome {
    fn of(result: &Judged, experiment: &Experiment, analysis: &Analysis, gates: Gates) -> Self {
        let name = result.name();
        let failed = |kind, why| Self::Failed { kind, why };
        if matches!(result.verdict, Verdict::Failed { .. }) {
            return failed("failed", None);
        }
        if gate::worse_than_baseline(experiment, analysis, gates.worse_ratio).contains(&name) {
            return failed("worse", None);
        }
        let margin = gates.margin_ratio;
        let doubt = margin.and_then(|margin| gate::doubt(result, experiment, analysis, margin));
        match doubt {
            Some(why) => failed("not-shown", Some(why)),
            // The limit asks for more than a verdict, and has got it.
            None if margin.is_some() || is_judged(&result.verdict) => Self::Passed,
            None => Self::Skipped,
        }
    }
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
    use bakeoff_record::fixture;

    fn worse(ratio: f64) -> Gates {
        Gates {
            worse_ratio: Some(ratio),
            ..Gates::default()
        }
    }

    fn not_worse(ratio: f64) -> Gates {
        Gates {
            margin_ratio: Some(ratio),
            ..Gates::default()
        }
    }

    #[test]
    fn a_contender_not_shown_to_be_no_worse_fails_with_the_reason() {
        let rates: [(&str, &[u64]); 2] = [
            ("new", &[1000, 700, 1300, 800, 1200, 1000]),
            ("old", &[1000; 6]),
        ];
        let experiment = fixture::experiment(&rates, "old");
        assert!(!render_experiment(&experiment, worse(0.1)).contains("<failure"));
        let xml = render_experiment(&experiment, not_worse(0.1));
        assert!(
            xml.contains("failures=\"1\" errors=\"0\" skipped=\"0\""),
            "{xml}"
        );
        assert!(
            xml.contains("<failure type=\"not-shown\" message=\"its interval, "),
            "{xml}"
        );
        let rates: [(&str, &[u64]); 2] = [("new", &[980; 6]), ("old", &[1000; 6])];
        let xml = render_experiment(&fixture::experiment(&rates, "old"), not_worse(0.1));
        assert!(
            xml.contains("failures=\"0\" errors=\"0\" skipped=\"0\""),
            "{xml}"
        );
        // Too few blocks for a verdict, which is skipped without this limit.
        let few = fixture::experiment(&[("new", &[1000; 2]), ("old", &[1000; 2])], "old");
        let xml = render_experiment(&few, not_worse(0.1));
        assert!(
            xml.contains("message=\"there is no verdict: too few blocks\""),
            "{xml}"
        );
    }

    #[test]
    fn a_kept_and_a_broken_threshold() {
        let test = fixture::load_test(&["/a", "/b"], 16);
        insta::assert_snapshot!(render(&test, &fixture::thresholds()));
    }

    #[test]
    fn an_experiment_with_a_limit() {
        let mut experiment = fixture::plausible_experiment();
        insta::assert_snapshot!("an_experiment", render_experiment(&experiment, worse(0.05)));
        experiment.plan.baseline = "bakeoff".to_owned();
        experiment.plan.control = None;
        let xml = render_experiment(&experiment, worse(0.05));
        // One of the four contenders has a failed turn in ten, which forbids a comparison.
        assert!(xml.contains("failures=\"2\""), "{xml}");
        assert!(xml.contains("skipped=\"1\""), "{xml}");
        assert!(!render_experiment(&experiment, Gates::default()).contains("<failure"));
    }

    #[test]
    fn a_contender_whose_turns_failed_has_failed_with_and_without_a_limit() {
        let mut experiment =
            fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
        experiment.runs[0].measurement = fixture::measurement("/answer", &[], &[], 1);
        for gates in [Gates::default(), worse(0.05), not_worse(0.1)] {
            let xml = render_experiment(&experiment, gates);
            assert!(
                xml.contains("failures=\"1\" errors=\"0\" skipped=\"0\""),
                "{xml}"
            );
            assert!(
                xml.contains(
                    "<failure type=\"failed\" message=\"failed\">new failed in 1 of 6 turns:"
                ),
                "{xml}"
            );
        }
    }

    #[test]
    fn what_is_not_shown_is_skipped() {
        let experiment = fixture::experiment(&[("new", &[500; 2]), ("old", &[1000; 2])], "old");
        let xml = render_experiment(&experiment, worse(0.05));
        assert!(
            xml.contains("skipped=\"1\"")
                && xml.contains("<skipped message=\"new cannot be compared with old yet")
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
