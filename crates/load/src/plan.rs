//! A scenario made ready for one server: every request is built but for putting its parts together.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri};

use crate::check::{Cause, Checks};
use crate::clock::FAR;
use crate::host::Host;
use crate::scenario::PerRow;
use crate::sequence::{Choice, Deck};
use crate::{LoadError, Scenario, Task};

/// What users can send.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tasks: Vec<PlannedTask>,
    pub(crate) deck: Deck,
}

/// One kind of request.
#[derive(Debug)]
pub(crate) struct PlannedTask {
    pub(crate) name: String,
    pub(crate) method: Method,
    uri: PerRow<Uri>,
    headers: PerRow<HeaderMap>,
    body: PerRow<Bytes>,
    pub(crate) checks: Checks,
    pub(crate) timeout: Duration,
    /// The cause of the failure of a request that took longer than `timeout`.
    pub(crate) timed_out: Cause,
}

impl Plan {
    pub(crate) fn new(scenario: &Scenario, host: &Host, seed: u64) -> Result<Self, LoadError> {
        let tasks = scenario
            .tasks()
            .iter()
            .map(|task| PlannedTask::new(task, host))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            tasks,
            deck: Deck::new(scenario.tasks(), seed),
        })
    }

    /// The request to send for `choice`.
    pub(crate) fn request(&self, choice: Choice) -> Request<Full<Bytes>> {
        let task = &self.tasks[choice.task];
        let mut request = Request::new(Full::new(task.body.of(choice.row).clone()));
        *request.method_mut() = task.method.clone();
        *request.uri_mut() = task.uri.of(choice.row).clone();
        *request.headers_mut() = task.headers.of(choice.row).clone();
        request
    }
}

impl PlannedTask {
    fn new(task: &Task, host: &Host) -> Result<Self, LoadError> {
        let uri = task.path.map(|path| {
            let path = format!("{}{path}", host.prefix);
            let parsed: Result<PathAndQuery, _> = path.parse();
            parsed.map(Uri::from).map_err(|_| LoadError::Path {
                task: task.name().to_owned(),
                path,
            })
        })?;
        let headers = task.headers.map(|headers| {
            let mut headers = headers.clone();
            headers
                .entry(header::HOST)
                .or_insert_with(|| host.header.clone());
            Ok::<_, LoadError>(headers)
        })?;
        Ok(Self {
            name: task.name().to_owned(),
            method: task.method.clone(),
            uri,
            headers,
            body: task.body.clone(),
            checks: task.checks.clone(),
            timeout: task.timeout.min(FAR),
            timed_out: timed_out(task.timeout),
        })
    }

    /// Gives answers no more time than `limit`.
    pub(crate) fn limit(&mut self, limit: Duration) {
        if limit < self.timeout {
            self.timeout = limit;
            self.timed_out = timed_out(limit);
        }
    }
}

fn timed_out(timeout: Duration) -> Cause {
    format!("timed out after {}", humantime::format_duration(timeout)).into()
}
