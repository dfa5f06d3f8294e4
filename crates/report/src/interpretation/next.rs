//! What to do next, where the figures show it. What they do not show is not guessed at.

use super::Case;
use crate::analysis::ContenderResult;
use crate::experiment::RunLoad;
use crate::precision::QUANTILES;
use crate::sweep::SweepResult;
use crate::verdict::{MOST_FAILURES_RATIO, Verdict};
use crate::words;

/// The share of a response time spent waiting, from which on it is pointed out.
pub(super) const MUCH_WAITING_RATIO: f64 = 0.5;
/// The share of the processor time there was, below which a contender under users who never pause leaves cores unused.
pub(super) const FULL_USE_RATIO: f64 = 0.75;

/// Users beyond the knee only wait.
pub(super) fn waiting(case: &Case<'_>) -> Vec<String> {
    let users = case.plan().users;
    case.of_each(|result| {
        let name = &result.contender.name;
        let of_name = |sweep: &&SweepResult| sweep.contender == *name;
        let sweep = case.analysis.sweeps.iter().find(of_name)?;
        let (knee, _, _) = sweep.knee_users.filter(|(knee, _, _)| *knee < users)?;
        let alone = sweep.curve.first().filter(|point| point.users == 1)?;
        let alone = alone.total.response_times.quantile(0.5)?;
        let together = result.summary.total.response_times.quantile(0.5)?;
        let waiting = 1.0 - alone.as_secs_f64() / together.as_secs_f64();
        (waiting > MUCH_WAITING_RATIO).then(|| {
            format!(
                "With {users} users {name} spends {} of a median response time waiting ({} ms, and {} ms with one user): \
                 put at most {} on it, its knee, or run more of it side by side.",
                words::percent((waiting * 100.0).round() / 100.0),
                words::ms(together),
                words::ms(alone),
                words::several(knee as usize, "user")
            )
        })
    })
}

/// Cores that stand idle although users never pause.
pub(super) fn idle_cores(case: &Case<'_>) -> Vec<String> {
    if case.plan().users_pause || case.plan().cores.is_some() {
        return Vec::new();
    }
    let cores = f64::from(case.experiment.machine.cores);
    case.of_each(|result| {
        let used = cores_used(case, result)?;
        let generator = result.generator?.cpu_ratio * cores;
        let available = cores - generator;
        (used < FULL_USE_RATIO * available).then(|| {
            format!(
                "{} used {} of the {} cores that the load generator left, although its users never paused: something else than \
                 processor time limits it, such as one request at a time. The figures do not tell what; try more workers or threads.",
                result.contender.name,
                words::figure(used),
                words::figure(available)
            )
        })
    })
}

/// Processor time over the time of the measured periods in which it was seen.
fn cores_used(case: &Case<'_>, result: &ContenderResult) -> Option<f64> {
    let runs = case
        .experiment
        .runs_under(RunLoad::Users)
        .filter(|run| run.contender == result.contender.name);
    let seen = runs.filter_map(|run| Some((run.usage?.cpu, run.measurement.period)));
    let (cpu, period) = seen.fold((0.0, 0.0), |(cpu, period), (more_cpu, more_period)| {
        (
            cpu + more_cpu.as_secs_f64(),
            period + more_period.as_secs_f64(),
        )
    });
    (period > 0.0).then(|| cpu / period)
}

/// Failures come before speed.
pub(super) fn failures_first(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let total = &result.summary.total;
        let most = result.summary.failures.first()?;
        (total.fail_ratio() > MOST_FAILURES_RATIO).then(|| {
            format!(
                "Find out first why requests to {} fail: {} of {} with “{}”.",
                result.contender.name,
                words::count(most.occurrences),
                words::count(total.requests()),
                most.cause
            )
        })
    })
}

/// Comparisons that more blocks would decide.
pub(super) fn more_blocks(case: &Case<'_>) -> Vec<String> {
    let needed = case.contenders().filter_map(|result| match result.verdict {
        Verdict::NotShown { more_blocks } | Verdict::TooFewBlocks { more_blocks, .. } => {
            Some(more_blocks)
        }
        _ => None,
    });
    let most = needed.max().filter(|more| *more > 0);
    let sentence = most.map(|more| {
        format!(
            "About {} would decide what is open, if they are like those measured: --blocks {}.",
            words::several(more as usize, "more block"),
            case.plan().blocks.saturating_add(more)
        )
    });
    sentence.into_iter().collect()
}

/// A machine that differs from itself by more than what matters.
pub(super) fn quieter_machine(case: &Case<'_>) -> Vec<String> {
    let noise = case.analysis.noise;
    let loud = noise.filter(|noise| noise.floor_ratio > case.plan().same_ratio);
    let sentence = loud.map(|noise| {
        format!(
            "Measure for longer or on a quieter machine: here {} differs from itself by {}, and {} was to be told apart.",
            case.plan().baseline,
            words::percent((noise.floor_ratio * 1000.0).round() / 1000.0),
            words::percent(case.plan().same_ratio)
        )
    });
    sentence.into_iter().collect()
}

/// Contenders that need a longer warm-up.
pub(super) fn longer_warm_up(case: &Case<'_>) -> Vec<String> {
    let limit = case.plan().warm_up_limit;
    let unsettled: Vec<&str> = case
        .measured()
        .filter(|result| result.unsettled.0 * 2 > result.unsettled.1)
        .map(|result| result.contender.name.as_str())
        .collect();
    if unsettled.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "Give {} more than {} to warm up: in more than half of the turns the rate had not settled by then.",
        words::list(&unsettled),
        words::seconds(limit)
    )]
}

/// How long to measure for the percentile that there are too few requests for.
pub(super) fn rare_percentile(case: &Case<'_>) -> Vec<String> {
    let Some(quantile) = QUANTILES.last() else {
        return Vec::new();
    };
    // So many that one of them lies beyond the percentile with 97.5 %, the upper end of an interval.
    let needed = 0.025_f64.ln() / quantile.ln();
    let longest = case.measured().filter_map(|result| {
        let known = result.precision.intervals.last().copied().flatten();
        let effective = result.precision.effective_requests;
        let seconds = result.summary.period.as_secs_f64() * needed / effective.max(1) as f64;
        (known.is_none() && effective > 0).then_some((seconds, &result.contender.name))
    });
    let longest = longest.max_by(|a, b| a.0.total_cmp(&b.0));
    let sentence = longest.map(|(seconds, name)| {
        let percent = words::figure(quantile * 100.0);
        format!(
            "There are too few requests for an interval of the {percent} % percentile; that of {name} takes about {} s of measuring in all.",
            words::figure(seconds)
        )
    });
    sentence.into_iter().collect()
}
