//! Reader of JSON objects. It reads one key at a time and collects all problems, by the rules of pydantic.

mod encoding;
mod lax;
pub(crate) mod size;

use std::num::NonZeroUsize;

use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{
    asked::{Texts, Unanswerable},
    problem::{Place, Problem},
};
use crate::config::Limits;

/// Maximum value of a number. Windows have fewer tokens, and more answers would use too much memory.
const MAX_NUMBER: u32 = 1000;

/// Maximum number of reported list items that are not texts.
const MAX_PROBLEMS: usize = 100;

/// Keys of a JSON object, and the problems so far.
///
/// A key with a problem has a valid substitute value, so that the other keys are checked too. [`Fields::finish`] returns the
/// problems.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Location of the object in the body.
    at: Vec<Place>,
    body: Map<String, Value>,
    problems: Vec<Problem>,
    /// Keys whose texts are lists.
    lists: Vec<&'static str>,
    /// `true` if the object is missing. Problems of its keys are then not reported.
    absent: bool,
}

impl Fields {
    /// Parses a body that must be a JSON object.
    ///
    /// # Errors
    /// The problem of the body.
    pub(crate) fn from_json(body: &[u8], limits: &Limits) -> Result<Self, Vec<Problem>> {
        let problem = |kind, message: &str, input| {
            Err(vec![Problem::new(
                kind,
                vec![Place::Key("body")],
                message,
                input,
            )])
        };
        if body.is_empty() {
            return problem("missing", "Field required", Value::Null);
        }
        let body = &*encoding::utf8_of(body);
        let most = size::max_values(limits);
        if size::has_more_values(body, most) {
            if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
                return Err(vec![invalid_json(body, &error)]);
            }
            let message = format!("Body should have at most {most} values");
            return problem("too_long", &message, Value::Null);
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => Ok(Self::of(vec![Place::Key("body")], body)),
            Ok(Value::Null) => problem("missing", "Field required", Value::Null),
            Ok(input) => {
                let message = "Input should be a valid dictionary or object to extract fields from";
                problem("model_attributes_type", message, input)
            }
            Err(error) => Err(vec![invalid_json(body, &error)]),
        }
    }

    fn of(at: Vec<Place>, body: Map<String, Value>) -> Self {
        Self {
            at,
            body,
            problems: Vec::new(),
            lists: Vec::new(),
            absent: false,
        }
    }

    /// Required object. [`Fields::absorb`] takes over its problems.
    pub(crate) fn object(&mut self, key: &'static str) -> Self {
        if self.body.contains_key(key) {
            return self.nested(key);
        }
        self.missing(key);
        self.none_at(key)
    }

    /// Optional object. It is empty if the key is missing or null. [`Fields::absorb`] takes over its problems.
    pub(crate) fn optional_object(&mut self, key: &'static str) -> Self {
        match self.body.get(key) {
            None | Some(Value::Null) => Self::of(self.location(key), Map::new()),
            Some(_) => self.nested(key),
        }
    }

    fn nested(&mut self, key: &'static str) -> Self {
        match self.body.remove(key) {
            Some(Value::Object(body)) => Self::of(self.location(key), body),
            other => {
                let message = "Input should be a valid dictionary";
                self.problem("dict_type", key, message, other.unwrap_or_default());
                self.none_at(key)
            }
        }
    }

    /// Optional list of at most `most` objects. `None` if the key is missing, null, or has a problem. [`Fields::absorb`] takes over
    /// their problems.
    pub(crate) fn optional_objects(&mut self, key: &'static str, most: usize) -> Option<Vec<Self>> {
        match self.body.get(key)? {
            Value::Null => None,
            _ => self.objects(key, most),
        }
    }

    /// Required list of at most `most` objects. `None` if the key has a problem. [`Fields::absorb`] takes over their problems.
    pub(crate) fn objects(&mut self, key: &'static str, most: usize) -> Option<Vec<Self>> {
        let list = match self.body.remove(key) {
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.problem("list_type", key, "Input should be a valid list", other);
                return None;
            }
            None => {
                self.missing(key);
                return None;
            }
        };
        if list.len() > most {
            self.too_long(key, list.len(), most);
            return None;
        }
        let mut objects = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            let location = [self.location(key).as_slice(), &[Place::Position(index)]].concat();
            let Value::Object(body) = item else {
                let message = "Input should be a valid dictionary";
                self.problems
                    .push(Problem::new("dict_type", location, message, item));
                return None;
            };
            objects.push(Self::of(location, body));
        }
        Some(objects)
    }

    /// Takes over the problems of a nested object.
    pub(crate) fn absorb(&mut self, inner: Self) {
        if !inner.absent {
            self.problems.extend(inner.problems);
        }
    }

    /// Required questions or contexts: a text or a list of texts. A single text must be valid. Texts in a list are checked later,
    /// because they fail alone.
    pub(crate) fn texts(&mut self, key: &'static str, limits: &Limits) -> Texts {
        match self.body.get(key) {
            Some(Value::String(text)) => {
                match Unanswerable::unless_usable(key, text.clone(), limits) {
                    Ok(text) => return Texts::One(text),
                    Err(unusable) => self.unusable(&unusable),
                }
            }
            Some(Value::Array(list)) if list.len() > limits.max_items.get() => {
                let length = list.len();
                self.too_long(key, length, limits.max_items.get());
            }
            Some(Value::Array(list)) => {
                let list = list.clone();
                self.lists.push(key);
                return Texts::Many(self.strings(key, list));
            }
            Some(other) => {
                let message = "Input should be a valid string or a list of strings";
                let input = size::brief(other);
                self.problem("string_type", key, message, input);
            }
            None => self.missing(key),
        }
        Texts::One(String::new())
    }

    fn strings(&mut self, key: &'static str, list: Vec<Value>) -> Vec<String> {
        let mut texts = Vec::with_capacity(list.len());
        let most = self.problems.len() + MAX_PROBLEMS;
        for (index, item) in list.into_iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text),
                _ if self.problems.len() == most => break,
                other => {
                    let location =
                        [self.location(key).as_slice(), &[Place::Position(index)]].concat();
                    let message = "Input should be a valid string";
                    self.problems
                        .push(Problem::new("string_type", location, message, other));
                }
            }
        }
        texts
    }

    /// Keys whose texts are lists.
    pub(crate) fn lists(&self) -> Vec<&'static str> {
        self.lists.clone()
    }

    /// Optional text. `None` if the key is missing, null, or has a problem.
    pub(crate) fn optional_text(&mut self, key: &'static str) -> Option<String> {
        match self.body.remove(key)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.problem("string_type", key, "Input should be a valid string", other);
                None
            }
        }
    }

    /// Required text. `None` if the key has a problem.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.body.get(key) {
            None => {
                self.missing(key);
                None
            }
            Some(Value::Null) => {
                let message = "Input should be a valid string";
                self.problem("string_type", key, message, Value::Null);
                None
            }
            Some(_) => self.optional_text(key),
        }
    }

    /// Optional value of any type.
    pub(crate) fn any(&mut self, key: &'static str) -> Option<Value> {
        self.body.remove(key)
    }

    /// Optional integer from 1. `None` if the key is missing, null, or has a problem.
    pub(crate) fn positive(&mut self, key: &'static str) -> Option<NonZeroUsize> {
        self.integer(key, 1, MAX_NUMBER).and_then(NonZeroUsize::new)
    }

    /// Optional integer from 0. `None` if the key is missing, null, or has a problem.
    pub(crate) fn count(&mut self, key: &'static str) -> Option<usize> {
        self.integer(key, 0, MAX_NUMBER)
    }

    /// Optional number of bytes. `None` if the key is missing, null, or has a problem.
    pub(crate) fn bytes(&mut self, key: &'static str) -> Option<usize> {
        self.integer(key, 0, u32::MAX)
    }

    /// Optional flag. `None` if the key is missing, null, or has a problem.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let input = self.body.get(key)?;
        if input.is_null() {
            return None;
        }
        match lax::boolean(input) {
            Ok(flag) => Some(flag),
            Err((kind, message)) => {
                let input = size::brief(input);
                self.problem(kind, key, message, input);
                None
            }
        }
    }

    /// Optional value with one of `names`. `None` if the key is missing, null, or has a problem.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        names: &[(&'static str, T)],
    ) -> Option<T> {
        match self.body.get(key) {
            None | Some(Value::Null) => None,
            Some(_) => self.required_choice(key, names),
        }
    }

    /// Required value with one of `names`. `None` if the key has a problem.
    pub(crate) fn required_choice<T: Copy>(
        &mut self,
        key: &'static str,
        names: &[(&'static str, T)],
    ) -> Option<T> {
        let Some(input) = self.body.get(key) else {
            self.missing(key);
            return None;
        };
        let found = input
            .as_str()
            .and_then(|input| names.iter().find(|(name, _)| *name == input));
        if found.is_none() {
            let expected = one_of(names);
            let problem = Problem {
                ctx: Some(json!({ "expected": expected })),
                ..Problem::new(
                    "literal_error",
                    self.location(key),
                    format!("Input should be {expected}"),
                    size::brief(input),
                )
            };
            self.problems.push(problem);
        }
        found.map(|(_, value)| *value)
    }

    /// Adds the problem of an invalid value of the right type.
    pub(crate) fn invalid(&mut self, key: &'static str, error: &impl ToString) {
        let problem = Problem::value(self.location(key), Value::Null, error);
        self.problems.push(problem);
    }

    /// Adds the problem of a single text.
    pub(crate) fn unusable(&mut self, unusable: &Unanswerable) {
        self.problems.push(unusable.problem_at(&self.at));
    }

    /// Ends the reading of the object.
    ///
    /// # Errors
    /// All problems, if there are any.
    pub(crate) fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }

    fn missing(&mut self, key: &'static str) {
        let input = size::brief_object(&self.body);
        self.problem("missing", key, "Field required", input);
    }

    fn too_long(&mut self, key: &'static str, length: usize, most: usize) {
        let problem = Problem {
            ctx: Some(json!({ "max_length": most, "actual_length": length })),
            ..Problem::new(
                "too_long",
                self.location(key),
                format!("List should have at most {most} items, not {length}"),
                Value::Null,
            )
        };
        self.problems.push(problem);
    }

    fn problem(&mut self, kind: &'static str, key: &'static str, message: &str, input: Value) {
        let problem = Problem::new(kind, self.location(key), message, input);
        self.problems.push(problem);
    }

    fn location(&self, key: &'static str) -> Vec<Place> {
        [self.at.as_slice(), &[Place::Key(key)]].concat()
    }

    /// Substitute for a missing object.
    fn none_at(&self, key: &'static str) -> Self {
        Self {
            absent: true,
            ..Self::of(self.location(key), Map::new())
        }
    }

    fn integer(&mut self, key: &'static str, least: u32, most: u32) -> Option<usize> {
        let input = self.body.get(key)?;
        if input.is_null() {
            return None;
        }
        match integer(input, least, most) {
            Ok(number) => Some(number),
            Err((kind, message, ctx)) => {
                let problem = Problem {
                    ctx,
                    ..Problem::new(kind, self.location(key), message, size::brief(input))
                };
                self.problems.push(problem);
                None
            }
        }
    }
}

