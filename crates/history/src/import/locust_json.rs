//! Output of Locust with `--json`: an entry per method and name, with response times rounded to two digits.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{ImportError, Texts, figure};
use bakeoff_record::coarse::{CoarseRow, CoarseRun, CoarseTimes, Percentiles, Source, Timed};
use bakeoff_record::times::Times;

/// Fields of an entry that are read. Other versions of Locust may have more or fewer fields.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    method: Option<String>,
    num_requests: f64,
    num_failures: f64,
    start_time: f64,
    #[serde(default)]
    last_request_timestamp: Option<f64>,
    total_response_time: f64,
    max_response_time: f64,
    #[serde(default)]
    min_response_time: Option<f64>,
    /// Number of requests per response time in milliseconds.
    response_times: BTreeMap<String, f64>,
}

pub(super) fn read(texts: &Texts<'_>) -> Result<CoarseRun, ImportError> {
    let entries: Vec<Entry> = serde_json::from_str(texts.main).map_err(ImportError::Json)?;
    if entries.is_empty() {
        return Err(ImportError::Missing {
            what: "entry: Locust sent no request".to_owned(),
        });
    }
    let began = entries
        .iter()
        .map(|entry| entry.start_time)
        .fold(f64::INFINITY, f64::min);
    let ended = entries
        .iter()
        .filter_map(|entry| entry.last_request_timestamp);
    let ended = ended.fold(began, f64::max);
    let started_at = figure::moment("start_time", began)?;
    let period = Some(figure::seconds("last_request_timestamp", ended - began)?)
        .filter(|period| !period.is_zero());

    let (mut rows, mut all) = (Vec::new(), Times::new());
    for entry in &entries {
        let times = times(entry, &mut all)?;
        rows.push(row(entry, times, period)?);
    }
    let requests = rows.iter().map(|row| row.requests).sum();
    let total = CoarseRow {
        requests,
        failures: rows.iter().map(|row| row.failures).sum(),
        requests_per_second: figure::per_second(requests, period),
        times: known(all),
        ..CoarseRow::default()
    };
    // Every row is within the limit, and the sum must be too.
    figure::count("num_requests", total.requests as f64)?;
    Ok(CoarseRun {
        source: Source::LocustJson,
        name: texts.name.to_owned(),
        host: None,
        started_at: Some(started_at),
        period,
        users: None,
        timed: Timed::AllRequests,
        rows,
        total,
        causes: Vec::new(),
    })
}

fn row(entry: &Entry, times: Times, period: Option<Duration>) -> Result<CoarseRow, ImportError> {
    let requests = figure::count("num_requests", entry.num_requests)?;
    let failures = figure::count("num_failures", entry.num_failures)?;
    if failures > requests {
        return Err(figure::value(
            "num_failures",
            &failures,
            "at most num_requests",
        ));
    }
    Ok(CoarseRow {
        method: entry.method.clone().unwrap_or_default(),
        name: entry.name.clone().unwrap_or_default(),
        requests,
        failures: Some(failures),
        requests_per_second: figure::per_second(requests, period),
        times: known(times),
    })
}

/// Times of an entry. They are also added to the times of all entries.
fn times(entry: &Entry, all: &mut Times) -> Result<Times, ImportError> {
    let mut times = Times::new();
    for (ms, count) in &entry.response_times {
        let time = figure::ms("a response time", figure::number("a response time", ms)?)?;
        times.record_many(
            time,
            figure::count("the number of a response time", *count)?,
        );
    }
    // These values are exact in Locust. An entry without times does not have them.
    if times.count() > 0 {
        let max = figure::ms("max_response_time", entry.max_response_time)?;
        let min = figure::ms("min_response_time", entry.min_response_time.unwrap_or(0.0))?;
        let sum = figure::ms("total_response_time", entry.total_response_time)?;
        let contradiction =
            "the sum of response_times, none below min_response_time or above max_response_time";
        if !times.set_exact(sum, min, max) {
            return Err(figure::value(
                "total_response_time",
                &entry.total_response_time,
                contradiction,
            ));
        }
        if times.count().saturating_add(all.count()) as f64 > figure::MOST_REQUESTS {
            return Err(figure::value(
                "response_times",
                &"huge",
                "as many as num_requests",
            ));
        }
        all.merge(&times);
    }
    Ok(times)
}

fn known(times: Times) -> CoarseTimes {
    CoarseTimes {
        mean: times.mean(),
        min: times.min(),
        max: times.max(),
        percentiles: Percentiles::Rounded(times),
    }
}
