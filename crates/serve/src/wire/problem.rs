//! What is wrong with a request, in the shape of FastAPI and pydantic, or as one sentence.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::size;

/// Why a request was not answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    /// The reason, a sentence or a phrase.
    pub(crate) detail: String,
}

/// Everything that is wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problems {
    /// One entry a problem.
    pub(crate) detail: Vec<Problem>,
}

/// Why a request was not answered, in the shape of Hugging Face's and the Open Inference Protocol's APIs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// The reason, or all of them.
    pub(crate) error: String,
}

/// One thing that is wrong with a request, in the shape of FastAPI and pydantic.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem, for programs.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Where: `body`, then keys and positions in lists, or for text that is no JSON the position in characters.
    pub(crate) loc: Vec<Place>,
    /// What is wrong, for people.
    pub(crate) msg: String,
    /// The value that was sent there, unless it is long.
    pub(crate) input: Value,
    /// The limit that was broken, or what else the message speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) ctx: Option<Value>,
}

/// A step on the way to a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Place {
    /// A key.
    Key(&'static str),
    /// A position.
    Position(usize),
}

impl Problem {
    /// A problem without a context. An input that is long is left out.
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

    /// A value of the right type that makes no sense.
    pub(crate) fn value(loc: Vec<Place>, input: Value, error: &impl ToString) -> Self {
        let message = format!("Value error, {}", error.to_string());
        Self::new("value_error", loc, message, input)
    }
}

/// `inputs.question[2]: Input should be a valid string`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = String::new();
        for step in &self.loc {
            match step {
                // Goes without saying.
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
