//! What can be downloaded of the last load: thin calls of the renderers.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bakeoff_report::{LoadTest, render};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Page;

/// A report may run what it holds and reach nothing: its scripts have an origin of their own.
const REPORT_POLICY: &str = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

/// A file of the last load.
struct File {
    path: &'static str,
    what: &'static str,
    content_type: &'static str,
    /// The end of the suggested file name.
    ending: &'static str,
    render: fn(&LoadTest) -> String,
}

static FILES: [File; 6] = [
    File {
        path: "/stats/report",
        what: "Report that a browser shows",
        content_type: "text/html; charset=utf-8",
        ending: "report.html",
        render: render::html::render_load_test,
    },
    File {
        path: "/stats/record",
        what: "Record of the run, with every second of it",
        content_type: "application/json",
        ending: "run.json",
        render: render::json::render_load_test,
    },
    File {
        path: "/stats/requests/csv",
        what: "Statistics by request name",
        content_type: CSV,
        ending: "stats.csv",
        render: |test| render::locust_csv::stats(&test.measurement),
    },
    File {
        path: "/stats/requests_full_history/csv",
        what: "Statistics second by second",
        content_type: CSV,
        ending: "stats_history.csv",
        render: |test| render::locust_csv::stats_history(&test.measurement, true),
    },
    File {
        path: "/stats/failures/csv",
        what: "Failures by cause",
        content_type: CSV,
        ending: "failures.csv",
        render: |test| render::locust_csv::failures(&test.measurement),
    },
    File {
        path: "/exceptions/csv",
        what: "Exceptions, which a scenario cannot raise",
        content_type: CSV,
        ending: "exceptions.csv",
        render: |_| render::locust_csv::exceptions(),
    },
];

const CSV: &str = "text/csv; charset=utf-8";

#[derive(Debug, Deserialize)]
struct Wish {
    download: Option<String>,
}

pub(super) fn router() -> Router<Page> {
    let mut router = Router::new();
    for file in &FILES {
        let serve = move |State(page): State<Page>, Query(wish): Query<Wish>| async move {
            download(page, file, wish.download.is_some()).await
        };
        router = router.route(file.path, get(serve));
    }
    router
}

/// What the page offers.
pub(super) fn list() -> Vec<Value> {
    let files = FILES.iter();
    files
        .map(|file| json!({ "path": file.path, "what": file.what, "file": file.ending }))
        .collect()
}

async fn download(page: Page, file: &'static File, attached: bool) -> Response {
    let Some(test) = page.swarm.load_test() else {
        return (StatusCode::NOT_FOUND, "no load was started yet").into_response();
    };
    let name = format!("{}-{}", file_name(&test), file.ending);
    let render = move || (file.render)(&test);
    let Ok(content) = tokio::task::spawn_blocking(render).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (
        [
            (header::CONTENT_TYPE, file.content_type),
            (header::CONTENT_SECURITY_POLICY, REPORT_POLICY),
        ],
        content,
    )
        .into_response();
    if attached && let Ok(value) = format!("attachment; filename=\"{name}\"").parse() {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The scenario's name as a file may be called, and when its load began.
fn file_name(test: &LoadTest) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let name: String = test.name.chars().map(plain).collect();
    let moment = humantime::format_rfc3339_seconds(test.measurement.started_at);
    format!("{name}-{}", moment.to_string().replace(':', "-"))
}
