//! Checks of a request, from their tables.

use hyper::StatusCode;
use hyper::header::HeaderName;
use regex::bytes::Regex;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use toml::de::DeValue;
use toml::{Spanned, Value};

use super::source::Source;
use super::template::{Json, Row};
use super::values::Period;
use crate::check::json::{JsonCheck, Limit, Limits, Side};
use crate::check::text::TextCheck;
use crate::check::{BodyCheck, Checks, HeaderCheck};
use crate::error::ScenarioError;
use crate::json::{Decimal, Kind};

const ONE_OF: &str = "a check is one of { status = 200 }, { status = [200, 404] }, { header = \"content-type\", contains = \"json\" }, \
    { json = \"/answer\", kind = \"string\" }, { json = \"/score\", equal = 1 }, \
    { json = \"/score\", one_of = [1, 2] }, { json = \"/score\", at_least = 0.5, below = 1 }, { contains = \"text\" }, { matches = \"a regex\" }, \
    { at_least_bytes = 1, at_most_bytes = 1000 } and { within = \"500ms\" }";

/// Table of one check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckTable {
    status: Option<Spanned<Value>>,
    header: Option<String>,
    json: Option<String>,
    kind: Option<Kind>,
    equal: Option<Spanned<IgnoredAny>>,
    one_of: Option<Spanned<IgnoredAny>>,
    at_least: Option<Spanned<IgnoredAny>>,
    at_most: Option<Spanned<IgnoredAny>>,
    above: Option<Spanned<IgnoredAny>>,
    below: Option<Spanned<IgnoredAny>>,
    contains: Option<String>,
    matches: Option<String>,
    at_least_bytes: Option<u64>,
    at_most_bytes: Option<u64>,
    within: Option<Period>,
}

impl CheckTable {
    /// Keys that are given, in the order of the fields.
    fn keys(&self) -> Vec<&'static str> {
        [
            ("status", self.status.is_some()),
            ("header", self.header.is_some()),
            ("json", self.json.is_some()),
            ("kind", self.kind.is_some()),
            ("equal", self.equal.is_some()),
            ("one_of", self.one_of.is_some()),
            ("at_least", self.at_least.is_some()),
            ("at_most", self.at_most.is_some()),
            ("above", self.above.is_some()),
            ("below", self.below.is_some()),
            ("contains", self.contains.is_some()),
            ("matches", self.matches.is_some()),
            ("at_least_bytes", self.at_least_bytes.is_some()),
            ("at_most_bytes", self.at_most_bytes.is_some()),
            ("within", self.within.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect()
    }
}

/// The checks of all tables together.
pub(super) fn build(
    source: &Source<'_>,
    tables: &[Spanned<CheckTable>],
) -> Result<Checks, ScenarioError> {
    let mut checks = Checks::default();
    for table in tables {
        let place = table.span();
        add(source, &mut checks, table.get_ref())
            .map_err(|problem| source.wrong(&place, &problem))?;
    }
    Ok(checks)
}

fn add(source: &Source<'_>, checks: &mut Checks, table: &CheckTable) -> Result<(), String> {
    match table.keys().as_slice() {
        ["status"] => add_status(checks, table.status.as_ref().map(Spanned::get_ref)),
        ["header"] | ["header", "equal" | "contains" | "matches"] => {
            let name = table
                .header
                .as_deref()
                .expect("the table has the key `header`");
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("`header` must be the name of a header, not {name:?}"))?;
            let value = text_check(source, table)?;
            checks.headers.push(HeaderCheck { name, value });
            Ok(())
        }
        ["json", rest @ ..] if rest.iter().all(|key| OF_JSON.contains(key)) => {
            checks
                .body
                .push(BodyCheck::Json(json_check(source, table)?));
            Ok(())
        }
        ["contains" | "matches"] => {
            let check = text_check(source, table)?;
            checks.body.extend(check.map(BodyCheck::Text));
            Ok(())
        }
        ["at_least_bytes" | "at_most_bytes"] | ["at_least_bytes", "at_most_bytes"] => {
            checks.at_least_bytes = table.at_least_bytes.or(checks.at_least_bytes);
            checks.at_most_bytes = table.at_most_bytes.or(checks.at_most_bytes);
            Ok(())
        }
        ["within"] => {
            checks.within = table.within.map(|within| within.0);
            Ok(())
        }
        _ => Err(ONE_OF.to_owned()),
    }
}

