//! Sentences about processor time, memory and price.

use super::case::Case;
use super::evidence::{comparable, interval_over, ratio};
use crate::judged::Judged;
use crate::words;
use bakeoff_record::metric::Metric;

/// Processor time of each contender, and against the baseline.
pub(super) fn processor(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let seconds = result.measured().figure(Metric::CpuSecondsPer1000Requests)?;
        let per_core = result.measured().figure(Metric::RequestsPerCoreSecond)?;
        let figures = case.of_blocks(result, |runs| {
            Metric::CpuSecondsPer1000Requests.of_runs(runs)
        });
        let estimate = case.estimate(result, "processor", &figures);
        let compared = result
            .comparison(Metric::CpuSecondsPer1000Requests)
            .filter(|compared| compared.estimate.is_some() && comparable(result));
        let compared = compared.map_or_else(String::new, |compared| {
            format!("; that is {}", ratio(compared, &case.plan().baseline))
        });
        Some(format!(
            "{} used {} s of processor time per 1,000 requests ({}), or {} requests per second per core{compared}.",
            result.name(),
            words::figure(seconds),
            interval_over(estimate.as_ref(), figures.len()),
            words::figure(per_core)
        ))
    })
}

/// Largest memory use of any turn.
pub(super) fn memory(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let memory = words::bytes(result.measured().peak_memory_bytes?);
        let name = result.name();
        Some(format!(
            "{name} used at most {memory} of memory in any turn (a maximum has no confidence interval)."
        ))
    })
}

/// Contenders whose consumption was not recorded.
pub(super) fn not_seen(case: &Case<'_>) -> Vec<String> {
    let unseen: Vec<&str> = case
        .measured()
        .filter(|result| {
            result
                .measured()
                .figure(Metric::CpuSecondsPer1000Requests)
                .is_none()
        })
        .map(Judged::name)
        .collect();
    if unseen.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "Processor time and memory of {} were not recorded.",
        words::list(&unseen)
    )]
}

/// Money, where the experiment says what a core costs.
pub(super) fn money(case: &Case<'_>) -> Vec<String> {
    let Some(price) = case.plan().price_per_core_hour else {
        return Vec::new();
    };
    let prices: Vec<String> = case.of_each(|result| {
        let price = result.measured().price_per_million_requests(price)?;
        Some(format!("{} for {}", words::figure(price), result.name()))
    });
    if prices.is_empty() {
        return prices;
    }
    vec![format!(
        "At {} per core-hour, the processor time of a million requests costs {}; idle cores are not included.",
        words::figure(price),
        words::list(&prices)
    )]
}
