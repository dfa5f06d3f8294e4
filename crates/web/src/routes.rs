//! The paths of the page. Those that Locust has are Locust's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use bakeoff_report::render::prometheus;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::access::{self, Login};
use crate::form::{self, SwarmForm};
use crate::swarm::{Swarm, SwarmError, users_of};
use crate::wire::{Outcome, Stats, state_name};

mod assets;
mod download;
mod events;
mod history;
#[cfg(test)]
mod tests;

/// What every route knows.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) swarm: Arc<Swarm>,
    /// Cancelled when the page ends.
    pub(crate) stop: CancellationToken,
}

pub(crate) fn router(page: Page, login: Option<Login>) -> Router {
    let login = login.map(Arc::new);
    Router::new()
        .merge(assets::router())
        .merge(download::router())
        .merge(history::router())
        .route("/settings", get(settings))
        .route("/swarm", post(swarm))
        .route("/stop", post(stop))
        .route("/stats/reset", post(reset))
        .route("/stats/requests", get(stats))
        .route(
            "/exceptions",
            get(|| async { Json(json!({"exceptions": []})) }),
        )
        .route("/tasks", get(tasks))
        .route("/logs", get(logs))
        .route(
            "/worker-count",
            get(|| async { Json(json!({"worker_count": 0})) }),
        )
        .route("/metrics", get(metrics))
        .route("/events", get(events::events))
        .layer(middleware::from_fn_with_state(login, access::ask_for_login))
        .layer(middleware::from_fn(access::refuse_other_sites))
        .layer(middleware::from_fn(access::restrain_browsers))
        .with_state(page)
}

/// What the page has to know before a load runs.
async fn settings(State(page): State<Page>) -> Json<Value> {
    let swarm = &page.swarm;
    let defaults = swarm.defaults();
    let (users, spawn_rate) = users_of(&defaults.workload).unzip();
    Json(json!({
        "version": swarm.version(),
        "scenario": swarm.scenario().name(),
        "user_count": users,
        "spawn_rate": spawn_rate,
        "fields": form::ADVANCED,
        "host": defaults.host,
        "run_time_seconds": defaults.run_time.map(|time| time.as_secs()),
        "history": swarm.history().is_some(),
        "downloads": download::list(),
    }))
}

/// Starts a load or, where one is running, changes its users.
async fn swarm(State(page): State<Page>, Form(pairs): Form<Vec<(String, String)>>) -> Response {
    let form = match SwarmForm::parse(&pairs) {
        Ok(form) => form,
        Err(message) => return refused(&SwarmError::Form(message)),
    };
    if page.swarm.is_running() {
        let edited = page.swarm.edit(form.users, form.spawn_rate);
        return answer(edited, "Swarming updated");
    }
    match page.swarm.start(form) {
        Ok(config) => Json(Outcome {
            success: true,
            message: "Swarming started".to_owned(),
            host: Some(config.host),
            run_time: config
                .run_time
                .map(|time| humantime::format_duration(time).to_string()),
        })
        .into_response(),
        Err(error) => refused(&error),
    }
}

async fn stop(State(page): State<Page>) -> Response {
    page.swarm.stop();
    answer(Ok(()), "Test stopped")
}

async fn reset(State(page): State<Page>) -> Response {
    answer(page.swarm.reset(), "Statistics reset")
}

async fn stats(State(page): State<Page>) -> Json<Stats> {
    Json(page.swarm.status(Stats::of))
}

/// The last load in Prometheus' text format.
async fn metrics(State(page): State<Page>) -> Response {
    let text = page.swarm.status(|live| {
        let measurement = live.measurement.as_ref()?;
        let state = state_name(live.state);
        Some(prometheus::render(measurement, live.users, state))
    });
    let content_type = [(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)];
    (content_type, text.unwrap_or_default()).into_response()
}

/// Locust's shape: the classes of users, and what they do how often. All users here are of one class.
async fn tasks(State(page): State<Page>) -> Json<Value> {
    let tasks = page.swarm.scenario().tasks();
    let total: u64 = tasks
        .iter()
        .map(|task| u64::from(task.weight().get()))
        .sum();
    let mut ratios = Map::new();
    for task in tasks {
        let ratio = f64::from(task.weight().get()) / total as f64;
        let known = ratios
            .get(task.name())
            .and_then(|known| known["ratio"].as_f64());
        let ratio = known.unwrap_or(0.0) + ratio;
        ratios.insert(task.name().to_owned(), json!({ "ratio": ratio }));
    }
    let classes = json!({ "User": { "ratio": 1.0, "tasks": ratios } });
    Json(json!({ "per_class": classes, "total": classes }))
}

async fn logs(State(page): State<Page>) -> Json<Value> {
    Json(json!({ "master": page.swarm.log().lines(), "workers": {} }))
}

fn answer(outcome: Result<(), SwarmError>, message: &str) -> Response {
    match outcome {
        Ok(()) => Json(Outcome {
            success: true,
            message: message.to_owned(),
            host: None,
            run_time: None,
        })
        .into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &SwarmError) -> Response {
    let status = match error {
        SwarmError::Busy | SwarmError::NotRunning | SwarmError::NoUsers => StatusCode::CONFLICT,
        SwarmError::Form(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let outcome = Outcome {
        success: false,
        message: error.to_string(),
        host: None,
        run_time: None,
    };
    (status, Json(outcome)).into_response()
}
