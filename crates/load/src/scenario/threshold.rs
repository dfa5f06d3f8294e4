//! The tables `[[threshold]]`.

use std::collections::HashSet;
use std::time::Duration;

use bakeoff_record::Metric;

use super::file;
use super::source::Source;
use super::user::UserClass;
use super::values;
use crate::error::ScenarioError;
use crate::threshold::Threshold;

/// Measured period after which a threshold with `abort_on` can end the load, where the file gives none.
const ABORT_AFTER: Duration = Duration::from_secs(5);

pub(super) fn build_all(
    source: &Source<'_>,
    tables: &[file::ThresholdTable],
    users: &[UserClass],
) -> Result<Vec<Threshold>, ScenarioError> {
    let known: HashSet<&str> = users
        .iter()
        .flat_map(UserClass::requests)
        .map(|request| request.name.as_str())
        .collect();
    let unknown = |name: &&toml::Spanned<String>| !known.contains(name.get_ref().as_str());
    let mut names = tables.iter().filter_map(|table| table.name.as_ref());
    if let Some(name) = names.find(unknown) {
        let problem = format!("`name` is {:?}, which no request has", name.get_ref());
        return Err(source.wrong(&name.span(), &problem));
    }
    tables
        .iter()
        .map(|table| threshold(source, table))
        .collect()
}

fn threshold(
    source: &Source<'_>,
    table: &file::ThresholdTable,
) -> Result<Threshold, ScenarioError> {
    let metric = Metric::of_threshold(table.metric.get_ref())
        .map_err(|problem| source.wrong(&table.metric.span(), &format!("`metric` {problem}")))?;
    let limit = |key: &str, value: &Option<toml::Spanned<toml::Value>>| {
        let Some(value) = value else { return Ok(None) };
        let number = values::number(value.get_ref());
        let limit = Threshold::limit(metric, number, values::duration(value.get_ref()));
        limit.map(Some).map_err(|problem| {
            source.wrong(
                &value.span(),
                &format!("`{key}` {problem}, not {}", value.get_ref()),
            )
        })
    };
    let (above, below) = (limit("above", &table.above)?, limit("below", &table.below)?);
    let (at_least, at_most) = (
        limit("at_least", &table.at_least)?,
        limit("at_most", &table.at_most)?,
    );
    if [above, below, at_least, at_most] == [None; 4] {
        let problem = "a [[threshold]] needs `above`, `below`, `at_least` or `at_most`";
        return Err(source.wrong(&table.metric.span(), problem));
    }
    if let Some(value) = table.below.as_ref().filter(|_| below == Some(0.0)) {
        let problem = "`below = 0` can never hold; write `at_most = 0`";
        return Err(source.wrong(&value.span(), problem));
    }
    if let Some(value) = table
        .above
        .as_ref()
        .filter(|_| above.is_some() && Threshold::most(metric) == above)
    {
        let problem = "`above = 1` can never hold; write `at_least = 1`";
        return Err(source.wrong(&value.span(), problem));
    }
    let abort_after = table.abort_after.map_or(ABORT_AFTER, |after| after.0);
    Ok(Threshold {
        metric,
        name: table.name.as_ref().map(|name| name.get_ref().clone()),
        above,
        below,
        at_least,
        at_most,
        abort_after: table.abort_on.then_some(abort_after),
    })
}
