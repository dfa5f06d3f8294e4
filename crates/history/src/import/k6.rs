//! Summary of k6 in its three forms: `--summary-export`, the data of `handleSummary`, and the list of metrics of
//! `--new-machine-readable-summary`. Times are in milliseconds in all forms.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{ImportError, Texts, figure};
use bakeoff_record::coarse::{
    CoarseRow, CoarseRun, CoarseTimes, Percentiles, Point, Source, Timed,
};

/// Values of each metric, by its name.
type Metrics<'a> = BTreeMap<&'a str, &'a Value>;

/// Metrics of a summary; `None` if the JSON is not a summary.
pub(super) fn metrics(json: &Value) -> Option<Metrics<'_>> {
    let values = |metric: &'_ Value| metric.get("values").is_some();
    let found = json
        .get("metrics")
        .or_else(|| json.get("results")?.get("metrics"))?;
    let metrics = match found {
        Value::Object(metrics) => metrics
            .iter()
            .map(|(name, metric)| {
                let figures = if values(metric) {
                    &metric["values"]
                } else {
                    metric
                };
                (name.as_str(), figures)
            })
            .collect(),
        Value::Array(metrics) => metrics
            .iter()
            .filter_map(|metric| Some((metric.get("name")?.as_str()?, metric.get("values")?)))
            .collect(),
        _ => return None,
    };
    Some(metrics)
}

pub(super) fn read(texts: &Texts<'_>) -> Result<CoarseRun, ImportError> {
    let json: Value = serde_json::from_str(texts.main).map_err(ImportError::Json)?;
    let missing = |what: &str| ImportError::Missing {
        what: what.to_owned(),
    };
    let metrics = metrics(&json).ok_or_else(|| missing("metrics"))?;
    let counted = of(&metrics, "http_reqs", "count")?
        .ok_or_else(|| missing("metric http_reqs: k6 sent no HTTP request"))?;
    let requests = figure::count("http_reqs", counted)?;
    let rate = of(&metrics, "http_reqs", "rate")?
        .map(|rate| figure::rate("the rate of http_reqs", rate))
        .transpose()?;
    let period = stated_period(&json)?.or_else(|| figure::period(requests, rate?));
    let (timed, response_times) = times(&metrics)?;
    let users = [("vus", "max"), ("vus_max", "max"), ("vus_max", "value")];
    let users = users.map(|(metric, figure)| of(&metrics, metric, figure));
    let users = users.into_iter().find_map(Result::transpose).transpose()?;
    let total = CoarseRow {
        requests,
        failures: failures(&metrics, requests)?,
        requests_per_second: rate.or_else(|| figure::per_second(requests, period)),
        times: response_times,
        ..CoarseRow::default()
    };
    Ok(CoarseRun {
        source: Source::K6Summary,
        name: texts.name.to_owned(),
        host: None,
        started_at: None,
        period,
        users: users.map(|users| figure::users("vus", users)).transpose()?,
        timed,
        rows: Vec::new(),
        total,
        causes: Vec::new(),
    })
}

/// Duration of the test, in the forms that have it.
fn stated_period(json: &Value) -> Result<Option<Duration>, ImportError> {
    let state = json
        .get("state")
        .and_then(|state| state.get("testRunDurationMs"));
    if let Some(ms) = state.and_then(Value::as_f64) {
        return figure::ms("testRunDurationMs", ms).map(Some);
    }
    let config = json.get("config").and_then(|config| config.get("duration"));
    let seconds = config.and_then(Value::as_f64);
    seconds
        .map(|seconds| figure::seconds("duration", seconds))
        .transpose()
}

/// Response times of the expected responses, if k6 has them separately, else of all responses.
fn times(metrics: &Metrics<'_>) -> Result<(Timed, CoarseTimes), ImportError> {
    let of_successes = metrics.get("http_req_duration{expected_response:true}");
    let of_all = metrics.get("http_req_duration");
    let (timed, figures) = match (of_successes, of_all) {
        (Some(figures), _) => (Timed::Successes, figures),
        (None, Some(figures)) => (Timed::AllRequests, figures),
        (None, None) => return Ok((Timed::AllRequests, CoarseTimes::default())),
    };
    let mut known = CoarseTimes::default();
    let mut points = Vec::new();
    for (name, value) in figures.as_object().into_iter().flatten() {
        let Some(ms) = value.as_f64() else {
            continue;
        };
        let is_percentile = percentile(name);
        if is_percentile.is_none() && !["avg", "min", "max"].contains(&name.as_str()) {
            continue;
        }
        let time = figure::ms(&format!("{name} of http_req_duration"), ms)?;
        match (name.as_str(), is_percentile) {
            ("avg", _) => known.mean = Some(time),
            ("min", _) => known.min = Some(time),
            ("max", _) => known.max = Some(time),
            (_, Some(percentile)) if percentile >= 100.0 => known.max = Some(time),
            (_, Some(percentile)) => points.push(Point { percentile, time }),
            _ => {}
        }
    }
    points.sort_by(|one, other| one.percentile.total_cmp(&other.percentile));
    points.dedup_by(|one, other| (one.percentile - other.percentile).abs() < 1e-9);
    known.percentiles = Percentiles::Points(points);
    Ok((timed, known))
}

/// `med`, `p(95)` and `p95` as percentiles; `None` for other names.
fn percentile(name: &str) -> Option<f64> {
    if name == "med" {
        return Some(50.0);
    }
    let number = name.strip_prefix('p')?;
    let number = number
        .strip_prefix('(')
        .and_then(|number| number.strip_suffix(')'))
        .unwrap_or(number);
    let percentile: f64 = number.parse().ok()?;
    (0.0..=100.0).contains(&percentile).then_some(percentile)
}

/// Number of failed requests. The "passes" of this rate are the failures.
fn failures(metrics: &Metrics<'_>, requests: u64) -> Result<Option<u64>, ImportError> {
    for name in ["passes", "matches"] {
        if let Some(failed) = of(metrics, "http_req_failed", name)? {
            let failed = figure::count("http_req_failed", failed)?;
            if failed > requests {
                return Err(figure::value(
                    "http_req_failed",
                    &failed,
                    "at most as many as http_reqs",
                ));
            }
            return Ok(Some(failed));
        }
    }
    for name in ["value", "rate"] {
        if let Some(ratio) = of(metrics, "http_req_failed", name)? {
            if !(0.0..=1.0).contains(&ratio) {
                return Err(figure::value(
                    "http_req_failed",
                    &ratio,
                    "a share of 0 to 1",
                ));
            }
            let failed = (ratio * requests as f64).round();
            return figure::count("http_req_failed", failed).map(Some);
        }
    }
    Ok(None)
}

/// One value of a metric; an error if it is not a number.
fn of(metrics: &Metrics<'_>, metric: &str, name: &str) -> Result<Option<f64>, ImportError> {
    let Some(value) = metrics.get(metric).and_then(|figures| figures.get(name)) else {
        return Ok(None);
    };
    let number = value.as_f64();
    number
        .map(Some)
        .ok_or_else(|| figure::value(&format!("{name} of {metric}"), &value, "a number"))
}
