//! Agreement of the answers of two contenders to the same requests. Pure.

use bakeoff_load::SampleAnswer;
use bakeoff_record::{Agreement, Disagreement};
use serde_json::Value;

use crate::plain::plain;

/// Most differing answers of a contender that are shown.
const EXAMPLES: usize = 3;

/// Most characters of an answer that are shown.
const SHOWN_CHARS: usize = 80;

/// Rule that two answers to one request must fulfil.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerRule {
    /// The JSON values at this pointer (RFC 6901) are equal.
    Equal {
        /// The pointer.
        pointer: String,
    },
    /// The numbers at this pointer differ by at most `most`.
    Within {
        /// The pointer.
        pointer: String,
        /// Largest difference.
        most: f64,
    },
}

impl AnswerRule {
    fn pointer(&self) -> &str {
        match self {
            Self::Equal { pointer } | Self::Within { pointer, .. } => pointer,
        }
    }

    fn holds(&self, expected: Option<&Value>, actual: Option<&Value>) -> bool {
        match self {
            Self::Equal { .. } => match (number(expected), number(actual)) {
                (Some(expected), Some(actual)) => expected.total_cmp(&actual).is_eq(),
                _ => expected == actual,
            },
            Self::Within { most, .. } => match (number(expected), number(actual)) {
                (Some(expected), Some(actual)) => (expected - actual).abs() <= *most,
                _ => expected == actual,
            },
        }
    }
}

impl std::fmt::Display for AnswerRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Equal { pointer } => write!(f, "{pointer} has to be equal"),
            Self::Within { pointer, most } => write!(f, "{pointer} has to be within {most}"),
        }
    }
}

/// Agreement of a contender's answers with the baseline's answers `expected` to the same sample. A request that one of them
/// did not answer correctly is not compared: it fails under the load, too.
pub(crate) fn agreement(
    contender: &str,
    rules: &[AnswerRule],
    expected: &[SampleAnswer],
    actual: &[SampleAnswer],
) -> Agreement {
    let mut agreement = Agreement {
        contender: contender.to_owned(),
        compared: 0,
        differing: 0,
        examples: Vec::new(),
    };
    // A pointer without a value in any answer of the baseline compares nothing, so no answer agrees.
    let is_void = |rule: &AnswerRule| {
        let mut values = expected
            .iter()
            .filter_map(|answer| answer.body.as_ref().ok());
        values.all(|body| json(body).pointer(rule.pointer()).is_none())
    };
    let void: Vec<bool> = rules.iter().map(is_void).collect();
    for (expected, actual) in expected.iter().zip(actual) {
        let (Ok(expected_body), Ok(actual_body)) = (&expected.body, &actual.body) else {
            continue;
        };
        agreement.compared += 1;
        let (expected_json, actual_json) = (json(expected_body), json(actual_body));
        let broken = rules.iter().zip(&void).find_map(|(rule, is_void)| {
            let pointer = rule.pointer();
            let values = (expected_json.pointer(pointer), actual_json.pointer(pointer));
            (*is_void || !rule.holds(values.0, values.1)).then_some((rule, values))
        });
        let Some((rule, (expected_value, actual_value))) = broken else {
            continue;
        };
        agreement.differing += 1;
        if agreement.examples.len() < EXAMPLES {
            agreement.examples.push(Disagreement {
                request: format!("{} (row {})", expected.request, expected.row + 1),
                rule: rule.to_string(),
                expected: shown(expected_value),
                actual: shown(actual_value),
            });
        }
    }
    agreement
}

/// The body as JSON. A body that is not JSON becomes one string.
fn json(body: &[u8]) -> Value {
    let parsed = serde_json::from_slice(body);
    parsed.unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn number(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::as_f64)
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = plain(value.to_string());
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(bodies: &[&str]) -> Vec<SampleAnswer> {
        let answers = bodies.iter().enumerate();
        answers
            .map(|(row, body)| SampleAnswer {
                request: "/ask".to_owned(),
                row,
                body: if body.is_empty() {
                    Err("status 500".to_owned())
                } else {
                    Ok(body.as_bytes().to_vec())
                },
            })
            .collect()
    }

    fn rules() -> [AnswerRule; 2] {
        [
            AnswerRule::Equal {
                pointer: "/answer".to_owned(),
            },
            AnswerRule::Within {
                pointer: "/score".to_owned(),
                most: 0.02,
            },
        ]
    }

    #[test]
    fn texts_other_than_json_are_compared_as_a_whole() {
        let rules = [AnswerRule::Equal {
            pointer: String::new(),
        }];
        let (expected, actual) = (
            answers(&["hello", "hello"]),
            answers(&["hello", "overloaded"]),
        );
        let agreement = agreement("it", &rules, &expected, &actual);
        assert_eq!((agreement.compared, agreement.differing), (2, 1));
        assert_eq!(agreement.examples[0].actual, "\"overloaded\"");
    }

    #[test]
    fn a_pointer_that_leads_nowhere_is_no_agreement() {
        let rules = [AnswerRule::Equal {
            pointer: "/anser".to_owned(),
        }];
        let same = answers(&["{\"answer\": 1}"]);
        let agreement = agreement("it", &rules, &same, &same);
        assert_eq!((agreement.compared, agreement.differing), (1, 1));
        assert_eq!(agreement.examples[0].expected, "nothing");
    }

    #[test]
    fn answers_differ_by_the_rules_alone() {
        let expected = answers(&[
            r#"{"answer": "Ada", "score": 0.5, "id": 1}"#,
            r#"{"answer": "Ada", "score": 0.5}"#,
            r#"{"answer": "Ada", "score": 0.5}"#,
            r#"{"answer": 1, "score": 1}"#,
            r#"{"answer": "Ada"}"#,
            "",
            "no JSON",
        ]);
        let actual = answers(&[
            r#"{"answer": "Ada", "score": 0.519, "id": 2}"#,
            r#"{"answer": "ada", "score": 0.5}"#,
            r#"{"answer": "Ada", "score": 0.53}"#,
            r#"{"answer": 1.0, "score": 1.0}"#,
            r#"{"answer": "Ada", "score": 0.5}"#,
            r#"{"answer": "Ada"}"#,
            "no JSON either",
        ]);
        let agreement = agreement("new", &rules(), &expected, &actual);
        assert_eq!((agreement.compared, agreement.differing), (6, 3));
        let first = &agreement.examples[0];
        assert_eq!(first.request, "/ask (row 2)");
        assert_eq!(
            (first.expected.as_str(), first.actual.as_str()),
            ("\"Ada\"", "\"ada\"")
        );
        assert_eq!(agreement.examples[1].rule, "/score has to be within 0.02");
        assert_eq!(agreement.examples[2].expected, "nothing");
    }

    #[test]
    fn long_answers_are_cut_between_characters() {
        let long = format!("{{\"answer\": \"{}\"}}", "ä".repeat(200));
        let agreement = agreement("new", &rules(), &answers(&[&long]), &answers(&["{}"]));
        assert_eq!(
            agreement.examples[0].expected.chars().count(),
            SHOWN_CHARS + 1
        );
    }
}
