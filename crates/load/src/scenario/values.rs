//! Values of keys in the scenario file: counts, rates, durations, wait times.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use toml::Value;

use crate::duration::parse_duration;
use crate::workload::open_model::{self, Spacing};
use crate::workload::wait_time::WaitTime;

/// A whole number of at least one.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Count(pub(super) NonZeroU32);

impl TryFrom<Value> for Count {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let count = value
            .as_integer()
            .and_then(|number| u32::try_from(number).ok())
            .and_then(NonZeroU32::new);
        count
            .map(Self)
            .ok_or_else(|| format!("must be a whole number of at least 1, not {value}"))
    }
}

/// A finite number above zero.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct SpawnRate(pub(super) f64);

impl TryFrom<Value> for SpawnRate {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        positive(&value)
            .map(Self)
            .ok_or_else(|| format!("must be a number above 0, not {value}"))
    }
}

/// A duration above zero.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Period(pub(super) Duration);

impl TryFrom<Value> for Period {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let period = duration(&value).filter(|period| !period.is_zero());
        let wrong = || {
            let why = value.as_str().and_then(|text| parse_duration(text).err());
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            format!("must be a duration above 0, such as \"60s\", not {value}{why}")
        };
        period.map(Self).ok_or_else(wrong)
    }
}

/// Name of the spacing of arrivals.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpacingName {
    #[default]
    Poisson,
    Even,
}

impl From<SpacingName> for Spacing {
    fn from(name: SpacingName) -> Self {
        match name {
            SpacingName::Poisson => Self::Poisson,
            SpacingName::Even => Self::Even,
        }
    }
}

/// Arrival rate: a number, `{ from, to, over }`, or a list of such ramps.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct ArrivalRates(pub(super) Vec<open_model::ArrivalRate>);

impl TryFrom<Value> for ArrivalRates {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let rates = match &value {
            Value::Array(rates) if !rates.is_empty() => rates.iter().map(ramp).collect(),
            Value::Table(_) => ramp(&value).map(|rate| vec![rate]),
            _ => positive(&value).map(|rate| vec![open_model::ArrivalRate::constant(rate)]),
        };
        rates.map(Self).ok_or_else(|| {
            format!(
                "must be a number of requests per second above 0, {{ from = 10, to = 100, over = \"60s\" }} \
                 or a list of such ramps, not {value}"
            )
        })
    }
}

fn ramp(value: &Value) -> Option<open_model::ArrivalRate> {
    let table = value.as_table().filter(|table| table.len() == 3)?;
    let rate = |key| number(table.get(key)?).filter(|rate| rate.is_finite() && *rate >= 0.0);
    Some(open_model::ArrivalRate {
        from: rate("from")?,
        to: rate("to")?,
        over: duration(table.get("over")?).filter(|over| !over.is_zero())?,
    })
}

fn positive(value: &Value) -> Option<f64> {
    number(value).filter(|rate| rate.is_finite() && *rate > 0.0)
}

/// Wait time, in one of its five forms.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Wait(pub(super) WaitTime);

impl TryFrom<Value> for Wait {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        wait_time(&value).map(Self).ok_or_else(|| {
            format!(
                "must be a duration such as \"1s\", {{ between = [\"1s\", \"3s\"] }}, {{ constant_pacing = \"2s\" }}, {{ poisson = 0.5 }} \
                 or {{ constant_throughput = 0.5 }} (requests per second of one user), not {value}"
            )
        })
    }
}

fn wait_time(value: &Value) -> Option<WaitTime> {
    let Some(table) = value.as_table() else {
        return duration(value).map(WaitTime::Constant);
    };
    let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
    match key.as_str() {
        "between" => {
            let [shortest, longest] = value.as_array()?.as_slice() else {
                return None;
            };
            let (shortest, longest) = (duration(shortest)?, duration(longest)?);
            (shortest <= longest).then_some(WaitTime::Between(shortest, longest))
        }
        "constant_pacing" => duration(value)
            .filter(|pacing| !pacing.is_zero())
            .map(WaitTime::ConstantPacing),
        "constant_throughput" => period_of(value).map(WaitTime::ConstantPacing),
        "poisson" => period_of(value).map(WaitTime::Poisson),
        _ => None,
    }
}

/// Mean time between events with this rate per second.
fn period_of(rate: &Value) -> Option<Duration> {
    let rate = number(rate).filter(|rate| *rate > 0.0)?;
    Duration::try_from_secs_f64(rate.recip()).ok()
}

/// An integer or a float as a number.
pub(super) fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// A duration such as `1m 30s` or `500ms`.
pub(super) fn duration(value: &Value) -> Option<Duration> {
    parse_duration(value.as_str()?).ok()
}
