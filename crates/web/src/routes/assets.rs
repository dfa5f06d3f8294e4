//! Files of the page: the folder `assets` and the chart library.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bakeoff_report::html::{UPLOT_CSS, UPLOT_JS};

use super::Page;

const SCRIPT: &str = "text/javascript";
const STYLE: &str = "text/css";

/// Name, content type and content of each file.
const ASSETS: [(&str, &str, &str); 17] = [
    ("uplot.js", SCRIPT, UPLOT_JS),
    ("uplot.css", STYLE, UPLOT_CSS),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../../assets/icon.svg"),
    ),
    ("style.css", STYLE, include_str!("../../assets/style.css")),
    ("theme.js", SCRIPT, include_str!("../../assets/theme.js")),
    ("app.js", SCRIPT, include_str!("../../assets/app.js")),
    ("api.js", SCRIPT, include_str!("../../assets/api.js")),
    ("dom.js", SCRIPT, include_str!("../../assets/dom.js")),
    ("tabs.js", SCRIPT, include_str!("../../assets/tabs.js")),
    ("live.js", SCRIPT, include_str!("../../assets/live.js")),
    ("charts.js", SCRIPT, include_str!("../../assets/charts.js")),
    ("tables.js", SCRIPT, include_str!("../../assets/tables.js")),
    ("form.js", SCRIPT, include_str!("../../assets/form.js")),
    (
        "experiments.js",
        SCRIPT,
        include_str!("../../assets/experiments.js"),
    ),
    (
        "history.js",
        SCRIPT,
        include_str!("../../assets/history.js"),
    ),
    (
        "compare.js",
        SCRIPT,
        include_str!("../../assets/compare.js"),
    ),
    ("words.js", SCRIPT, include_str!("../../assets/words.js")),
];

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route(
            "/",
            get(|| async { Html(include_str!("../../assets/page.html")) }),
        )
        .route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let found = ASSETS.into_iter().find(|(known, _, _)| *known == name);
    let Some((_, kind, content)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = format!("{kind}; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], content).into_response()
}
