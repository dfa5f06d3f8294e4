//! Routes of the page. Paths that Locust has are Locust's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use bakeoff_load::{Task, UserClass};
use bakeoff_report::prometheus;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::access::{self, Gate, Login};
use crate::body;
use crate::connection::Limits;
use crate::experiments::Experiments;
use crate::form::{self, SwarmForm};
use crate::swarm::{Asked, Swarm, SwarmError, users_of};
use crate::wire::{Outcome, Stats, state_name};

mod assets;
mod download;
mod events;
mod experiments;
mod history;
#[cfg(test)]
mod tests;

/// State of every route.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) swarm: Arc<Swarm>,
    pub(crate) experiments: Arc<Experiments>,
    /// Cancelled when the page ends.
    pub(crate) stop: CancellationToken,
}

pub(crate) fn router(page: Page, login: Option<Login>, limits: &Limits) -> Router {
    let gate = |login| Arc::new(Gate::new(login, limits.guesses, limits.all_guesses));
    let gate = login.map(gate);
    Router::new()
        .merge(assets::router())
        .merge(download::router())
        .merge(experiments::router())
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
        // The login was checked before.
        .route(
            "/login",
            get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/")]) }),
        )
        .route("/metrics", get(metrics))
        .route("/events", get(events::events))
        .layer(middleware::from_fn_with_state(limits.body, body::receive))
        .layer(middleware::from_fn_with_state(gate, access::ask_for_login))
        .layer(middleware::from_fn(access::refuse_other_sites))
        .layer(middleware::from_fn(access::restrain_browsers))
        .with_state(page)
}

/// Settings that the page needs before a load runs.
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
        "user_classes": swarm.scenario().users().iter().map(UserClass::name).collect::<Vec<_>>(),
        "host": defaults.host,
        "run_time_seconds": defaults.run_time.map(|time| time.as_secs()),
        "history": swarm.history().is_some(),
        "downloads": download::list(),
    }))
}

/// Starts a load or changes the running one. As in Locust, `success` tells the outcome, and the status is always 200.
async fn swarm(State(page): State<Page>, request: Request) -> Json<Outcome> {
    let fields = form::fields(request).await;
    let form = fields.and_then(|pairs| SwarmForm::parse(&pairs));
    if page.experiments.is_running() {
        return refused(&page, &SwarmError::ExperimentIsRunning);
    }
    let sets_time = form.as_ref().is_ok_and(|form| form.run_time.is_some());
    let (message, config) = match form.and_then(|form| page.swarm.ask(form)) {
        Ok(Asked::Started(config)) => ("Swarming started", config),
        Ok(Asked::Changed(config)) if sets_time => {
            ("Swarming updated; the run time stays as it was", config)
        }
        Ok(Asked::Changed(config)) => ("Swarming updated", config),
        Err(error) => return refused(&page, &error),
    };
    Json(Outcome {
        success: true,
        message: message.to_owned(),
        host: Some(config.host),
        run_time: config.run_time.map(|time| time.as_secs()),
    })
}

fn refused(page: &Page, error: &SwarmError) -> Json<Outcome> {
    let message = error.to_string();
    page.swarm.log().error(&message);
    Json(Outcome {
        success: false,
        message,
        host: Some(page.swarm.status(|live| live.host.clone())),
        run_time: None,
    })
}

async fn stop(State(page): State<Page>) -> Json<Outcome> {
    page.swarm.stop();
    Json(Outcome {
        success: true,
        message: "Test stopped".to_owned(),
        host: None,
        run_time: None,
    })
}

async fn reset(State(page): State<Page>) -> Html<&'static str> {
    page.swarm.reset().await;
    Html("ok")
}

async fn stats(State(page): State<Page>) -> Json<Stats> {
    Json(page.swarm.status(Stats::of))
}

/// Metrics of the last load in the text format of Prometheus.
async fn metrics(State(page): State<Page>) -> Response {
    let text = page.swarm.status(|live| {
        let measurement = live.measurement.as_ref()?;
        let state = state_name(live.state);
        Some(prometheus::render(measurement, live.users, state))
    });
    let content_type = [(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)];
    (content_type, text.unwrap_or_default()).into_response()
}

/// Shares of user classes and of their tasks, in Locust's format. Shares are by weight. Classes with a fixed number of
/// users have a share of zero.
async fn tasks(State(page): State<Page>) -> Json<Value> {
    let classes = page.swarm.scenario().users();
    let weight = |class: &UserClass| match class.fixed_count() {
        Some(_) if classes.len() > 1 => 0,
        _ => u64::from(class.weight().get()),
    };
    let total: u64 = classes.iter().map(weight).sum();
    let shares = |of_class: bool| {
        let mut shares = Map::new();
        for class in classes {
            let ratio = weight(class) as f64 / total.max(1) as f64;
            let tasks = task_ratios(class, if of_class { 1.0 } else { ratio });
            let class_name = class.name().to_owned();
            shares.insert(class_name, json!({ "ratio": ratio, "tasks": tasks }));
        }
        shares
    };
    Json(json!({ "per_class": shares(true), "total": shares(false) }))
}

/// Share of each task of a class; the shares add up to `whole`.
fn task_ratios(class: &UserClass, whole: f64) -> Map<String, Value> {
    let weight = |task: &Task| f64::from(task.weight().get());
    let total: f64 = class.tasks().iter().map(weight).sum();
    let mut ratios = Map::new();
    for task in class.tasks() {
        let ratio = ratios
            .entry(task.name())
            .or_insert_with(|| json!({ "ratio": 0.0 }));
        let known = ratio["ratio"].as_f64().expect("a ratio is a number");
        ratio["ratio"] = json!(known + whole * weight(task) / total);
    }
    ratios
}

async fn logs(State(page): State<Page>) -> Json<Value> {
    Json(json!({ "master": page.swarm.log().lines(), "workers": {} }))
}
