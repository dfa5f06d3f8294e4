//! User classes of a scenario.

use std::collections::HashSet;
use std::num::NonZeroU32;

use toml::Spanned;

use super::file::{Headers, TaskTable, UserTable};
use super::request::{Common, Request};
use super::source::Source;
use super::task;
use super::task::Task;
use crate::error::ScenarioError;
use crate::workload::wait_time::WaitTime;

/// Name of the user class of a scenario without `[[user]]`.
const ONLY_CLASS: &str = "User";

/// User class: users with the same tasks.
#[derive(Debug, Clone)]
pub struct UserClass {
    name: String,
    pub(crate) weight: NonZeroU32,
    pub(crate) fixed_count: Option<NonZeroU32>,
    pub(crate) wait_time: WaitTime,
    pub(crate) in_order: bool,
    pub(crate) on_start: Vec<Task>,
    pub(super) tasks: Vec<Task>,
    pub(crate) on_stop: Vec<Task>,
}

impl UserClass {
    /// Name of the class; `User` in a scenario without `[[user]]`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tasks of its users; at least one.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Requests of its users, for changes.
    pub(super) fn requests_mut(&mut self) -> impl Iterator<Item = &mut Request> {
        let tasks = self.on_start.iter_mut().chain(&mut self.tasks);
        let tasks = tasks.chain(&mut self.on_stop);
        tasks.flat_map(|task| &mut task.requests)
    }

    /// Requests of its users.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.all_tasks().flat_map(|task| &task.requests)
    }

    /// All tasks of its users: those of `on_start`, those to choose from, those of `on_stop`.
    pub(crate) fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        self.on_start.iter().chain(&self.tasks).chain(&self.on_stop)
    }

    /// Number of users of the class in proportion to the other classes without a fixed count.
    pub fn weight(&self) -> NonZeroU32 {
        self.weight
    }

    /// Wait of its users between tasks.
    pub fn wait_time(&self) -> WaitTime {
        self.wait_time
    }

    /// Fixed number of its users; `None` if their number follows from the weight.
    pub fn fixed_count(&self) -> Option<NonZeroU32> {
        self.fixed_count
    }
}

/// The class of a scenario without `[[user]]`.
pub(super) fn only_class(
    source: &Source<'_>,
    tables: &[Spanned<TaskTable>],
    wait_time: WaitTime,
) -> Result<UserClass, ScenarioError> {
    let taken = taken(tables);
    let common = Common {
        taken: Some(&taken),
        ..Common::default()
    };
    Ok(UserClass {
        name: ONLY_CLASS.to_owned(),
        weight: NonZeroU32::MIN,
        fixed_count: None,
        wait_time,
        in_order: false,
        on_start: Vec::new(),
        tasks: tasks(source, common, tables)?,
        on_stop: Vec::new(),
    })
}

/// The class that `table` describes.
pub(super) fn build(
    source: &Source<'_>,
    table: &Spanned<UserTable>,
    wait_time: WaitTime,
) -> Result<UserClass, ScenarioError> {
    let (place, table) = (table.span(), table.get_ref());
    if table.tasks.is_empty() {
        let problem = "a [[user]] needs at least one [[user.task]] with a `path`";
        return Err(source.wrong(&place, problem));
    }
    if table.weight.is_some() && table.fixed_count.is_some() {
        let problem = "a [[user]] has a `weight` or a `fixed_count`, not both";
        return Err(source.wrong(&place, problem));
    }
    let all = [&table.on_start, &table.tasks, &table.on_stop];
    let taken = taken(all.into_iter().flatten());
    let common = Common {
        headers: Some(&table.headers).filter(|headers: &&Headers| !headers.is_empty()),
        auth: table.auth.as_ref(),
        taken: Some(&taken),
        on_start: false,
    };
    let first = Common {
        on_start: true,
        ..common
    };
    Ok(UserClass {
        name: table.name.clone(),
        weight: table.weight.map_or(NonZeroU32::MIN, |weight| weight.0),
        fixed_count: table.fixed_count.map(|count| count.0),
        wait_time: table.wait_time.map_or(wait_time, |wait| wait.0),
        in_order: table.in_order,
        on_start: tasks(source, first, &table.on_start)?,
        tasks: tasks(source, common, &table.tasks)?,
        on_stop: tasks(source, common, &table.on_stop)?,
    })
}

fn tasks(
    source: &Source<'_>,
    common: Common<'_>,
    tables: &[Spanned<TaskTable>],
) -> Result<Vec<Task>, ScenarioError> {
    tables
        .iter()
        .map(|table| task::build(source, common, table))
        .collect()
}

/// Names of the values that requests of these tables extract.
fn taken<'a>(tables: impl IntoIterator<Item = &'a Spanned<TaskTable>>) -> HashSet<&'a str> {
    let mut names = HashSet::new();
    for table in tables {
        let table = table.get_ref();
        let requests = table.requests.iter().map(Spanned::get_ref);
        for request in requests.chain([table]) {
            names.extend(request.extract.keys().map(String::as_str));
        }
    }
    names
}
