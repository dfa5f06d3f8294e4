//! The checks of a task, from their tables.

use hyper::StatusCode;
use hyper::header::HeaderName;
use regex::bytes::Regex;
use toml::Spanned;

use super::file::CheckTable;
use super::source::Source;
use super::template::{Json, Row};
use crate::ScenarioError;
use crate::check::{BodyCheck, Checks, HeaderCheck, TextCheck};

const ONE_OF: &str = "a check is one of { status = 200 }, { header = \"content-type\", contains = \"json\" }, \
    { json = \"/answer\", kind = \"string\" }, { json = \"/score\", equal = 1 }, { contains = \"text\" }, { matches = \"a regex\" }, \
    { at_least_bytes = 1, at_most_bytes = 1000 } and { within = \"500ms\" }";

/// What the tables demand together.
pub(super) fn build(
    source: &Source<'_>,
    tables: &[Spanned<CheckTable>],
) -> Result<Checks, ScenarioError> {
    let mut checks = Checks::default();
    for table in tables {
        let place = table.span();
        add(&mut checks, table.get_ref()).map_err(|problem| source.wrong(&place, &problem))?;
    }
    Ok(checks)
}

fn add(checks: &mut Checks, table: &CheckTable) -> Result<(), String> {
    match table.keys().as_slice() {
        ["status"] => add_status(checks, table.status),
        ["header"] | ["header", "equal" | "contains" | "matches"] => {
            let name = table.header.as_deref().unwrap_or_default();
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("`header` must be the name of a header, not {name:?}"))?;
            let value = text_check(table)?;
            checks.headers.push(HeaderCheck { name, value });
            Ok(())
        }
        ["json"] | ["json", "kind" | "equal"] | ["json", "kind", "equal"] => {
            checks.body.push(json_check(table)?);
            Ok(())
        }
        ["contains" | "matches"] => {
            checks.body.extend(text_check(table)?.map(BodyCheck::Text));
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

fn add_status(checks: &mut Checks, status: Option<u16>) -> Result<(), String> {
    let status = status.unwrap_or_default();
    let valid = StatusCode::from_u16(status)
        .map_err(|_| format!("`status` must be from 100 to 999, not {status}"))?;
    match checks.status.replace(valid) {
        None => Ok(()),
        Some(_) => Err("a task can check for one `status` only".to_owned()),
    }
}

fn json_check(table: &CheckTable) -> Result<BodyCheck, String> {
    let pointer = table.json.clone().unwrap_or_default();
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(format!(
            "`json` must be a JSON pointer such as \"/answer\", not {pointer:?}"
        ));
    }
    let equal = match table
        .equal
        .as_ref()
        .map(|value| Json::parse(value.get_ref()))
    {
        None => None,
        Some(Ok(value)) if value.names().is_empty() => value.fill(&Row::new()).ok(),
        Some(Ok(_)) => return Err("`equal` cannot have columns to fill in".to_owned()),
        Some(Err(problem)) => return Err(format!("`equal` {problem}")),
    };
    Ok(BodyCheck::Json {
        pointer,
        kind: table.kind,
        equal,
    })
}

/// What a text must be, where the table says so.
fn text_check(table: &CheckTable) -> Result<Option<TextCheck>, String> {
    if let Some(equal) = &table.equal {
        let text = equal.get_ref().as_str();
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
