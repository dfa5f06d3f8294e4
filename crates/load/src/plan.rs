//! Plan of a load: the scenario for one server, with all parts of its requests built.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};
use url::Url;

use self::class_distribution::ClassDistribution;
use self::sent_rows::SentRows;
use self::task_set::{TaskOrder, TaskSet};
use crate::cause::Cause;
use crate::check::Checks;
use crate::clock::FAR;
use crate::error::LoadError;
use crate::extract::{Extract, Place};
use crate::host::Host;
use crate::redirect::redirects;
use crate::scenario::Scenario;
use crate::scenario::body::Body;
use crate::scenario::request::{Part, Request, SessionHeader};
use crate::scenario::rows::PerRow;
use crate::scenario::task::Task;
use crate::scenario::template::{NoValue, Row, Text};
use crate::scenario::user::UserClass;
use crate::session::{RequestValues, Session};
use crate::stats::collector::RequestName;
use crate::url_path::{percent_encoded, requoted};
use crate::workload::wait_time::WaitTime;

pub(crate) mod arrivals;
pub(crate) mod class_distribution;
mod sent_rows;
pub(crate) mod task_set;
#[cfg(test)]
mod tests;

/// Plan of a load.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) classes: Vec<PlannedClass>,
    pub(crate) class_distribution: ClassDistribution,
    /// Requests of all classes.
    pub(crate) requests: Vec<PlannedRequest>,
    /// Scheme, host and port of the server.
    pub(crate) origin: Url,
}

/// Plan of one user class.
#[derive(Debug)]
pub(crate) struct PlannedClass {
    pub(crate) wait_time: WaitTime,
    pub(crate) task_set: TaskSet,
    /// All tasks of the class: those of `on_start`, those to choose from, those of `on_stop`.
    pub(crate) tasks: Vec<PlannedTask>,
    pub(crate) on_start: Range<usize>,
    pub(crate) on_stop: Range<usize>,
}

/// Plan of one task.
#[derive(Debug)]
pub(crate) struct PlannedTask {
    /// Range of its requests in [`Plan::requests`].
    pub(crate) requests: Range<usize>,
}

/// Plan of one request.
#[derive(Debug)]
pub(crate) struct PlannedRequest {
    pub(crate) name: String,
    pub(crate) method: Method,
    uri: Part<Uri, Text>,
    /// Prefix of the path.
    prefix: String,
    headers: PerRow<HeaderMap>,
    session_headers: Vec<SessionHeader>,
    body: Part<Bytes, Body>,
    rows: Arc<[Row]>,
    pub(crate) checks: Checks,
    pub(crate) extracts: Vec<Extract>,
    /// `true` if a check or an extraction needs the body.
    pub(crate) needs_body: bool,
    pub(crate) follow_redirects: bool,
    pub(crate) timeout: Duration,
    /// Cause of the failure of a request that takes longer than `timeout`.
    pub(crate) timed_out: Cause,
    /// Rows of the data that were sent.
    pub(crate) sent_rows: SentRows,
}

impl Plan {
    /// The plan of `scenario` for `host`. So many `takers` share the rows with the order `distinct`.
    pub(crate) fn new(
        scenario: &Scenario,
        host: &Host,
        (seed, takers): (u64, usize),
    ) -> Result<Self, LoadError> {
        let mut requests = Vec::new();
        let classes = scenario.users().iter().map(|class| {
            let mut tasks = Vec::new();
            for task in class.all_tasks() {
                let first = requests.len();
                for request in &task.requests {
                    requests.push(PlannedRequest::new(request, task.rows, host)?);
                }
                let requests = first..requests.len();
                tasks.push(PlannedTask { requests });
            }
            Ok(PlannedClass::new(class, tasks, (seed, takers)))
        });
        let classes = classes.collect::<Result<_, LoadError>>()?;
        Ok(Self {
            classes,
            class_distribution: ClassDistribution::new(scenario.users()),
            requests,
            origin: host.origin(),
        })
    }

    /// Names of the requests, in the order of the plan.
    pub(crate) fn request_names(&self) -> Vec<RequestName> {
        let name = |request: &PlannedRequest| RequestName {
            name: request.name.clone(),
            method: request.method.to_string(),
        };
        self.requests.iter().map(name).collect()
    }

    /// Number of pairs of request and row of its data that were sent.
    pub(crate) fn distinct_requests(&self) -> u64 {
        self.requests
            .iter()
            .map(|request| request.sent_rows.count())
            .sum()
    }
}

