//! Thresholds as `JUnit` XML, which build servers show as tests.

use std::fmt::Write;

use crate::run::{LoadTest, ThresholdOutcome};
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
    use crate::fixture;

    #[test]
    fn a_kept_and_a_broken_threshold() {
        let test = fixture::load_test(&["/a", "/b"], 16);
        insta::assert_snapshot!(render(&test, &fixture::thresholds()));
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
