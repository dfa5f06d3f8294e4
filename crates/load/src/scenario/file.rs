//! The scenario file: its tables and keys, and the values that they take.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::{Spanned, Value};

use super::connection::ConnectionTable;
use super::row_order::RowOrder;
use crate::duration::parse_duration;
use crate::json::Kind;
use crate::workload::open_model::{self, Spacing};
use crate::workload::wait_time::WaitTime;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Option<String>,
    pub(super) host: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) load: LoadTable,
    #[serde(default)]
    pub(super) connection: ConnectionTable,
    #[serde(default, rename = "user")]
    pub(super) users: Vec<Spanned<UserTable>>,
    #[serde(default, rename = "task")]
    pub(super) tasks: Vec<Spanned<TaskTable>>,
    #[serde(default, rename = "threshold")]
    pub(super) thresholds: Vec<ThresholdTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadTable {
    pub(super) users: Option<Count>,
    pub(super) spawn_rate: Option<Rate>,
    pub(super) run_time: Option<Period>,
    pub(super) wait_time: Option<Wait>,
    pub(super) stages: Option<Spanned<Vec<StageTable>>>,
    pub(super) iterations: Option<Count>,
    pub(super) arrival_rate: Option<Spanned<ArrivalRate>>,
    pub(super) arrivals: Option<SpacingName>,
    pub(super) max_in_flight: Option<Count>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageTable {
    pub(super) duration: Period,
    pub(super) users: u32,
    pub(super) spawn_rate: Option<Rate>,
}

/// A class of users.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    pub(super) name: String,
    pub(super) weight: Option<Count>,
    pub(super) fixed_count: Option<Count>,
    pub(super) wait_time: Option<Wait>,
    /// Whether tasks come one after another, as they are written, and not by weight.
    #[serde(default)]
    pub(super) in_order: bool,
    #[serde(default)]
    pub(super) headers: Headers,
    pub(super) auth: Option<Spanned<AuthTable>>,
    #[serde(default)]
    pub(super) on_start: Vec<Spanned<TaskTable>>,
    #[serde(default)]
    pub(super) on_stop: Vec<Spanned<TaskTable>>,
    #[serde(default, rename = "task")]
    pub(super) tasks: Vec<Spanned<TaskTable>>,
}

/// A task that is one request, or one request of a task that has several as its `request`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskTable {
    pub(super) name: Option<String>,
    pub(super) weight: Option<Count>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) data: Option<DataTable>,
    #[serde(default, rename = "request")]
    pub(super) requests: Vec<Spanned<TaskTable>>,
    pub(super) method: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: Headers,
    pub(super) auth: Option<Spanned<AuthTable>>,
    /// These three are taken from the text of the file, which has their numbers and the order of their keys.
    pub(super) form: Option<Spanned<IgnoredAny>>,
    pub(super) multipart: Option<Spanned<IgnoredAny>>,
    pub(super) json: Option<Spanned<IgnoredAny>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) body_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) check: Vec<Spanned<CheckTable>>,
    #[serde(default)]
    pub(super) extract: BTreeMap<String, Spanned<ExtractTable>>,
    pub(super) follow_redirects: Option<bool>,
    pub(super) timeout: Option<Period>,
}

impl TaskTable {
    /// Whether it says something that only a task with one request, or that request, can.
    pub(super) fn describes_request(&self) -> bool {
        self.path.is_some()
            || self.method.is_some()
            || !self.headers.is_empty()
            || self.auth.is_some()
            || self.form.is_some()
            || self.multipart.is_some()
            || self.json.is_some()
            || self.body.is_some()
            || self.body_file.is_some()
            || !self.check.is_empty()
            || !self.extract.is_empty()
            || self.follow_redirects.is_some()
            || self.timeout.is_some()
    }

    /// Whether it says something that only a task can.
    pub(super) fn describes_task(&self) -> bool {
        self.weight.is_some()
            || !self.tags.is_empty()
            || self.data.is_some()
            || !self.requests.is_empty()
    }
}

/// Header names and the templates of their values.
pub(super) type Headers = BTreeMap<String, Spanned<String>>;

