//! Settings that a contender tells about itself, such as its number of threads, for the report. Names and values are kept as
//! they are, whatever they mean.

use std::time::Duration;

use bakeoff_load::{Connecting, Get, GetError, with_causes};
use bakeoff_record::Fact;
use serde_json::{Map, Value};

use crate::contender::ContenderConfig;
use crate::contender::facts::{fact, is_secret};
use crate::experiment::state::ExperimentState;
use crate::runtime::{NoRuntime, block_on};

/// Time limit of the request, from the lookup of the name to the last byte.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Longest body in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// Most fields that are kept, in the order of their names.
const MOST_FIELDS: usize = 20;
/// Most characters of a field's name.
const NAME_CHARS: usize = 60;
/// Most characters of a field's value.
const VALUE_CHARS: usize = 200;

/// Reason why the settings of a contender are not known.
#[derive(Debug, thiserror::Error)]
enum InfoError {
    #[error(transparent)]
    Get(#[from] GetError),
    #[error("status {0}")]
    Status(u16),
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
    #[error("the answer is not a JSON object")]
    NotAnObject,
    #[error("the answer has no field with a string, a number or a boolean")]
    NoField,
}

/// Requests the `info` path of the contender at `address` and records the answer as facts of the contender and of its
/// control. Does so once per contender. An answer that cannot be used becomes one fact with the reason.
pub(super) fn note(
    connecting: &Connecting,
    config: &ContenderConfig,
    address: &str,
    state: &mut ExperimentState<'_>,
) {
    let Some(path) = &config.info else { return };
    let experiment = &mut *state.experiment;
    let plan = &experiment.plan;
    let control = plan.control.as_ref();
    let control = control.filter(|_| plan.baseline == config.name);
    let of_contender = |name: &String| *name == config.name || Some(name) == control;
    let contenders = experiment.contenders.iter_mut();
    let mut contenders = contenders.filter(|other| of_contender(&other.name));
    let Some(first) = contenders.next() else {
        return;
    };
    if first.facts.iter().any(is_answer) {
        return;
    }
    let request = Get {
        host: address,
        path,
        time_limit: TIME_LIMIT,
        body_limit: Some(BODY_LIMIT),
    };
    let asked = bakeoff_load::get(connecting, &request);
    let facts = match block_on(state.stop.run_until_cancelled(asked)) {
        Ok(None) => return,
        Ok(Some(Ok(answer))) if answer.status == 200 => fields(&answer.body),
        Ok(Some(Ok(answer))) => Err(InfoError::Status(answer.status)),
        Ok(Some(Err(error))) => Err(error.into()),
        Err(error) => Err(error.into()),
    };
    let facts = facts
        .unwrap_or_else(|error| vec![fact("info", format!("not told: {}", with_causes(&error)))]);
    for other in contenders {
        other.facts.extend_from_slice(&facts);
    }
    first.facts.extend(facts);
}

/// `true` for a fact of an earlier answer.
fn is_answer(fact: &Fact) -> bool {
    fact.name == "info" || fact.name.starts_with("info: ")
}

/// The strings, numbers and booleans of a JSON object, a fact each, without fields that may be secret.
fn fields(body: &[u8]) -> Result<Vec<Fact>, InfoError> {
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| InfoError::NotAnObject)?;
    let fields = object.iter().filter(|(name, _)| !is_secret(name));
    let facts: Vec<Fact> = fields
        .filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => on_one_line(text, VALUE_CHARS),
                Value::Number(number) => on_one_line(&number.to_string(), VALUE_CHARS),
                Value::Bool(is_so) => is_so.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            };
            let name = format!("info: {}", on_one_line(name, NAME_CHARS));
            Some(fact(&name, value))
        })
        .take(MOST_FIELDS)
        .collect();
    if facts.is_empty() {
        return Err(InfoError::NoField);
    }
    Ok(facts)
}

fn on_one_line(text: &str, most_chars: usize) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(most_chars).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(body: &str) -> Vec<(String, String)> {
        let facts = fields(body.as_bytes()).unwrap().into_iter();
        facts.map(|fact| (fact.name, fact.value)).collect()
    }

    #[test]
    fn scalar_fields_become_facts_and_secrets_do_not() {
        let body = r#"{"isa": "AVX2\u001b[1m", "threads": 2, "ready": true, "limits": {"items": 1}, "names": ["a"], "none": null,
            "api_key": "hush", "HF_Token": "hush", "client_secret": 1, "Password": true, "credentials": "hush"}"#;
        let expected = [
            ("info: isa", "AVX2 [1m"),
            ("info: ready", "true"),
            ("info: threads", "2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(body), expected);
    }

    #[test]
    fn only_so_many_fields_are_kept_and_only_so_much_of_them() {
        let many: Map<String, Value> = (10..60)
            .map(|number| {
                (
                    format!("n{number}{}", "é".repeat(100)),
                    "ü".repeat(500).into(),
                )
            })
            .collect();
        let pairs = pairs(&Value::Object(many).to_string());
        assert_eq!(pairs.len(), MOST_FIELDS);
        for (name, value) in pairs {
            assert_eq!(name.chars().count(), "info: ".len() + NAME_CHARS);
            assert_eq!(value.chars().count(), VALUE_CHARS);
        }
    }

    #[test]
    fn an_answer_without_fields_says_so() {
        for (body, expected) in [
            ("hello", "the answer is not a JSON object"),
            ("[1]", "the answer is not a JSON object"),
            ("\"text\"", "the answer is not a JSON object"),
            ("{}", "the answer has no field with"),
            (r#"{"key": "hush"}"#, "the answer has no field with"),
        ] {
            let error = fields(body.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{body}: {error}");
        }
    }
}
