//! How much contenders do, and how much they can.

use std::collections::BTreeMap;

use super::Case;
use super::evidence::{about_percent, comparable, interval, interval_over, ratio};
use crate::comparison::Metric;
use crate::sweep::{KNEE_RATIO, SweepResult, curve, is_saturated};
use crate::words;
use bakeoff_record::experiment::{Experiment, Run};

/// Requests per second, and against the baseline.
pub(super) fn rates(case: &Case<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    for result in case.contenders() {
        let name = &result.contender.name;
        let Some(rate) = result.summary.total.successes_per_second() else {
            sentences.push(format!("{name} was not measured."));
            continue;
        };
        let compared = result
            .comparison(Metric::RequestsPerSecond)
            .filter(|compared| compared.estimate.is_some() && comparable(result));
        let compared = compared.map_or_else(String::new, |compared| {
            format!("; that is {}", ratio(compared, &case.plan().baseline))
        });
        let figures = case.of_blocks(result, |runs| Metric::RequestsPerSecond.of_runs(runs));
        let estimate = case.estimate(result, "rate", &figures);
        sentences.push(format!(
            "{name} answered {} requests per second successfully in {} of measuring ({}){compared}.",
            words::figure(rate),
            words::seconds(result.measured),
            interval_over(estimate.as_ref(), figures.len()),
        ));
    }
    sentences
}

/// Where more users make no more requests.
pub(super) fn knees(case: &Case<'_>) -> Vec<String> {
    let sweeps = case.analysis.sweeps.iter();
    let sentences = sweeps.filter_map(|sweep| {
        let (users, low, high) = sweep.knee_users?;
        let rate = sweep.knee_per_second?;
        let between = if low == high {
            String::new()
        } else {
            format!(", {low} to {high} in the blocks")
        };
        Some(format!(
            "With more and more users, {} reached {} of its highest rate with {} ({} requests per second, {}{between}).",
            sweep.contender,
            words::percent(KNEE_RATIO),
            words::several(users as usize, "user"),
            words::figure(rate.point_estimate),
            interval(&rate),
        ))
    });
    sentences.collect()
}

/// Whose sweep ended before more users were seen to bring nothing, so that its knee may lie beyond.
pub(super) fn unreached(case: &Case<'_>) -> Vec<String> {
    let sweeps = case.analysis.sweeps.iter();
    let sentences = sweeps.filter_map(|sweep| {
        let most = sweep.curve.last()?.users;
        let swept = case.experiment.runs.iter().filter(|run| {
            run.contender == sweep.contender && !run.measurement.interrupted
        });
        let mut blocks: BTreeMap<u32, Vec<&Run>> = BTreeMap::new();
        for run in swept {
            blocks.entry(run.block).or_default().push(run);
        }
        let curves = blocks.into_values().map(curve);
        let rising: Vec<bool> = curves
            .filter(|curve| !curve.is_empty())
            .map(|curve| !is_saturated(&curve))
            .collect();
        let still = rising.iter().filter(|rising| **rising).count();
        (still > 0).then(|| {
            format!(
                "In {still} of {} the sweep of {} ended, with {} at most, before two steps brought less than {} more: its knee may lie beyond.",
                words::several(rising.len(), "block"),
                sweep.contender,
                words::several(most as usize, "user"),
                about_percent(1.0 - KNEE_RATIO),
            )
        })
    });
    sentences.collect()
}

/// Users beyond the knee wait in a queue, by Little's law.
pub(super) fn queue(case: &Case<'_>) -> Vec<String> {
    let users = case.plan().users;
    if case.plan().users_pause {
        return Vec::new();
    }
    case.of_each(|result| {
        let (sweep, (knee, fewest, most)) = beyond_the_knee(case, &result.contender.name)?;
        let at_knee = sweep.knee_per_second?.point_estimate;
        let rate = result.summary.total.successes_per_second()?;
        let between = if fewest == most {
            String::new()
        } else {
            format!(", {} to {} by the knees of the blocks", users - most, users - fewest)
        };
        (rate * KNEE_RATIO <= at_knee).then(|| {
            format!(
                "{} answers {} requests per second with {users} users and {} at its knee: by Little's law (requests in flight are rate \
                 times response time), all that the {} beyond the knee bring about is waiting in a queue{between}.",
                result.contender.name,
                words::figure(rate),
                words::figure(at_knee),
                words::several((users - knee) as usize, "user"),
            )
        })
    })
}

/// The sweep of a contender for which the plan has more users than the knee of any block.
pub(super) fn beyond_the_knee<'a>(
    case: &Case<'a>,
    contender: &str,
) -> Option<(&'a SweepResult, (u32, u32, u32))> {
    let mut sweeps = case.analysis.sweeps.iter();
    let sweep = sweeps.find(|sweep| sweep.contender == contender)?;
    let knee = sweep.knee_users.filter(|knee| knee.2 < case.plan().users)?;
    Some((sweep, knee))
}

/// The highest rate at which response times are as they should be.
pub(super) fn objective(case: &Case<'_>) -> Vec<String> {
    let Some(slo) = case.plan().slo else {
        return Vec::new();
    };
    let wanted = format!(
        "{} of the answers within {} ms",
        words::percentile((slo.quantile * 1000.0).round() / 10.0),
        words::ms(slo.below)
    );
    let sweeps = case.analysis.sweeps.iter();
    let sentences = sweeps.filter_map(|sweep| match (sweep.slo_per_second, sweep.slo_never) {
        (Some(rate), _) => Some(format!(
            "{} gave {wanted} at up to {} requests per second ({}).",
            sweep.contender,
            words::figure(rate.point_estimate),
            interval(&rate)
        )),
        (None, (never, blocks)) if never > 0 => Some(format!(
            "In {never} of {} {} did not give {wanted} with any number of users.",
            words::several(blocks, "block"),
            sweep.contender,
        )),
        _ => None,
    });
    sentences.collect()
}

/// What shared the machine with the load generator.
pub(super) fn machine(case: &Case<'_>) -> Vec<String> {
    shared_machine(case.experiment).into_iter().collect()
}

fn shared_machine(experiment: &Experiment) -> Option<String> {
    let names = |here: bool| -> Vec<&str> {
        let chosen = experiment
            .contenders
            .iter()
            .filter(|contender| contender.kind.runs_here() == here);
        chosen.map(|contender| contender.name.as_str()).collect()
    };
    let (here, elsewhere) = (names(true), names(false));
    if here.is_empty() {
        return None;
    }
    let unknown = if elsewhere.is_empty() {
        String::new()
    } else {
        format!("; where {} ran is not known", words::list(&elsewhere))
    };
    if let Some(cores) = &experiment.plan.cores {
        return Some(format!(
            "The load generator had the cores {} of this machine, and {} the cores {}{unknown}.",
            cores.generator,
            words::list(&here),
            cores.contenders
        ));
    }
    Some(format!(
        "The load generator shared one machine ({} cores) with {}, so each figure includes their competition for it{unknown}.",
        experiment.machine.cores,
        words::list(&here)
    ))
}
