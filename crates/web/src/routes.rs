//! The paths of the page, which are Locust's.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use bakeoff_load::{LoadConfig, Workload};
use bakeoff_report::render::html::{UPLOT_CSS, UPLOT_JS};
use serde_json::json;

use crate::swarm::{Busy, Swarm};
use crate::wire::{Outcome, Stats, SwarmForm};

const PAGE: &str = include_str!("../assets/page.html");

pub(crate) fn router(swarm: Arc<Swarm>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route(
            "/assets/uplot.js",
            get(|| async { ([(header::CONTENT_TYPE, "text/javascript")], UPLOT_JS) }),
        )
        .route(
            "/assets/uplot.css",
            get(|| async { ([(header::CONTENT_TYPE, "text/css")], UPLOT_CSS) }),
        )
        .route("/settings", get(settings))
        .route("/swarm", post(start))
        .route("/stop", post(stop))
        .route("/stats/requests", get(stats))
        .layer(middleware::from_fn(refuse_other_sites))
        .with_state(swarm)
}

/// What the start form shows before anybody has typed.
async fn settings(State(swarm): State<Arc<Swarm>>) -> impl IntoResponse {
    let defaults = swarm.defaults();
    let (users, spawn_rate) = users_and_rate(&defaults.workload);
    Json(json!({
        "scenario": swarm.scenario().name(),
        "user_count": users,
        "spawn_rate": spawn_rate,
        "host": defaults.host,
        "run_time_seconds": defaults.run_time.map(|time| time.as_secs()),
    }))
}

async fn start(
    State(swarm): State<Arc<Swarm>>,
    Form(form): Form<SwarmForm>,
) -> (StatusCode, Json<Outcome>) {
    let outcome = |status: StatusCode, message: &str, host: Option<String>| {
        (
            status,
            Json(Outcome {
                success: status.is_success(),
                message: message.to_owned(),
                host,
            }),
        )
    };
    let config = match config_of(form, swarm.defaults()) {
        Ok(config) => config,
        Err(message) => return outcome(StatusCode::UNPROCESSABLE_ENTITY, &message, None),
    };
    let host = config.host.clone();
    match swarm.start(config) {
        Ok(()) => outcome(StatusCode::OK, "Swarming started", Some(host)),
        Err(Busy) => outcome(
            StatusCode::CONFLICT,
            "a load is running; stop it first",
            None,
        ),
    }
}

/// The form's values over the defaults.
fn config_of(form: SwarmForm, defaults: &LoadConfig) -> Result<LoadConfig, String> {
    let mut config = defaults.clone();
    if form.user_count.is_some() || form.spawn_rate.is_some() {
        config.workload = users_of(&form, defaults)?;
    }
    if let Some(host) = form.host.filter(|host| !host.is_empty()) {
        config.host = host;
    }
    if let Some(time) = form.run_time.filter(|time| !time.is_empty()) {
        let bare_seconds = time.parse().map(std::time::Duration::from_secs).ok();
        let time = bare_seconds.or_else(|| humantime::parse_duration(&time).ok());
        config.run_time = Some(time.ok_or("run_time must be a time such as 60s or 1h30m")?);
    }
    Ok(config)
}

/// As many users as the form asks for.
fn users_of(form: &SwarmForm, defaults: &LoadConfig) -> Result<Workload, String> {
    let (users, rate) = users_and_rate(&defaults.workload);
    let users = form.user_count.unwrap_or(users.get());
    let spawn_rate = form.spawn_rate.unwrap_or(rate);
    if !(spawn_rate.is_finite() && spawn_rate > 0.0) {
        return Err("spawn_rate must be a number above zero".to_owned());
    }
    Ok(Workload::Users {
        users: NonZeroU32::new(users).ok_or("user_count must be above zero")?,
        spawn_rate,
    })
}

/// The users of a load; one at one per second where it is none of users.
fn users_and_rate(workload: &Workload) -> (NonZeroU32, f64) {
    match workload {
        Workload::Users { users, spawn_rate } => (*users, *spawn_rate),
        Workload::Stages(_) | Workload::Arrivals(_) => (NonZeroU32::MIN, 1.0),
    }
}

async fn stop(State(swarm): State<Arc<Swarm>>) -> Json<Outcome> {
    swarm.stop();
    Json(Outcome {
        success: true,
        message: "Test stopped".to_owned(),
        host: None,
    })
}

async fn stats(State(swarm): State<Arc<Swarm>>) -> impl IntoResponse {
    Json(Stats::of(swarm.status()))
}

/// A page of another site must not be able to start a load from a visitor's browser, nor to read its results
/// under a name of its own that it has pointed at this address.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !host_is_ours(headers) {
        return (
            StatusCode::FORBIDDEN,
            "this page is reached by its address or as localhost",
        )
            .into_response();
    }
    if request.method().is_safe() || same_site(headers) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "cross-site requests are refused").into_response()
}

/// Whether the request names this machine by an address or as localhost, which nobody else can point here.
fn host_is_ours(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

/// Whether the request comes from this page, or from no page at all.
fn same_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| Some(authority) == host)
}