/// Keys of a check of a value in a JSON body, beside `json`.
const OF_JSON: [&str; 7] = [
    "kind", "equal", "one_of", "at_least", "at_most", "above", "below",
];

fn add_status(checks: &mut Checks, status: Option<&Value>) -> Result<(), String> {
    if !checks.status.is_empty() {
        let problem = "a task can have one check of `status` only; several are right as { status = [200, 404] }";
        return Err(problem.to_owned());
    }
    let given = match status {
        Some(Value::Array(statuses)) => statuses.iter().collect(),
        status => Vec::from_iter(status),
    };
    let valid = |value: &&Value| {
        let number = value
            .as_integer()
            .and_then(|number| u16::try_from(number).ok());
        let status = number.and_then(|number| StatusCode::from_u16(number).ok());
        status.ok_or_else(|| format!("`status` must be from 100 to 999, not {value}"))
    };
    checks.status = given.iter().map(valid).collect::<Result<_, _>>()?;
    if checks.status.is_empty() {
        return Err("`status` needs at least one number, such as [200, 404]".to_owned());
    }
    Ok(())
}

fn json_check(source: &Source<'_>, table: &CheckTable) -> Result<JsonCheck, String> {
    let pointer = table.json.clone().expect("the table has the key `json`");
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(format!(
            "`json` must be a JSON pointer such as \"/answer\", not {pointer:?}"
        ));
    }
    let mut one_of = Vec::new();
    if let Some(equal) = &table.equal {
        one_of.push(value("equal", written(source, "equal", equal)?)?);
    }
    if let Some(list) = &table.one_of {
        let DeValue::Array(values) = written(source, "one_of", list)? else {
            return Err("`one_of` must be a list of values".to_owned());
        };
        if table.equal.is_some() || values.is_empty() {
            return Err("`one_of` needs at least one value, and no `equal` beside it".to_owned());
        }
        for item in values {
            one_of.push(value("one_of", item.get_ref())?);
        }
    }
    let mut limits = Vec::new();
    for (key, side, limit) in [
        ("at_least", Side::AtLeast, &table.at_least),
        ("at_most", Side::AtMost, &table.at_most),
        ("above", Side::Above, &table.above),
        ("below", Side::Below, &table.below),
    ] {
        let Some(limit) = limit else { continue };
        let value = value(key, written(source, key, limit)?)?;
        let number = Decimal::of(&value).ok_or_else(|| format!("`{key}` must be a number"))?;
        limits.push(Limit {
            side,
            number,
            written: value.get().to_owned(),
        });
    }
    Ok(JsonCheck {
        pointer,
        kind: table.kind,
        one_of,
        number: Limits(limits),
    })
}

fn written<'a>(
    source: &Source<'a>,
    key: &str,
    value: &Spanned<IgnoredAny>,
) -> Result<&'a DeValue<'a>, String> {
    let value = source.written(key, &value.span());
    value.map_err(|error| error.to_string())
}

/// JSON value of a key, with its numbers as they were written.
fn value(key: &str, written: &DeValue<'_>) -> Result<Box<RawValue>, String> {
    let template =
        Json::parse(written, &|_| true).map_err(|problem| format!("`{key}` {problem}"))?;
    let value = template.fill(&Row::new());
    value.map_err(|_| format!("`{key}` cannot have columns to fill in"))
}

/// Check of a text; `None` if the table has no key for it.
fn text_check(source: &Source<'_>, table: &CheckTable) -> Result<Option<TextCheck>, String> {
    if let Some(equal) = &table.equal {
        let text = written(source, "equal", equal)?.as_str();
        let text = text.ok_or("`equal` must be a text here")?;
        return Ok(Some(TextCheck::Equal(text.to_owned())));
    }
    if let Some(pattern) = &table.matches {
        let regex = Regex::new(pattern)
            .map_err(|_| format!("`matches` must be a regular expression, not {pattern:?}"))?;
        return Ok(Some(TextCheck::Matches(regex)));
    }
    Ok(table.contains.clone().map(TextCheck::Contains))
}
