//! Scenarios: users, tasks and thresholds, read from a file.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use bakeoff_record::{Measurement, ThresholdOutcome};

use self::data_file::DataFile;
use self::file::File;
use self::load::LoadSettings;
use self::source::Source;
use self::task::Task;
use self::user::UserClass;
use crate::check::Checks;
use crate::connection_settings::ConnectionSettings;
use crate::error::ScenarioError;
use crate::host::Host;
use crate::threshold::{Threshold, failures_without_threshold};
use crate::workload::Workload;
use crate::workload::wait_time::WaitTime;

pub(crate) mod body;
mod check;
mod connection;
pub(crate) mod data_file;
mod extract;
mod file;
pub(crate) mod generated;
pub(crate) mod load;
pub(crate) mod request;
mod row_file;
pub(crate) mod row_order;
pub(crate) mod rows;
mod source;
pub(crate) mod task;
pub(crate) mod template;
#[cfg(test)]
mod tests;
mod threshold;
pub(crate) mod user;
mod values;

/// Most users of all classes with a fixed number together.
const MOST_FIXED: u64 = 1_000_000;

/// A scenario: parsed, validated, and with its requests built from the rows of its data files.
#[derive(Debug, Clone)]
pub struct Scenario {
    name: String,
    host: Option<String>,
    load: LoadSettings,
    connecting: ConnectionSettings,
    users: Vec<UserClass>,
    thresholds: Vec<Threshold>,
}

impl Scenario {
    /// Reads the scenario file at `path` and the data files that it names, relative to its folder.
    pub fn open(path: &Path) -> Result<Self, ScenarioError> {
        if let Some(language) = foreign(path) {
            return Err(ScenarioError::Foreign {
                path: path.to_owned(),
                language,
            });
        }
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads a scenario from `text`. Errors name `path`, and data files are relative to its folder.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = Source::parse(text, path)?;
        let source = Source::new(text, path, &document);
        let file: File = source.read()?;
        let name = file
            .name
            .or_else(|| Some(path.file_stem()?.to_string_lossy().into_owned()))
            .unwrap_or_default();
        if let Some(host) = &file.host {
            Host::parse(host.get_ref())
                .map_err(|error| source.wrong(&host.span(), &format!("`host` {error}")))?;
        }
        let host = file.host.map(toml::Spanned::into_inner);
        let load = load::build(&source, file.load)?;
        let connecting = connection::build(&source, file.connection)?;
        let users = users(&source, &file.users, &file.tasks, &load)?;
        let thresholds = threshold::build_all(&source, &file.thresholds, &users)?;
        Ok(Self {
            name,
            host,
            load,
            connecting,
            users,
            thresholds,
        })
    }

    /// Number of failed requests whose name no threshold on failures is about. Where there is such a threshold, it alone
    /// decides if failures fail the run.
    pub fn failures_without_threshold(&self, measurement: &Measurement) -> u64 {
        failures_without_threshold(&self.thresholds, measurement)
    }

    /// Name of the scenario; by default that of the file, without its extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Base address of the server, such as `http://127.0.0.1:8000`; `None` if the file has none.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Settings of the table `[load]`.
    pub fn load(&self) -> &LoadSettings {
        &self.load
    }

    /// Settings of connections.
    pub fn connection_settings(&self) -> &ConnectionSettings {
        &self.connecting
    }

    /// Settings of connections, for changes.
    pub fn connection_settings_mut(&mut self) -> &mut ConnectionSettings {
        &mut self.connecting
    }

    /// User classes; at least one.
    pub fn users(&self) -> &[UserClass] {
        &self.users
    }

    /// `true` if users of some class wait between tasks.
    pub fn has_pauses(&self) -> bool {
        let none = WaitTime::Constant(Duration::ZERO);
        self.users.iter().any(|class| class.wait_time != none)
    }

    /// Longest timeout of all requests.
    pub fn longest_timeout(&self) -> Duration {
        let tasks = self.users.iter().flat_map(UserClass::all_tasks);
        let requests = tasks.flat_map(|task| &task.requests);
        requests
            .map(|request| request.timeout)
            .max()
            .unwrap_or(Duration::ZERO)
    }

    /// Files that tasks take their rows from and requests their bodies, each once, in the order of the scenario file.
    pub fn data_files(&self) -> Vec<DataFile> {
        data_file::all(self.users.iter().flat_map(UserClass::all_tasks))
    }

    /// Timeouts of the requests, each value once, the shortest first.
    pub fn timeouts(&self) -> Vec<Duration> {
        let requests = self.users.iter().flat_map(UserClass::requests);
        let timeouts: BTreeSet<Duration> = requests.map(|request| request.timeout).collect();
        timeouts.into_iter().collect()
    }

    /// The scenario without checks, extractions and thresholds, for a server that does nothing.
    #[must_use]
    pub fn without_checks(&self) -> Self {
        let mut scenario = self.clone();
        for class in &mut scenario.users {
            for request in class.requests_mut() {
                request.checks = Checks::default();
                request.extracts = Vec::new();
            }
        }
        scenario.thresholds = Vec::new();
        scenario
    }

