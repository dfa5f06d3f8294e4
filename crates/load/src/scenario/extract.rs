//! Extractions of a request, from their tables.

use std::collections::BTreeMap;

use hyper::header::HeaderName;
use regex::bytes::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::source::Source;
use crate::error::ScenarioError;
use crate::extract::{Extract, Place};

/// Table of one value to extract.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtractTable {
    json: Option<String>,
    header: Option<String>,
    matches: Option<String>,
}

const ONE_OF: &str = "a value is taken by one of { json = \"/token\" }, { header = \"location\" }, \
    { header = \"location\", matches = \"/items/(\\\\d+)\" } and { matches = \"token=(\\\\w+)\" }";

/// The extractions of all tables, by name.
pub(super) fn build(
    source: &Source<'_>,
    tables: &BTreeMap<String, Spanned<ExtractTable>>,
) -> Result<Vec<Extract>, ScenarioError> {
    let build = |(name, table): (&String, &Spanned<ExtractTable>)| {
        let place = place(table.get_ref());
        let place = place.map_err(|problem| source.wrong(&table.span(), &problem))?;
        let name = name.clone();
        Ok(Extract { name, place })
    };
    tables.iter().map(build).collect()
}

fn place(table: &ExtractTable) -> Result<Place, String> {
    let pattern = |pattern: &String| {
        Regex::new(pattern)
            .map_err(|_| format!("`matches` must be a regular expression, not {pattern:?}"))
    };
    match (&table.json, &table.header, &table.matches) {
        (Some(pointer), None, None) if pointer.is_empty() || pointer.starts_with('/') => {
            Ok(Place::Json(pointer.clone()))
        }
        (Some(pointer), None, None) => Err(format!(
            "`json` must be a JSON pointer such as \"/token\", not {pointer:?}"
        )),
        (None, Some(name), matches) => {
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("`header` must be the name of a header, not {name:?}"))?;
            let matches = matches.as_ref().map(pattern).transpose()?;
            Ok(Place::Header(header, matches))
        }
        (None, None, Some(matches)) => Ok(Place::Body(pattern(matches)?)),
        _ => Err(ONE_OF.to_owned()),
    }
}
