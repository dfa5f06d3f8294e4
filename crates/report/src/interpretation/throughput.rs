//! How much contenders do, and how much they can.

use super::Case;
use super::evidence::{comparable, interval, ratio};
use crate::comparison::Metric;
use crate::experiment::{ContenderKind, Experiment};
use crate::sweep::KNEE_RATIO;
use crate::words;

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
        sentences.push(format!(
            "{name} answered {} requests per second successfully, over {} of measuring in {}{compared}.",
            words::figure(rate),
            words::seconds(result.summary.period),
            words::several(result.blocks.len(), "block"),
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

/// The highest rate at which response times are as they should be.
pub(super) fn objective(case: &Case<'_>) -> Vec<String> {
    let Some(slo) = case.plan().slo else {
        return Vec::new();
    };
    let wanted = format!(
        "{} % of the answers within {} ms",
        words::figure(slo.quantile * 100.0),
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
        let is_here = |kind| kind != ContenderKind::Url;
        let chosen = experiment
            .contenders
            .iter()
            .filter(|contender| is_here(contender.kind) == here);
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
