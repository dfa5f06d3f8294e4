//! Reads the keys of JSON objects one by one and collects what is wrong with them, by pydantic's rules.

mod encoding;
mod lax;
pub(crate) mod size;

use std::num::NonZeroUsize;

use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use crate::{
    config::Limits,
    wire::{
        asked::{Texts, Unanswerable},
        problem::{Place, Problem},
    },
};

/// No window of a model of this family is longer, and a request for more answers than this would fill the memory.
const LARGEST: u32 = 1000;

/// Most items of a list that are reported as no texts.
const MOST_PROBLEMS: usize = 100;

/// The keys of an object, and the problems found so far.
///
/// A reader gives something usable for a key with a problem as well, so that the other keys are looked at too;
/// [`Fields::finish`] tells whether any of it counts.
#[derive(Debug)]
pub(crate) struct Fields {
    /// The way to the object.
    at: Vec<Place>,
    body: Map<String, Value>,
    problems: Vec<Problem>,
    /// The keys whose texts came as lists.
    lists: Vec<&'static str>,
    /// Whether the object is not there at all, so that problems with its keys would only repeat that.
    absent: bool,
}

impl Fields {
    /// Parses a body that must be a JSON object.
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
        let most = size::most_values(limits);
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

    /// An object that must be there. Its problems come back with [`Fields::absorb`].
    pub(crate) fn object(&mut self, key: &'static str) -> Self {
        if self.body.contains_key(key) {
            return self.nested(key);
        }
        self.missing(key);
        self.none_at(key)
    }

    /// An object that is empty without the key and for null. Its problems come back with [`Fields::absorb`].
    pub(crate) fn optional_object(&mut self, key: &'static str) -> Self {
        match self.body.get(key) {
            None | Some(Value::Null) => Self::of(self.way(key), Map::new()),
            Some(_) => self.nested(key),
        }
    }

    fn nested(&mut self, key: &'static str) -> Self {
        match self.body.remove(key) {
            Some(Value::Object(body)) => Self::of(self.way(key), body),
            other => {
                let message = "Input should be a valid dictionary";
                self.problem("dict_type", key, message, other.unwrap_or_default());
                self.none_at(key)
            }
        }
    }

    /// The objects of a list of at most `most`, or nothing: without the key, for null, or with a problem.
    ///
    /// Their problems come back with [`Fields::absorb`].
    pub(crate) fn optional_objects(&mut self, key: &'static str, most: usize) -> Option<Vec<Self>> {
        match self.body.get(key)? {
            Value::Null => None,
            _ => self.objects(key, most),
        }
    }

    /// The objects of a list of at most `most`, or nothing with a problem.
    ///
    /// Their problems come back with [`Fields::absorb`].
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
            let way = [self.way(key).as_slice(), &[Place::Position(index)]].concat();
            let Value::Object(body) = item else {
                let message = "Input should be a valid dictionary";
                self.problems
                    .push(Problem::new("dict_type", way, message, item));
                return None;
            };
            objects.push(Self::of(way, body));
        }
        Some(objects)
    }

    /// Takes over the problems of an object within this one.
    pub(crate) fn absorb(&mut self, inner: Self) {
        if !inner.absent {
            self.problems.extend(inner.problems);
        }
    }

    /// Questions or contexts: text, or a list of texts. A single one must be usable, those in a list may fail alone.
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
        let most = self.problems.len() + MOST_PROBLEMS;
        for (index, item) in list.into_iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text),
                _ if self.problems.len() == most => break,
                other => {
                    let way = [self.way(key).as_slice(), &[Place::Position(index)]].concat();
                    let message = "Input should be a valid string";
                    self.problems
                        .push(Problem::new("string_type", way, message, other));
                }
            }
        }
        texts
    }

    /// The keys whose texts came as lists.
    pub(crate) fn lists(&self) -> Vec<&'static str> {
        self.lists.clone()
    }

    /// Any text, or nothing: without the key, for null, or with a problem.
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

    /// Any text, or nothing with a problem.
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

    /// Whatever is there.
    pub(crate) fn any(&mut self, key: &'static str) -> Option<Value> {
        self.body.remove(key)
    }

    /// A number from 1, or nothing: without the key, for null, or with a problem.
    pub(crate) fn positive(&mut self, key: &'static str) -> Option<NonZeroUsize> {
        self.integer(key, 1, LARGEST).and_then(NonZeroUsize::new)
    }

    /// A number from 0, or nothing: without the key, for null, or with a problem.
    pub(crate) fn count(&mut self, key: &'static str) -> Option<usize> {
        self.integer(key, 0, LARGEST)
    }

    /// A number of bytes, or nothing: without the key, for null, or with a problem.
    pub(crate) fn bytes(&mut self, key: &'static str) -> Option<usize> {
        self.integer(key, 0, u32::MAX)
    }

    /// True or false, or nothing: without the key, for null, or with a problem.
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

    /// What one of `names` stands for, or nothing: without the key, for null, or with a problem.
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

    /// What one of `names` stands for, or nothing with a problem.
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
                    self.way(key),
                    format!("Input should be {expected}"),
                    size::brief(input),
                )
            };
            self.problems.push(problem);
        }
        found.map(|(_, value)| *value)
    }

    /// Notes a value of the right type that makes no sense.
    pub(crate) fn senseless(&mut self, key: &'static str, error: &impl ToString) {
        let problem = Problem::value(self.way(key), Value::Null, error);
        self.problems.push(problem);
    }

    /// Notes a single text that cannot be used.
    pub(crate) fn unusable(&mut self, unusable: &Unanswerable) {
        self.problems.push(unusable.problem_at(&self.at));
    }

    /// Fails when anything was wrong.
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
                self.way(key),
                format!("List should have at most {most} items, not {length}"),
                Value::Null,
            )
        };
        self.problems.push(problem);
    }

    fn problem(&mut self, kind: &'static str, key: &'static str, message: &str, input: Value) {
        let problem = Problem::new(kind, self.way(key), message, input);
        self.problems.push(problem);
    }

    fn way(&self, key: &'static str) -> Vec<Place> {
        [self.at.as_slice(), &[Place::Key(key)]].concat()
    }

    /// Stands in for an object that is not there.
    fn none_at(&self, key: &'static str) -> Self {
        Self {
            absent: true,
            ..Self::of(self.way(key), Map::new())
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
                    ..Problem::new(kind, self.way(key), message, size::brief(input))
                };
                self.problems.push(problem);
                None
            }
        }
    }
}

/// `'this', 'that' or 'the other'`
fn one_of<T>(names: &[(&'static str, T)]) -> String {
    let quoted: Vec<String> = names.iter().map(|(name, _)| format!("'{name}'")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

/// The integer that `input` stands for, or the kind, message and context of the problem.
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

/// Where parsing failed, in characters from the start of the body.
fn position(body: &[u8], error: &serde_json::Error) -> usize {
    let line: usize = body
        .split_inclusive(|&byte| byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    // Columns count from 1 and name the offending byte, unless the body ended too early.
    let column = if error.is_eof() {
        error.column()
    } else {
        error.column().saturating_sub(1)
    };
    let before = &body[..body.len().min(line + column)];
    String::from_utf8_lossy(before).chars().count()
}
