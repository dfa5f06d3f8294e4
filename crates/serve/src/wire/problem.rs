//! Problems of a request, in the format of FastAPI and pydantic, or as one sentence.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::size;

/// Error of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    /// Reason for the error.
    pub(crate) detail: String,
}

/// All problems of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problems {
    /// One entry for each problem.
    pub(crate) detail: Vec<Problem>,
}

/// Error of a request, in the format of Hugging Face and the Open Inference Protocol.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// Reason for the error, or all reasons.
    pub(crate) error: String,
}

/// Problem of a request, in the format of FastAPI and pydantic.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Kind of the problem, for programs.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Location of the problem: `body`, then keys and list indices. For invalid JSON, the position in characters.
    pub(crate) loc: Vec<Place>,
    /// Message, for people.
    pub(crate) msg: String,
    /// Value at the location; null for a long value.
    pub(crate) input: Value,
    /// Values in the message, for example the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) ctx: Option<Value>,
}

/// Part of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Place {
    /// Key of an object.
    Key(&'static str),
    /// Index in a list, or position in characters.
    Position(usize),
}

impl Problem {
    /// Problem without a context. A long input becomes null.
    pub(crate) fn new(
        kind: &'static str,
        loc: Vec<Place>,
        msg: impl Into<String>,
        input: Value,
    ) -> Self {
        Self {
            kind,
            loc,
            msg: msg.into(),
            input: if size::is_brief(&input) {
                input
            } else {
                Value::Null
            },
            ctx: None,
        }
    }

    /// Problem of an invalid value of the right type.
    pub(crate) fn value(loc: Vec<Place>, input: Value, error: &impl ToString) -> Self {
        let message = format!("Value error, {}", error.to_string());
        Self::new("value_error", loc, message, input)
    }
}

/// Problem as a sentence, for example `inputs.question[2]: Input should be a valid string`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = String::new();
        for step in &self.loc {
            match step {
                // The body is the default location.
                Place::Key("body") => {}
                Place::Key(key) if place.is_empty() => place.push_str(key),
                Place::Key(key) => write!(place, ".{key}")?,
                Place::Position(position) if place.is_empty() => {
                    write!(place, "character {position}")?;
                }
                Place::Position(position) => write!(place, "[{position}]")?,
            }
        }
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(self.msg.strip_prefix("Value error, ").unwrap_or(&self.msg))?;
        if self.kind == "json_invalid"
            && let Some(error) = self.ctx.as_ref().and_then(|ctx| ctx["error"].as_str())
        {
            write!(f, ", {error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_read_as_sentences() {
        let body = Place::Key("body");
        let check = |problem: Problem, expected: &str| assert_eq!(problem.to_string(), expected);
        let value = |loc| Problem::value(loc, Value::Null, &"`question` cannot be empty");
        check(value(vec![body]), "`question` cannot be empty");
        let loc = vec![
            body,
            Place::Key("inputs"),
            Place::Key("question"),
            Place::Position(2),
        ];
        check(value(loc), "inputs.question[2]: `question` cannot be empty");
        let invalid = Problem {
            ctx: Some(json!({ "error": "expected value" })),
            ..Problem::new(
                "json_invalid",
                vec![body, Place::Position(7)],
                "JSON decode error",
                json!({}),
            )
        };
        check(invalid, "character 7: JSON decode error, expected value");
    }
}