impl PlannedClass {
    fn new(class: &UserClass, tasks: Vec<PlannedTask>, seed_and_takers: (u64, usize)) -> Self {
        let chosen = class.on_start.len()..tasks.len() - class.on_stop.len();
        let all: Vec<&Task> = class.all_tasks().collect();
        let order = if class.in_order {
            TaskOrder::AsWritten
        } else {
            TaskOrder::ByWeight
        };
        Self {
            wait_time: class.wait_time,
            task_set: TaskSet::new(&all, chosen.clone(), order, seed_and_takers),
            on_start: 0..chosen.start,
            on_stop: chosen.end..tasks.len(),
            tasks,
        }
    }
}

impl PlannedRequest {
    fn new(request: &Request, rows: usize, host: &Host) -> Result<Self, LoadError> {
        let uri = match &request.path {
            Part::PerSession(template) => Part::PerSession(template.clone()),
            Part::Built(paths) => Part::Built(paths.map(|path| {
                uri(&host.prefix, path).ok_or_else(|| LoadError::Path {
                    request: request.name.clone(),
                })
            })?),
        };
        let headers = request.headers.map(|headers| {
            let mut headers = headers.clone();
            headers
                .entry(header::HOST)
                .or_insert_with(|| host.header.clone());
            Ok::<_, LoadError>(headers)
        })?;
        let needs_body = request.checks.need_body()
            || request
                .extracts
                .iter()
                .map(|extract| &extract.place)
                .any(Place::needs_body);
        // A scenario that expects a status of a redirect gets that answer, not the next one.
        let expected = request
            .checks
            .status
            .iter()
            .any(|status| redirects(*status));
        Ok(Self {
            name: request.name.clone(),
            method: request.method.clone(),
            uri,
            prefix: host.prefix.clone(),
            headers,
            session_headers: request.session_headers.clone(),
            body: request.body.clone(),
            rows: Arc::clone(&request.rows),
            checks: request.checks.clone(),
            extracts: request.extracts.clone(),
            needs_body,
            follow_redirects: request.follow_redirects && !expected,
            timeout: request.timeout.min(FAR),
            timed_out: timed_out(request.timeout),
            sent_rows: SentRows::new(rows),
        })
    }

    /// Builds the request for `row` of its data, with the values of `session`.
    ///
    /// # Errors
    /// Cause of the failure, if a value is missing or does not fit.
    pub(crate) fn make(
        &self,
        row: usize,
        session: &Session,
    ) -> Result<hyper::Request<Full<Bytes>>, Cause> {
        let known = RequestValues {
            session,
            row: self.rows.get(row),
        };
        let body = match &self.body {
            Part::Built(bodies) => bodies.of(row).clone(),
            Part::PerSession(template) => template.fill(&known).map_err(missing_value)?,
        };
        let mut request = hyper::Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = match &self.uri {
            Part::Built(uris) => uris.of(row).clone(),
            Part::PerSession(template) => {
                let path = template
                    .fill(&known, percent_encoded)
                    .map_err(missing_value)?;
                uri(&self.prefix, &requoted(&path))
                    .ok_or("an extracted value makes no valid path")?
            }
        };
        let headers = request.headers_mut();
        headers.clone_from(self.headers.of(row));
        for SessionHeader {
            name,
            value,
            is_optional,
        } in &self.session_headers
        {
            let text = match value.fill(&known) {
                Err(_) if *is_optional => continue,
                filled => filled.map_err(missing_value)?,
            };
            let value = HeaderValue::from_str(&text)
                .map_err(|_| "an extracted value has a character that no header can have")?;
            headers.insert(name.clone(), value);
        }
        Ok(request)
    }

    /// Lowers the timeout to `limit`.
    pub(crate) fn limit(&mut self, limit: Duration) {
        if limit < self.timeout {
            self.timeout = limit;
            self.timed_out = timed_out(limit);
        }
    }
}

fn uri(prefix: &str, path: &str) -> Option<Uri> {
    let parsed: Result<PathAndQuery, _> = format!("{prefix}{path}").parse();
    parsed.ok().map(Uri::from)
}

fn missing_value(problem: NoValue) -> Cause {
    match problem {
        NoValue::Absent(name) => format!("`{name}` has no value yet: no answer gave it").into(),
        NoValue::Null(name) => format!("`{name}` is null, which no text can hold").into(),
    }
}

fn timed_out(timeout: Duration) -> Cause {
    format!("timed out after {}", humantime::format_duration(timeout)).into()
}
