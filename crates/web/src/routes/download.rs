//! Downloads of the last load, made by the renderers.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bakeoff_record::{LoadTest, Measurement};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Page;

/// Policy by which a report may run its own scripts in an origin of their own, and may load nothing.
pub(super) const REPORT_POLICY: &str = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

/// A file of the last load.
struct File {
    path: &'static str,
    what: &'static str,
    /// Ending of the suggested file name.
    ending: &'static str,
    content: Content,
}

/// Content of a file. Locust's tables exist before the first load too, and are always sent as attachments.
enum Content {
    Page(fn(&LoadTest) -> String),
    Record(fn(&LoadTest) -> String),
    Table(fn(&Measurement) -> String),
}

static FILES: [File; 6] = [
    File {
        path: "/stats/report",
        what: "Report for a browser",
        ending: "report.html",
        content: Content::Page(bakeoff_report::html::render_load_test),
    },
    File {
        path: "/stats/record",
        what: "Full record of the run, second by second",
        ending: "run.json",
        content: Content::Record(bakeoff_report::json::render_load_test),
    },
    File {
        path: "/stats/requests/csv",
        what: "Statistics per request name",
        ending: "stats.csv",
        content: Content::Table(bakeoff_report::locust_csv::stats),
    },
    File {
        path: "/stats/requests_full_history/csv",
        what: "Statistics per second",
        ending: "stats_history.csv",
        content: Content::Table(|measured| {
            bakeoff_report::locust_csv::stats_history(measured, true)
        }),
    },
    File {
        path: "/stats/failures/csv",
        what: "Failures per cause",
        ending: "failures.csv",
        content: Content::Table(bakeoff_report::locust_csv::failures),
    },
    File {
        path: "/exceptions/csv",
        what: "Exceptions, always empty, for scripts made for Locust",
        ending: "exceptions.csv",
        content: Content::Table(|_| bakeoff_report::locust_csv::exceptions()),
    },
];

#[derive(Debug, Deserialize)]
struct Options {
    download: Option<String>,
}

pub(super) fn router() -> Router<Page> {
    let mut router = Router::new();
    for file in &FILES {
        let serve = move |State(page): State<Page>, Query(options): Query<Options>| async move {
            download(page, file, options.download.is_some()).await
        };
        router = router.route(file.path, get(serve));
    }
    router
}

/// Path, description and name of each file.
pub(super) fn list() -> Vec<Value> {
    let files = FILES.iter();
    files
        .map(|file| json!({ "path": file.path, "what": file.what, "file": file.ending }))
        .collect()
}

async fn download(page: Page, file: &'static File, wished: bool) -> Response {
    let test = page.swarm.load_test();
    let is_table = matches!(file.content, Content::Table(_));
    if test.is_none() && !is_table {
        return (StatusCode::NOT_FOUND, "no test has started yet").into_response();
    }
    let test = test.unwrap_or_else(|| page.swarm.nothing_measured());
    let name = format!("{}-{}", file_name(&test), file.ending);
    let render = move || file.content.of(&test);
    let Ok(content) = tokio::task::spawn_blocking(render).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (
        [
            (header::CONTENT_TYPE, file.content.kind()),
            (header::CONTENT_SECURITY_POLICY, REPORT_POLICY),
        ],
        content,
    )
        .into_response();
    let attached = wished || is_table;
    if attached && let Ok(value) = format!("attachment; filename=\"{name}\"").parse() {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

impl Content {
    fn of(&self, test: &LoadTest) -> String {
        match self {
            Self::Page(render) | Self::Record(render) => render(test),
            Self::Table(render) => render(&test.measurement),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Page(_) => "text/html; charset=utf-8",
            Self::Record(_) => "application/json",
            Self::Table(_) => "text/csv; charset=utf-8",
        }
    }
}

/// File name of the scenario's name and the start of its load.
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
