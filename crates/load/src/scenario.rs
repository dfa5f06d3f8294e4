//! What users do, read from a file and made ready to send.

use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::time::Duration;

use bakeoff_record::{Measurement, ThresholdOutcome};

use crate::check::Checks;
use crate::host::Host;
use crate::threshold::failures_without_threshold;
use crate::{Arrivals, Connecting, ScenarioError, Stage, Threshold, Workload};
use bakeoff_record::Metric;

mod body;
mod check;
mod connection;
mod data_file;
mod extract;
mod file;
mod generated;
mod path;
mod request;
mod row_file;
mod rows;
mod source;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod user;
mod wait_time;

pub(crate) use body::Body;
pub use data_file::DataFile;
pub(crate) use file::{Kind, Order};
pub(crate) use generated::Generated;
pub(crate) use path::requoted;
pub(crate) use request::{OpenHeader, Part, Request};
pub(crate) use rows::PerRow;
pub use task::Task;
pub(crate) use template::{NoValue, Row, Text, Values, percent_encoded};
pub use user::UserClass;
pub use wait_time::WaitTime;

use file::{File, LoadTable};
use source::Source;

/// Requests in flight at which arrivals are turned away, where the file does not say.
pub const MAX_IN_FLIGHT: NonZeroU32 = NonZeroU32::new(1000).expect("it is not zero");

/// Users that classes of fixed numbers have at most, all together.
const MOST_FIXED: u64 = 1_000_000;

/// What must have been measured before a threshold ends a load, where the file does not say.
const ABORT_AFTER: Duration = Duration::from_secs(5);

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
        let load = load(&source, file.load)?;
        let connecting = connection::build(&source, file.connection)?;
        let users = users(&source, &file.users, &file.tasks, &load)?;
        let thresholds = thresholds(&source, &file.thresholds, &users)?;
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

/// How many users, how fast, for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// What makes the load; one user where the file does not say.
    pub workload: Workload,
    /// The measured period; `None` runs until stopped.
    pub run_time: Option<Duration>,
    /// Tasks of all users together, with the last of which the load ends.
    pub iterations: Option<NonZeroU64>,
    /// How long a user waits between requests; not at all where the file does not say.
    pub wait_time: WaitTime,
}

fn load(source: &Source<'_>, table: LoadTable) -> Result<Load, ScenarioError> {
    let iterations = table.iterations.map(|count| NonZeroU64::from(count.0));
    let run_time = table.run_time.map(|period| period.0);
    let wait_time = table.wait_time.map(|wait| wait.0);
    Ok(Load {
        workload: workload(source, table)?,
        run_time,
        iterations,
        wait_time: wait_time.unwrap_or(WaitTime::Constant(Duration::ZERO)),
    })
}

fn workload(source: &Source<'_>, table: LoadTable) -> Result<Workload, ScenarioError> {
    let spawn_rate = table.spawn_rate.map_or(1.0, |rate| rate.0);
    let of_users = table.users.is_some() || table.spawn_rate.is_some();
    match (table.arrival_rate, table.stages) {
        (None, None) => Ok(Workload::Users {
            users: table.users.map_or(NonZeroU32::MIN, |users| users.0),
            spawn_rate,
        }),
        (None, Some(stages)) if table.users.is_some() => {
            let problem = "`stages` say how many users there are; leave out `users`";
            Err(source.wrong(&stages.span(), problem))
        }
        (None, Some(stages)) if stages.get_ref().is_empty() => {
            Err(source.wrong(&stages.span(), "`stages` needs at least one stage"))
        }
        (None, Some(stages)) => Ok(Workload::Stages(
            stages
                .into_inner()
                .into_iter()
                .map(|stage| Stage {
                    duration: stage.duration.0,
                    users: stage.users,
                    spawn_rate: stage.spawn_rate.map_or(spawn_rate, |rate| rate.0),
                })
                .collect(),
        )),
        (Some(rate), stages) if of_users || stages.is_some() || table.wait_time.is_some() => {
            let problem = "with `arrival_rate` requests arrive by themselves; leave out `users`, `spawn_rate`, `stages` and `wait_time`";
            Err(source.wrong(&rate.span(), problem))
        }
        (Some(rate), _) => Ok(Workload::Arrivals(Arrivals {
            rates: rate.into_inner().0,
            spacing: table.arrivals.unwrap_or_default().into(),
            max_in_flight: table.max_in_flight.map_or(MAX_IN_FLIGHT, |count| count.0),
        })),
    }
}

/// The classes of users, or the one that all tasks belong to.
/// Checks that the classes of fixed numbers have few enough users for each to be given its place.
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
            check_fixed_counts(source, users, &classes)?;
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

fn thresholds(
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
        let number = file::number(value.get_ref());
        let limit = Threshold::limit(metric, number, file::duration(value.get_ref()));
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