    /// Keeps the user classes with these names; all of them if no name is given.
    ///
    /// # Errors
    /// [`ScenarioError::NoClass`] for a name that no class has.
    pub fn select_users(&mut self, names: &[String]) -> Result<(), ScenarioError> {
        let known = |name: &&String| self.users.iter().all(|class| class.name() != **name);
        if let Some(unknown) = names.iter().find(known) {
            let classes = self.users.iter().map(|class| class.name().to_owned());
            return Err(ScenarioError::NoClass {
                name: unknown.clone(),
                classes: classes.collect(),
            });
        }
        self.users
            .retain(|class| names.is_empty() || names.iter().any(|name| name == class.name()));
        Ok(())
    }

    /// Keeps the tasks with at least one of `tags` and none of `excluded`, and the user classes that have a task left.
    /// Empty `tags` keep every task that is not excluded.
    ///
    /// # Errors
    /// [`ScenarioError::NoTask`] if no task is left.
    pub fn select(&mut self, tags: &[String], excluded: &[String]) -> Result<(), ScenarioError> {
        let has_one = |task: &Task, of: &[String]| task.tags().iter().any(|tag| of.contains(tag));
        for class in &mut self.users {
            class.tasks.retain(|task| {
                (tags.is_empty() || has_one(task, tags)) && !has_one(task, excluded)
            });
        }
        self.users.retain(|class| !class.tasks.is_empty());
        if self.users.is_empty() {
            return Err(ScenarioError::NoTask);
        }
        Ok(())
    }

    /// Thresholds of the scenario.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// Outcome of each threshold for `measurement`.
    pub fn threshold_outcomes(&self, measurement: &Measurement) -> Vec<ThresholdOutcome> {
        let outcome = |threshold: &Threshold| ThresholdOutcome {
            threshold: threshold.to_string(),
            failure: threshold.broken(measurement).map(|broken| {
                let value = broken.value.as_deref().unwrap_or("not measured");
                format!("was {value}")
            }),
        };
        self.thresholds.iter().map(outcome).collect()
    }
}

/// Kind of a load test of another tool, by the extension of the file; `None` for any other file.
fn foreign(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "py" => Some("a locustfile in Python"),
        "js" | "ts" | "mjs" => Some("a script, such as those of k6"),
        "jmx" => Some("a test plan of JMeter"),
        "yml" | "yaml" => Some("YAML, such as Artillery's"),
        _ => None,
    }
}

/// Checks that the classes with a `fixed_count` have at most [`MOST_FIXED`] users together.
fn check_fixed_counts(
    source: &Source<'_>,
    users: &[toml::Spanned<file::UserTable>],
    classes: &[UserClass],
) -> Result<(), ScenarioError> {
    let mut all = 0_u64;
    for (user, class) in users.iter().zip(classes) {
        all += class.fixed_count.map_or(0, |count| u64::from(count.get()));
        if all > MOST_FIXED {
            let problem = format!(
                "the `fixed_count` of this and the [[user]] tables before it is {all} users, the limit is {MOST_FIXED}; give a `weight`"
            );
            return Err(source.wrong(&user.span(), &problem));
        }
    }
    Ok(())
}

/// User classes; without `[[user]]`, one class with all tasks.
fn users(
    source: &Source<'_>,
    users: &[toml::Spanned<file::UserTable>],
    tasks: &[toml::Spanned<file::TaskTable>],
    load: &LoadSettings,
) -> Result<Vec<UserClass>, ScenarioError> {
    match (users, tasks) {
        ([], []) => {
            let end = source.text.len();
            let problem = "there is no [[task]]; users need at least one with a `path`";
            Err(source.wrong(&(end..end), problem))
        }
        ([], tasks) => user::only_class(source, tasks, load.wait_time).map(|class| vec![class]),
        (users, []) => {
            let mut names = HashSet::new();
            let mut twice = users
                .iter()
                .filter(|user| !names.insert(user.get_ref().name.as_str()));
            if let Some(user) = twice.next() {
                let problem = format!("there is a [[user]] {:?} already", user.get_ref().name);
                return Err(source.wrong(&user.span(), &problem));
            }
            let build = |table| user::build(source, table, load.wait_time);
            let classes: Vec<_> = users.iter().map(build).collect::<Result<_, _>>()?;
            check_fixed_counts(source, users, &classes)?;
            let arrivals = matches!(load.workload, Workload::OpenModel(_));
            let fixed = classes.iter().position(|class| class.fixed_count.is_some());
            match fixed.filter(|_| arrivals) {
                Some(index) => {
                    let problem = "`fixed_count` is for a number of users; with `arrival_rate` give a `weight`";
                    Err(source.wrong(&users[index].span(), problem))
                }
                None => Ok(classes),
            }
        }
        (_, [task, ..]) => {
            let problem =
                "with [[user]] tables every task belongs to one: write it as [[user.task]]";
            Err(source.wrong(&task.span(), problem))
        }
    }
}
