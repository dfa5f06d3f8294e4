//! What users do, read from a file and made ready to send.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use bakeoff_record::{Measurement, ThresholdOutcome};

use self::data_file::DataFile;
use self::file::File;
use self::load::Load;
use self::source::Source;
use self::task::Task;
use self::user::UserClass;
use crate::check::Checks;
use crate::connection_settings::Connecting;
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

/// A load as a file describes it: parsed, validated, and its requests made from the rows of its data files.
#[derive(Debug, Clone)]
pub struct Scenario {
    name: String,
    host: Option<String>,
    load: Load,
    connecting: Connecting,
    users: Vec<UserClass>,
    thresholds: Vec<Threshold>,
}

impl Scenario {
    /// Reads the scenario file at `path` and the data files that it names, relative to its own folder.
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

    /// Reads a scenario from `text`; errors name `path`, and data files are relative to its folder.
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

    /// Failed requests that no threshold speaks of. Where one of a failure metric does, it alone decides whether failures
    /// are a failed run.
    pub fn failures_without_threshold(&self, measurement: &Measurement) -> u64 {
        failures_without_threshold(&self.thresholds, measurement)
    }

    /// The scenario's name; without one in the file, the file's name without its extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The base address, such as `http://127.0.0.1:8000`, where the file gives one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// How many users, how fast, for how long.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// How connections are made.
    pub fn connecting(&self) -> &Connecting {
        &self.connecting
    }

    /// The same, to be changed.
    pub fn connecting_mut(&mut self) -> &mut Connecting {
        &mut self.connecting
    }

    /// The classes of users; at least one.
    pub fn users(&self) -> &[UserClass] {
        &self.users
    }

    /// Whether users wait between their tasks.
    pub fn has_pauses(&self) -> bool {
        let none = WaitTime::Constant(Duration::ZERO);
        self.users.iter().any(|class| class.wait_time != none)
    }

    /// The most time that a request may take.
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

    /// The time limits of the requests, each value once, the shortest first.
    pub fn timeouts(&self) -> Vec<Duration> {
        let requests = self.users.iter().flat_map(UserClass::requests);
        let timeouts: BTreeSet<Duration> = requests.map(|request| request.timeout).collect();
        timeouts.into_iter().collect()
    }

    /// The same requests with any answer to them right: what the load generator makes of a server is measured with it.
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

    /// Keeps the classes of these names, or all without any given.
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

    /// Keeps the tasks that have one of `tags`, or any without tags given, and none of `excluded`,
    /// and the classes of users that have a task left.
    ///
    /// # Errors
    /// [`ScenarioError::NoTask`] where none is left.
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

    /// The limits that a measurement must keep.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// How `measurement` stands to each threshold.
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

/// The kind of a load test of another tool, told by the file's extension.
fn foreign(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "py" => Some("a locustfile in Python"),
        "js" | "ts" | "mjs" => Some("a script, such as those of k6"),
        "jmx" => Some("a test plan of JMeter"),
        "yml" | "yaml" => Some("YAML, such as Artillery's"),
        _ => None,
    }
}

/// The classes of users, or the one that all tasks belong to.
fn users(
    source: &Source<'_>,
    users: &[toml::Spanned<file::UserTable>],
    tasks: &[toml::Spanned<file::TaskTable>],
    load: &Load,
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
            let arrivals = matches!(load.workload, Workload::Arrivals(_));
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
