//! Sentences about throughput and capacity.

use std::collections::BTreeMap;

use super::case::Case;
use super::evidence::{about_percent, comparable, interval, interval_over, ratio};
use crate::sweep::{KNEE_RATIO, SweepResult, curve, is_saturated};
use crate::words;
use bakeoff_record::experiment::{Experiment, Run};
use bakeoff_record::metric::Metric;

/// Requests per second, and against the baseline.
pub(super) fn rates(case: &Case<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    for result in case.contenders() {
        let name = result.name();
        let Some(rate) = result.measured().summary.total.successes_per_second() else {
            sentences.push(format!("{name} was not measured."));
            continue;
        };
        let compared = result
            .comparison(Metric::SuccessesPerSecond)
            .filter(|compared| compared.estimate.is_some() && comparable(result));
        let compared = compared.map_or_else(String::new, |compared| {
            format!("; that is {}", ratio(compared, &case.plan().baseline))
        });
        let figures = case.of_blocks(result, |runs| Metric::SuccessesPerSecond.of_runs(runs));
        let estimate = case.estimate(result, "rate", &figures);
        sentences.push(format!(
            "{name} answered {} requests per second successfully, measured for {} ({}){compared}.",
            words::figure(rate),
            words::seconds(result.measured().measured),
            interval_over(estimate.as_ref(), figures.len()),
        ));
    }
    sentences
}

/// Knee of each contender's sweep.
pub(super) fn knees(case: &Case<'_>) -> Vec<String> {
    let sweeps = case.analysis.sweeps.iter();
    let sentences = sweeps.filter_map(|sweep| {
        let (users, low, high) = sweep.knee_users?;
        let rate = sweep.knee_per_second?;
        let between = if low == high {
            String::new()
        } else {
            format!("; in single blocks, with {low} to {high} users")
        };
        Some(format!(
            "When users were added step by step, {} reached {} of its highest throughput with {} ({} requests per second, {}{between}).",
            sweep.contender,
            words::percent(KNEE_RATIO),
            words::several(users as usize, "user"),
            words::figure(rate.point_estimate),
            interval(&rate),
        ))
    });
    sentences.collect()
}

/// Contenders whose sweep ended before saturation, so that the knee may be higher.
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
                "In {still} of {}, the sweep of {} ended at {} before two more steps added less than {}: its knee may be at more users.",
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
        let (sweep, (knee, fewest, most)) = beyond_the_knee(case, result.name())?;
        let at_knee = sweep.knee_per_second?.point_estimate;
        let rate = result.measured().summary.total.successes_per_second()?;
        let between = if fewest == most {
            String::new()
        } else {
            format!(" ({} to {} by the knees of single blocks)", users - most, users - fewest)
        };
        (rate * KNEE_RATIO <= at_knee).then(|| {
            format!(
                "{} answers {} requests per second with {users} users and {} at its knee. By Little's law (requests in flight are \
                 throughput times response time), the {} beyond the knee only wait in a queue{between}.",
                result.name(),
                words::figure(rate),
                words::figure(at_knee),
                words::several((users - knee) as usize, "user"),
            )
        })
    })
}

/// Sweep of a contender for which the plan has more users than the knee of any block.
pub(super) fn beyond_the_knee<'a>(
    case: &Case<'a>,
    contender: &str,
) -> Option<(&'a SweepResult, (u32, u32, u32))> {
    let mut sweeps = case.analysis.sweeps.iter();
    let sweep = sweeps.find(|sweep| sweep.contender == contender)?;
    let knee = sweep.knee_users.filter(|knee| knee.2 < case.plan().users)?;
    Some((sweep, knee))
}

/// Highest rate at which response times are as they should be.
pub(super) fn objective(case: &Case<'_>) -> Vec<String> {
    let Some(slo) = case.plan().slo else {
        return Vec::new();
    };
    let wanted = format!(
        "{} below {} ms",
        words::short_percentile(slo.quantile),
        words::ms(slo.below)
    );
    let sweeps = case.analysis.sweeps.iter();
    let sentences = sweeps.filter_map(|sweep| match (sweep.slo_per_second, sweep.slo_never) {
        (Some(rate), _) => Some(format!(
            "{} kept {wanted} up to {} requests per second ({}).",
            sweep.contender,
            words::figure(rate.point_estimate),
            interval(&rate)
        )),
        (None, (never, blocks)) if never > 0 => Some(format!(
            "In {never} of {}, {} did not keep {wanted} with any number of users.",
            words::several(blocks, "block"),
            sweep.contender,
        )),
        _ => None,
    });
    sentences.collect()
}

/// Contenders on the machine of the load generator.
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
        format!("; the machine of {} is not known", words::list(&elsewhere))
    };
    if let Some(cores) = &experiment.plan.cores {
        return Some(format!(
            "The load generator ran on core {} of this machine, and {} on core {}{unknown}.",
            cores.generator,
            words::list(&here),
            cores.contenders
        ));
    }
    Some(format!(
        "The load generator shared one machine ({} cores) with {}, so they competed for its processor time in every figure{unknown}.",
        experiment.machine.cores,
        words::list(&here)
    ))
}
