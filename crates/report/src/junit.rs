//! Thresholds and comparisons as `JUnit` XML, which build servers show as tests.

use std::time::{Duration, SystemTime};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

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
    let measurement = &test.measurement;
    let mut suite = suite(&test.name, measurement.started_at, measurement.period);
    suite
        .add_property(("host", test.host.as_str()))
        .add_property(("bakeoff_version", test.bakeoff_version.as_str()));
    for ThresholdOutcome { threshold, failure } in outcomes {
        let outcome = failure.as_ref().map_or(Outcome::Passed, |failure| {
            let kind = "threshold";
            let message = failure.clone();
            Outcome::Failed { kind, message }
        });
        let details = failure.as_ref();
        let details = details.map(|failure| format!("{threshold}: {failure}"));
        suite.add_test_case(outcome.case(threshold, details));
    }
    written(suite)
}

/// A suite named like the experiment, with a test case for each contender but the baseline.
///
/// A case fails if turns of the contender failed, or if a limit of `gates` fails it. Without such a limit, a case is skipped,
/// with the reason, if no difference is shown or if the contender is not measurable here.
pub fn render_experiment(experiment: &Experiment, gates: Gates) -> String {
    let analysis = Analysis::of(experiment);
    let periods = experiment.runs.iter().map(|run| run.measurement.period);
    let measured = periods.fold(Duration::ZERO, Duration::saturating_add);
    let mut suite = suite(&experiment.name, experiment.started_at, measured);
    let metric = experiment.plan.primary.name();
    suite
        .add_property(("baseline", experiment.plan.baseline.as_str()))
        .add_property(("primary_metric", metric.as_str()))
        .add_property(("bakeoff_version", experiment.bakeoff_version.as_str()));
    let compared = analysis
        .contenders()
        .filter(|result| result.verdict != Verdict::Baseline);
    for result in compared {
        let sentence = verdict_sentence(result, &experiment.plan, &analysis);
        let outcome = Outcome::of(result, experiment, &analysis, gates);
        suite.add_test_case(outcome.case(&result.name(), Some(sentence)));
    }
    written(suite)
}

fn suite(name: &str, started_at: SystemTime, measured: Duration) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.set_time(measured);
    // Written by us: a record may hold a time that the library's calendar cannot.
    let timestamp = words::moment(started_at);
    suite.extra.insert("timestamp".into(), timestamp.into());
    suite
}

fn written(mut suite: TestSuite) -> String {
    for case in &mut suite.test_cases {
        case.set_classname(suite.name.clone());
    }
    let mut report = Report::new("bakeoff");
    report.time = suite.time;
    report.add_test_suite(suite);
    report
        .to_string()
        .expect("writing to memory cannot fail, and text is without control characters")
}

/// Outcome of one test case.
enum Outcome {
    Passed,
    Skipped,
    Failed {
        /// Name of the reason, for programs that read the file.
        kind: &'static str,
        /// Reason in a few words.
        message: String,
    },
}

impl Outcome {
    fn of(result: &Judged, experiment: &Experiment, analysis: &Analysis, gates: Gates) -> Self {
        let name = result.name();
        let failed = |kind, message| Self::Failed { kind, message };
        let label = || result.verdict.label().to_owned();
        if matches!(result.verdict, Verdict::Failed { .. }) {
            return failed("failed", label());
        }
        if gate::worse_than_baseline(experiment, analysis, gates.worse_ratio).contains(&name) {
            return failed("worse", label());
        }
        let margin = gates.margin_ratio;
        let doubt = margin.and_then(|margin| gate::doubt(result, experiment, analysis, margin));
        match doubt {
            Some(why) => failed("not-shown", why),
            // The limit asks for more than a verdict, and the contender keeps it.
            None if margin.is_some() || is_judged(&result.verdict) => Self::Passed,
            None => Self::Skipped,
        }
    }

    /// The test case. Build servers show `text` as its output, its failure or the reason of its skip.
    fn case(self, name: &str, text: Option<String>) -> TestCase {
        let mut output = None;
        let status = match self {
            Self::Passed => {
                output = text;
                TestCaseStatus::success()
            }
            Self::Skipped => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(text.unwrap_or_default());
                status
            }
            Self::Failed { kind, message } => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(kind).set_message(message);
                status.set_description(text.unwrap_or_default());
                status
            }
        };
        let mut case = TestCase::new(name, status);
        case.set_time(Duration::ZERO);
        case.system_out = output.map(Into::into);
        case
    }
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
            xml.contains("skipped=\"0\" errors=\"0\" failures=\"1\""),
            "{xml}"
        );
        assert!(
            xml.contains("<failure message=\"its 95 % interval, "),
            "{xml}"
        );
        let rates: [(&str, &[u64]); 2] = [("new", &[980; 6]), ("old", &[1000; 6])];
        let xml = render_experiment(&fixture::experiment(&rates, "old"), not_worse(0.1));
        assert!(
            xml.contains("skipped=\"0\" errors=\"0\" failures=\"0\""),
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
                xml.contains("skipped=\"0\" errors=\"0\" failures=\"1\""),
                "{xml}"
            );
            assert!(
                xml.contains(
                    "<failure message=\"failed\" type=\"failed\">new failed in 1 of 6 turns"
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
        let mut test = fixture::load_test(&["/a"], 3);
        test.name = "a\u{1}<b a=\"c\">&\n".to_owned();
        let xml = render(&test, &[]);
        assert!(
            xml.contains("<testsuite name=\"a&lt;b a=&quot;c&quot;&gt;&amp;"),
            "{xml}"
        );
        assert!(!xml.contains('\u{1}'), "{xml}");
    }

    #[test]
    fn a_build_server_reads_the_cases_with_their_outcomes() {
        let xml = render_experiment(&fixture::plausible_experiment(), worse(0.05));
        let report = Report::deserialize_from_str(&xml).unwrap();
        let suite = &report.test_suites[0];
        assert_eq!((suite.tests, suite.skipped, suite.failures), (3, 1, 0));
        assert_eq!((report.tests, report.time), (3, suite.time));
        let names: Vec<&str> = suite
            .test_cases
            .iter()
            .map(|case| case.name.as_str())
            .collect();
        assert_eq!(names, ["bakeoff", "bakeoff-docker", "fastapi-docker"]);
        assert!(suite.timestamp.is_some());
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