/// Who a request says that it comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthTable {
    pub(super) bearer: Option<String>,
    pub(super) basic: Option<BasicTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BasicTable {
    pub(super) user: String,
    pub(super) password: String,
}

/// Where in an answer a value is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtractTable {
    pub(super) json: Option<String>,
    pub(super) header: Option<String>,
    pub(super) matches: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataTable {
    pub(super) file: Option<PathBuf>,
    pub(super) rows: Option<Spanned<IgnoredAny>>,
    #[serde(default)]
    pub(super) order: RowOrder,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckTable {
    pub(super) status: Option<Spanned<Value>>,
    pub(super) header: Option<String>,
    pub(super) json: Option<String>,
    pub(super) kind: Option<Kind>,
    pub(super) equal: Option<Spanned<IgnoredAny>>,
    pub(super) one_of: Option<Spanned<IgnoredAny>>,
    pub(super) at_least: Option<Spanned<IgnoredAny>>,
    pub(super) at_most: Option<Spanned<IgnoredAny>>,
    pub(super) above: Option<Spanned<IgnoredAny>>,
    pub(super) below: Option<Spanned<IgnoredAny>>,
    pub(super) contains: Option<String>,
    pub(super) matches: Option<String>,
    pub(super) at_least_bytes: Option<u64>,
    pub(super) at_most_bytes: Option<u64>,
    pub(super) within: Option<Period>,
}

impl CheckTable {
    /// The keys that are given, in the order of the fields.
    pub(super) fn keys(&self) -> Vec<&'static str> {
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdTable {
    pub(super) metric: Spanned<String>,
    /// The request name that it is about; all of them where there is none.
    pub(super) name: Option<Spanned<String>>,
    pub(super) above: Option<Spanned<Value>>,
    pub(super) below: Option<Spanned<Value>>,
    pub(super) at_least: Option<Spanned<Value>>,
    pub(super) at_most: Option<Spanned<Value>>,
    #[serde(default)]
    pub(super) abort_on: bool,
    pub(super) abort_after: Option<Period>,
}

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
pub(super) struct Rate(pub(super) f64);

impl TryFrom<Value> for Rate {
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

/// How arrivals are spread.
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

/// A rate of arrivals: a number, `{ from, to, over }`, or several of the latter.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct ArrivalRate(pub(super) Vec<open_model::Rate>);

impl TryFrom<Value> for ArrivalRate {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let rates = match &value {
            Value::Array(rates) if !rates.is_empty() => rates.iter().map(ramp).collect(),
            Value::Table(_) => ramp(&value).map(|rate| vec![rate]),
            _ => positive(&value).map(|rate| vec![open_model::Rate::constant(rate)]),
        };
        rates.map(Self).ok_or_else(|| {
            format!(
                "must be a number of requests per second above 0, {{ from = 10, to = 100, over = \"60s\" }} \
                 or a list of such ramps, not {value}"
            )
        })
    }
}

fn ramp(value: &Value) -> Option<open_model::Rate> {
    let table = value.as_table().filter(|table| table.len() == 3)?;
    let rate = |key| number(table.get(key)?).filter(|rate| rate.is_finite() && *rate >= 0.0);
    Some(open_model::Rate {
        from: rate("from")?,
        to: rate("to")?,
        over: duration(table.get("over")?).filter(|over| !over.is_zero())?,
    })
}

fn positive(value: &Value) -> Option<f64> {
    number(value).filter(|rate| rate.is_finite() && *rate > 0.0)
}

/// How long users wait, in one of five ways to write it.
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

/// The mean time between what happens at this rate per second.
fn period_of(rate: &Value) -> Option<Duration> {
    let rate = number(rate).filter(|rate| *rate > 0.0)?;
    Duration::try_from_secs_f64(rate.recip()).ok()
}

/// A number, whole or not.
pub(super) fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// A duration in words, such as `1m 30s` or `500ms`.
pub(super) fn duration(value: &Value) -> Option<Duration> {
    parse_duration(value.as_str()?).ok()
}
