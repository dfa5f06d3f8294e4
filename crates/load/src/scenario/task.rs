//! Tasks: one request, or several in order.

use std::num::NonZeroU32;
use std::path::PathBuf;

use toml::Spanned;

use super::file::TaskTable;
use super::request::{Builder, Common, Request};
use super::row_order::RowOrder;
use super::rows::Rows;
use super::source::Source;
use crate::error::ScenarioError;

/// A task of a user: one request, or several in order.
#[derive(Debug, Clone)]
pub struct Task {
    name: String,
    weight: NonZeroU32,
    tags: Vec<String>,
    /// Requests in order; at least one.
    pub(crate) requests: Vec<Request>,
    /// Number of rows of the task's data; 1 without data.
    pub(crate) rows: usize,
    pub(super) data_file: Option<PathBuf>,
    pub(crate) order: RowOrder,
}

impl Task {
    /// Name of the task; by default that of its first request.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tags of the task, by which it can be selected.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Frequency of the task, in proportion to the other tasks of the class.
    pub fn weight(&self) -> NonZeroU32 {
        self.weight
    }
}

/// The task that `table` describes.
pub(super) fn build(
    source: &Source<'_>,
    common: Common<'_>,
    table: &Spanned<TaskTable>,
) -> Result<Task, ScenarioError> {
    let (place, table) = (table.span(), table.get_ref());
    let rows = Rows::read(source, &place, table.data.as_ref())?;
    let builder = Builder {
        source,
        common,
        rows: &rows,
    };
    let requests = if table.requests.is_empty() {
        vec![builder.build(table, &place)?]
    } else {
        if table.describes_request() {
            let problem = "in a task with [[…request]] tables, `path` and the other keys of a request belong to these tables";
            return Err(source.wrong(&place, problem));
        }
        let mut requests = Vec::with_capacity(table.requests.len());
        for request in &table.requests {
            let (place, request) = (request.span(), request.get_ref());
            if request.describes_task() {
                let problem =
                    "`weight`, `tags`, `data` and `request` belong to the task, not to its request";
                return Err(source.wrong(&place, problem));
            }
            requests.push(builder.build(request, &place)?);
        }
        requests
    };
    let name = table.name.as_ref().unwrap_or(&requests[0].name);
    Ok(Task {
        name: name.clone(),
        weight: table.weight.map_or(NonZeroU32::MIN, |weight| weight.0),
        tags: table.tags.clone(),
        rows: rows.all.len(),
        data_file: rows.file.clone(),
        order: table
            .data
            .as_ref()
            .map_or(RowOrder::Sequential, |data| data.order),
        requests,
    })
}
