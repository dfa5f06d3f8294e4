//! The scenario file: its tables and keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::{Spanned, Value};

use super::check::CheckTable;
use super::connection::ConnectionTable;
use super::extract::ExtractTable;
use super::row_order::RowOrder;
use super::values::{ArrivalRates, Count, Period, SpacingName, SpawnRate, Wait};

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
    pub(super) spawn_rate: Option<SpawnRate>,
    pub(super) run_time: Option<Period>,
    pub(super) wait_time: Option<Wait>,
    pub(super) stages: Option<Spanned<Vec<StageTable>>>,
    pub(super) iterations: Option<Count>,
    pub(super) arrival_rate: Option<Spanned<ArrivalRates>>,
    pub(super) arrivals: Option<SpacingName>,
    pub(super) max_in_flight: Option<Count>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageTable {
    pub(super) duration: Period,
    pub(super) users: u32,
    pub(super) spawn_rate: Option<SpawnRate>,
}

/// A class of users.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    pub(super) name: String,
    pub(super) weight: Option<Count>,
    pub(super) fixed_count: Option<Count>,
    pub(super) wait_time: Option<Wait>,
    /// `true` if users run the tasks in the order of the file, `false` if by weight.
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
    /// The values of these three keys come from the text of the file, which keeps all digits and the order of keys.
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
    /// `true` if the table has a key of a request.
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

    /// `true` if the table has a key of a task that no request has.
    pub(super) fn describes_task(&self) -> bool {
        self.weight.is_some()
            || !self.tags.is_empty()
            || self.data.is_some()
            || !self.requests.is_empty()
    }
}

/// Header names and the templates of their values.
pub(super) type Headers = BTreeMap<String, Spanned<String>>;

/// Credentials of a request.
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
pub(super) struct ThresholdTable {
    pub(super) metric: Spanned<String>,
    /// Request name of the threshold; `None` for all requests.
    pub(super) name: Option<Spanned<String>>,
    pub(super) above: Option<Spanned<Value>>,
    pub(super) below: Option<Spanned<Value>>,
    pub(super) at_least: Option<Spanned<Value>>,
    pub(super) at_most: Option<Spanned<Value>>,
    #[serde(default)]
    pub(super) abort_on: bool,
    pub(super) abort_after: Option<Period>,
}
