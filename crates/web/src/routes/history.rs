//! History of runs: list, show, annotate, delete, compare.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use bakeoff_history::{History, HistoryError};
use bakeoff_load::with_causes;
use bakeoff_record::RunId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Page;
use crate::wire::{Changes, RunDetail, RunOut};

/// Maximum number of compared runs, the number of colours of the charts.
const MOST_COMPARED: usize = 6;

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route("/history", get(list))
        .route("/history/{id}", get(look).patch(change).delete(forget))
        .route("/compare", get(compare))
}

#[derive(Debug, Deserialize)]
struct Search {
    #[serde(default)]
    search: String,
}

#[derive(Debug, Deserialize)]
struct Series {
    /// Method and name of the requests of charts and percentiles; all requests if there is no such name.
    #[serde(default)]
    series: String,
}

#[derive(Debug, Deserialize)]
struct Compared {
    /// Numbers of runs, separated by commas.
    ids: String,
    #[serde(default)]
    series: String,
}

async fn list(State(page): State<Page>, Query(query): Query<Search>) -> Response {
    read(page, move |history| {
        let runs = history.list(&query.search)?;
        let runs: Vec<RunOut> = runs.into_iter().map(Into::into).collect();
        Ok(json!({ "runs": runs }))
    })
    .await
}

async fn look(
    State(page): State<Page>,
    Path(id): Path<i64>,
    Query(query): Query<Series>,
) -> Response {
    read(page, move |history| {
        detail(history, RunId(id), &query.series)
    })
    .await
}

async fn change(
    State(page): State<Page>,
    Path(id): Path<i64>,
    Json(changes): Json<Changes>,
) -> Response {
    read(page, move |history| {
        if let Some(notes) = &changes.notes {
            history.set_notes(RunId(id), notes)?;
        }
        if let Some(tags) = &changes.tags {
            history.set_tags(RunId(id), tags)?;
        }
        history.run(RunId(id)).map(RunOut::from)
    })
    .await
}

async fn forget(State(page): State<Page>, Path(id): Path<i64>) -> Response {
    read(page, move |history| {
        history.delete(RunId(id))?;
        Ok(json!({ "success": true }))
    })
    .await
}

async fn compare(State(page): State<Page>, Query(query): Query<Compared>) -> Response {
    let ids: Result<Vec<i64>, _> = query.ids.split(',').map(str::parse).collect();
    let ids = match ids {
        Ok(ids) if (1..=MOST_COMPARED).contains(&ids.len()) => ids,
        _ => {
            let message = format!("ids must be 1 to {MOST_COMPARED} numbers, separated by commas");
            return refused(StatusCode::UNPROCESSABLE_ENTITY, &message);
        }
    };
    read(page, move |history| {
        let stored = ids.into_iter().map(|id| {
            let id = RunId(id);
            Ok((history.run(id)?, history.detail(id)?))
        });
        let stored = stored.collect::<Result<Vec<_>, HistoryError>>()?;
        let caveats = bakeoff_report::runs::caveats(&stored);
        let runs = stored
            .into_iter()
            .map(|(run, detail)| RunDetail::of(run, &detail, &query.series));
        let runs: Vec<RunDetail> = runs.collect();
        Ok(json!({ "runs": runs, "caveats": caveats }))
    })
    .await
}

fn detail(history: &History, id: RunId, series: &str) -> Result<RunDetail, HistoryError> {
    let run = history.run(id)?;
    Ok(RunDetail::of(run, &history.detail(id)?, series))
}

/// Runs `work` on a thread where waiting for the disk blocks no other request.
async fn read<Read: Serialize + Send + 'static>(
    page: Page,
    work: impl FnOnce(&History) -> Result<Read, HistoryError> + Send + 'static,
) -> Response {
    let working = tokio::task::spawn_blocking(move || {
        let history = page.swarm.history()?;
        Some(work(&history))
    });
    match working.await {
        Ok(Some(Ok(read))) => Json(read).into_response(),
        Ok(Some(Err(error))) => {
            let status = match error {
                HistoryError::NoSuchRun { .. } => StatusCode::NOT_FOUND,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refused(status, &with_causes(&error))
        }
        Ok(None) => refused(StatusCode::NOT_FOUND, "the page has no history"),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the history"),
    }
}

fn refused(status: StatusCode, message: &str) -> Response {
    let body = json!({ "success": false, "message": message });
    (status, Json(body)).into_response()
}