/// Names as `'a', 'b' or 'c'`.
fn one_of<T>(names: &[(&'static str, T)]) -> String {
    let quoted: Vec<String> = names.iter().map(|(name, _)| format!("'{name}'")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

/// Integer value of `input`.
///
/// # Errors
/// Kind, message and context of the problem.
fn integer(
    input: &Value,
    least: u32,
    most: u32,
) -> Result<usize, (&'static str, String, Option<Value>)> {
    let number = lax::integer(input).map_err(|(kind, message)| (kind, message.to_owned(), None))?;
    if number < i128::from(least) {
        let message = format!("Input should be greater than or equal to {least}");
        return Err(("greater_than_equal", message, Some(json!({ "ge": least }))));
    }
    usize::try_from(number)
        .ok()
        .filter(|_| number <= i128::from(most))
        .ok_or_else(|| {
            let message = format!("Input should be less than or equal to {most}");
            ("less_than_equal", message, Some(json!({ "le": most })))
        })
}

fn invalid_json(body: &[u8], error: &serde_json::Error) -> Problem {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&place).unwrap_or(&message);
    Problem {
        kind: "json_invalid",
        loc: vec![Place::Key("body"), Place::Position(position(body, error))],
        msg: "JSON decode error".to_owned(),
        input: json!({}),
        ctx: Some(json!({ "error": message })),
    }
}

/// Position of a parse error, in characters from the start of the body.
fn position(body: &[u8], error: &serde_json::Error) -> usize {
    let line: usize = body
        .split_inclusive(|&byte| byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    // Columns start at 1. The column is that of the invalid byte, or of the last byte if the body ended too early.
    let column = if error.is_eof() {
        error.column()
    } else {
        error.column().saturating_sub(1)
    };
    let before = &body[..body.len().min(line + column)];
    String::from_utf8_lossy(before).chars().count()
}
