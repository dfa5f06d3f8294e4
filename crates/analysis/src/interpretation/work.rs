//! Sentences about differences in the work of contenders: connections, body sizes, and requests that repeat.

use super::case::Case;
use crate::judged::Judged;
use crate::turn::MOST_FAILURES_RATIO;
use crate::words;
use bakeoff_record::experiment::{Run, RunLoad};

/// Connections for each request from which on a contender is said to close them. One that keeps them has one a user.
const MANY_CONNECTIONS_RATIO: f64 = 0.1;
/// How far the average body may be from the baseline's before that is pointed out.
const OTHER_BODY_RATIO: f64 = 0.1;
/// Requests for each different request in a turn from which on they are said to repeat.
pub(super) const REPEATS: f64 = 1.05;

/// Contenders that close connections after answers, where the baseline keeps them, or the other way about.
pub(super) fn connections(case: &Case<'_>) -> Vec<String> {
    let Some(baseline) = case.analysis.baseline() else {
        return Vec::new();
    };
    let closes = |result: &Judged| connections_per_request(case, result) > MANY_CONNECTIONS_RATIO;
    let others = case
        .measured()
        .filter(|result| closes(result) != closes(baseline))
        // After a failure a connection is opened anew whoever closed it.
        .filter(|result| !is_failing(result) && !is_failing(baseline));
    let sentence = |result: &Judged| {
        let (closing, keeping) = if closes(result) {
            (result, baseline)
        } else {
            (baseline, result)
        };
        format!(
            "{0} opened {1} for each request, and {2} kept its connections open ({3}). The time to open connections is part of the \
             response times of {0}; clients with a connection pool would not see all of it.",
            closing.name(),
            words::figure(connections_per_request(case, closing)) + " connections",
            keeping.name(),
            words::figure(connections_per_request(case, keeping)),
        )
    };
    others.map(sentence).collect()
}

fn is_failing(result: &Judged) -> bool {
    result.measured().summary.fail_ratio() > MOST_FAILURES_RATIO
}

/// Connections over all requests of a contender's turns under users, warm-up included, from the timeline.
fn connections_per_request(case: &Case<'_>, result: &Judged) -> f64 {
    let runs = case.experiment.runs_under(RunLoad::Users);
    let runs = runs.filter(|run| run.contender == result.name());
    let (connections, requests) = runs.fold((0, 0), |(connections, requests), run| {
        let seconds = run.measurement.timeline.iter();
        let sent: u64 = seconds.map(|second| second.requests).sum();
        (
            connections + run.measurement.connections_opened,
            requests + sent,
        )
    });
    connections as f64 / requests.max(1) as f64
}

/// Answers of another length than the baseline's.
pub(super) fn bodies(case: &Case<'_>) -> Vec<String> {
    let baseline = case.analysis.baseline();
    let expected =
        baseline.and_then(|baseline| baseline.measured().summary.total.average_body_bytes());
    let (Some(baseline), Some(expected)) = (baseline, expected) else {
        return Vec::new();
    };
    case.of_each(|result| {
        let actual = result.measured().summary.total.average_body_bytes()?;
        let sample = result.measured().agreement.as_ref();
        // The same answers written in another way.
        if sample.is_some_and(|sample| sample.compared > 0 && sample.differing == 0) {
            return None;
        }
        let apart = (actual.max(1.0) / expected.max(1.0)).ln().abs();
        (apart > OTHER_BODY_RATIO.ln_1p()).then(|| {
            format!(
                "The answers of {} have {} bytes on average, and those of {} have {}; rules for `answers` would show whether both do the same work.",
                result.name(),
                words::figure(actual),
                baseline.name(),
                words::figure(expected),
            )
        })
    })
}

/// Requests that repeat within a turn, which a contender that caches answers would be favoured by.
pub(super) fn repeats(case: &Case<'_>) -> Vec<String> {
    let most = case.measured().filter_map(|result| {
        let runs = case.experiment.runs_under(RunLoad::Users);
        let of_contender = runs.filter(|run| run.contender == result.name());
        let (repeats, distinct) = of_contender
            .filter_map(repeats_of)
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        (repeats > REPEATS).then_some((repeats, distinct, result.name()))
    });
    let most = most.max_by(|a, b| a.0.total_cmp(&b.0));
    let sentence = most.map(|(repeats, distinct, name)| {
        let different = if distinct == 1 {
            "the only request".to_owned()
        } else {
            format!("each of {} different requests", words::count(distinct))
        };
        format!(
            "Within a turn, {different} was sent up to {} times on average ({name}), warm-up included. A contender that caches \
             answers looks faster here than it is on new requests. `data = {{ order = \"distinct\" }}` with enough rows avoids that.",
            words::figure(repeats),
        )
    });
    sentence.into_iter().collect()
}

/// How often each different request was sent in a run, and how many different ones there were.
fn repeats_of(run: &Run) -> Option<(f64, u64)> {
    let distinct = run
        .measurement
        .distinct_requests
        .filter(|distinct| *distinct > 0)?;
    let sent: u64 = run
        .measurement
        .timeline
        .iter()
        .map(|second| second.requests)
        .sum();
    Some((sent as f64 / distinct as f64, distinct))
}
