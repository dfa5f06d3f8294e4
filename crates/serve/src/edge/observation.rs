//! Log line and metrics of each request.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
};

use super::correlation::Correlation;
use crate::metrics::Metrics;

/// Log line and metrics of a request. They are written when the value is dropped, also if the client disconnects before the
/// response.
#[derive(Debug)]
pub(super) struct Observation {
    metrics: Arc<Metrics>,
    method: &'static str,
    route: Option<MatchedPath>,
    correlation: Correlation,
    arrived: Instant,
    status: u16,
}

/// Status for a client that disconnected before the response.
const CLIENT_GONE: u16 = 499;

/// Route of a path without a route.
const NO_ROUTE: &str = "none";

impl Observation {
    pub(super) fn start(
        metrics: &Arc<Metrics>,
        request: &Request,
        correlation: Correlation,
        arrived: Instant,
    ) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            method: name(request.method()),
            route: request.extensions().get().cloned(),
            correlation,
            arrived,
            status: CLIENT_GONE,
        }
    }

    /// Sets the status of the response.
    pub(super) fn finish(mut self, status: StatusCode) {
        self.status = status.as_u16();
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let took = self.arrived.elapsed();
        let route = self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        self.metrics.response(route, self.status, took);
        tracing::info!(
            target: "bakeoff::request",
            method = self.method,
            route,
            status = self.status,
            ms = (took.as_secs_f64() * 1e6).round() / 1e3,
            request_id = self.correlation.request_id.to_str().unwrap_or_default(),
            trace_id = self.correlation.trace_id,
        );
    }
}

/// Name of a method. Unknown methods are `OTHER`, since they are text of the request.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
