//! Fuzz target of this crate. It panics if, and only if, a check fails. It starts no load.
//!
//! A test runs it on the files that earlier fuzzing found.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use bakeoff_load::{LoadConfig, Scenario, Share, Workload, check_host};
use bakeoff_record::Machine;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::PageConfig;
use crate::access::Login;
use crate::connection::Limits;
use crate::experiments::Experiments;
use crate::form::{SwarmForm, fields};
use crate::routes::{Page, router};
use crate::swarm::{Swarm, users_of};

/// A login, and its form in a request.
const LOGIN: &str = "ada:secret";
const LOGIN_BASE64: &str = "YWRhOnNlY3JldA==";

/// Parses `data` as a request: a line with method and target, lines with headers, an empty line and the body. A request to start a
/// load is parsed and checked. Other requests are answered.
///
/// # Panics
/// If a form becomes a load that cannot run, or if a request is answered that must be refused.
pub fn page_form(data: &[u8]) {
    let Some(request) = request(data) else {
        return;
    };
    let room = Room::get();
    if request.uri().path() == "/swarm" {
        room.runtime.block_on(form(request));
        return;
    }
    let is_foreign = is_foreign(&request);
    let knows_login = request
        .headers()
        .values()
        .any(|value| value.as_bytes().ends_with(LOGIN_BASE64.as_bytes()));
    let (parts, body) = request.into_parts();
    let [open, closed] = &room.pages;
    let status = room.answer(closed, Request::from_parts(parts.clone(), Body::empty()));
    let refusals = [
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let is_refused = refusals.contains(&status);
    assert!(knows_login || is_refused, "let in without a login");
    let status = room.answer(open, Request::from_parts(parts, body));
    assert!(
        !is_foreign || refusals.contains(&status),
        "another site is let in"
    );
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// Pages that answer: one without and one with a login.
struct Room {
    runtime: Runtime,
    pages: [Router; 2],
}

impl Room {
    fn get() -> &'static Self {
        static ROOM: OnceLock<Room> = OnceLock::new();
        ROOM.get_or_init(|| Self {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made"),
            pages: [None, Some(LOGIN)].map(|login| {
                let login = login.map(|login| login.parse::<Login>().expect("it is a login"));
                router(page(), login, &Limits::default())
            }),
        })
    }

    fn answer(&self, page: &Router, request: Request) -> StatusCode {
        let answered = self.runtime.block_on(page.clone().oneshot(request));
        answered.expect("a router does not fail").status()
    }
}

fn page() -> Page {
    let text = "[load]\nusers = 1\n[[user]]\nname = \"reader\"\n[[user.task]]\npath = \"/\"\n";
    let scenario = Scenario::parse(text, Path::new("s.toml")).expect("it is a scenario");
    Page {
        swarm: Arc::new(Swarm::new(PageConfig {
            scenario,
            defaults: defaults(),
            machine: machine(),
            bakeoff_version: "0.1.0".to_owned(),
            history: None,
            experiments: Vec::new(),
            login: None,
        })),
        experiments: Arc::new(Experiments::new(Vec::new())),
        stop: CancellationToken::new(),
    }
}

/// One user on an address where nothing listens.
pub(crate) fn defaults() -> LoadConfig {
    LoadConfig {
        host: "http://127.0.0.1:1".to_owned(),
        workload: Workload::Users {
            users: NonZeroU32::MIN,
            spawn_rate: 1.0,
        },
        run_time: None,
        iterations: None,
        warm_up: None,
        stop_timeout: Duration::ZERO,
        enough: None,
        seed: 1,
        share: Share::WHOLE,
        threads: NonZeroUsize::MIN,
    }
}

fn request(data: &[u8]) -> Option<Request> {
    let mut rest = data;
    let mut line = || {
        let mut parts = rest.splitn(2, |&byte| byte == b'\n');
        let line = parts.next().unwrap_or_default();
        rest = parts.next().unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    };
    let (method, target) = str::from_utf8(line()).ok()?.split_once(' ')?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.parse::<Method>().ok()?;
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    loop {
        let line = line();
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            break;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    *request.body_mut() = Body::from(rest.to_vec());
    Some(request)
}

/// `true` if the request comes from a page of another site and could change something.
fn is_foreign(request: &Request) -> bool {
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let is_foreign = origin.is_some_and(|origin| !origin.ends_with(host));
    is_foreign && !request.method().is_safe()
}

/// Parses a form, and checks the load.
async fn form(request: Request) {
    let Ok(pairs) = fields(request).await else {
        return;
    };
    let form = match SwarmForm::parse(&pairs) {
        Ok(form) => form,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a reason");
            return;
        }
    };
    let Ok(config) = form.over(&defaults()) else {
        return;
    };
    let is_rate = |rate: f64| rate.is_finite() && rate > 0.0;
    match &config.workload {
        Workload::Users { spawn_rate, .. } => assert!(is_rate(*spawn_rate)),
        Workload::Stages(stages) => {
            assert!(!stages.is_empty(), "no stage");
            for stage in stages {
                assert!(
                    is_rate(stage.spawn_rate) && !stage.duration.is_zero(),
                    "{stage:?}"
                );
            }
        }
        Workload::OpenModel(arrivals) => {
            for rate in &arrivals.rates {
                assert!(is_rate(rate.from) && is_rate(rate.to), "{rate:?}");
            }
        }
        Workload::Spread { .. } => {}
    }
    if let Some((_, spawn_rate)) = users_of(&config.workload) {
        assert!(is_rate(spawn_rate));
    }
    let _ = (config.workload.to_string(), check_host(&config.host));
}

fn machine() -> Machine {
    Machine {
        cpu: "a processor".to_owned(),
        cores: 1,
        memory_bytes: 1,
        ..Machine::default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn saved_requests_do_no_harm() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/page_form");
        let entries = fs::read_dir(&folder).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // On a failure, the last line names the file.
            println!("{}", file.display());
            page_form(&fs::read(&file).unwrap());
        }
    }

    #[test]
    fn requests_are_read_with_their_headers_and_body() {
        let request = request(b"POST /a?b HTTP\nx: y\r\n\nz");
        assert!(request.is_none(), "a target has no space");
        let request = super::request(b"POST /a?b\nx:  y\r\n\nz").unwrap();
        assert_eq!(request.uri(), "/a?b");
        assert_eq!(request.headers()["x"], "y");
    }
}
