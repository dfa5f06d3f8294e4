//! Experiments: files, start, stop, status and report.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{Page, download::REPORT_POLICY};
use crate::experiments::ExperimentError;

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route("/experiments", get(status).post(start))
        .route("/experiments/stop", post(stop))
        .route("/experiments/report", get(report))
        .route("/experiments/record", get(record))
}

async fn status(State(page): State<Page>) -> Json<Value> {
    let status = page.experiments.status();
    Json(json!({
        "files": page.experiments.files(),
        "file": status.file,
        "running": status.is_running,
        "now": status.now,
        "done_ratio": status.done_ratio,
        "news": status.news,
        "so_far": status.so_far,
        "has_report": status.experiment.is_some_and(|experiment| !experiment.runs.is_empty()),
    }))
}

async fn start(
    State(page): State<Page>,
    Form(fields): Form<HashMap<String, String>>,
) -> Json<Value> {
    let file = fields.get("file").map_or("", String::as_str);
    let quick = fields.contains_key("quick");
    // A load and contenders at the same time would share the CPU and disturb each other.
    let outcome = if page.swarm.is_running() {
        Err(ExperimentError::LoadIsRunning)
    } else {
        page.experiments.start(file, quick)
    };
    Json(match outcome {
        Ok(()) => json!({ "success": true, "message": format!("{file} started") }),
        Err(error) => json!({ "success": false, "message": error.to_string() }),
    })
}

async fn stop(State(page): State<Page>) -> Json<Value> {
    page.experiments.stop();
    Json(json!({ "success": true, "message": "stopping" }))
}

async fn report(State(page): State<Page>) -> Response {
    rendered(
        page,
        "text/html; charset=utf-8",
        bakeoff_report::html::render_experiment,
    )
    .await
}

async fn record(State(page): State<Page>) -> Response {
    rendered(
        page,
        "application/json",
        bakeoff_report::json::render_experiment,
    )
    .await
}

async fn rendered(
    page: Page,
    kind: &'static str,
    render: fn(&bakeoff_record::Experiment) -> String,
) -> Response {
    let experiment = page.experiments.status().experiment;
    // An experiment that was stopped before its first turn has no report.
    let Some(experiment) = experiment.filter(|experiment| !experiment.runs.is_empty()) else {
        return (StatusCode::NOT_FOUND, "no experiment has a result yet").into_response();
    };
    let text = tokio::task::spawn_blocking(move || render(&experiment)).await;
    let Ok(text) = text else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, REPORT_POLICY),
    ];
    (headers, text).into_response()
}
