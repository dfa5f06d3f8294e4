//! What a request costs.

use super::Case;
use super::evidence::{comparable, ratio};
use crate::comparison::Metric;
use crate::words;

/// Processor time of each contender, and against the baseline.
pub(super) fn processor(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let seconds = result.cpu_seconds_per_1000_requests?;
        let per_core = result.requests_per_core_second()?;
        let compared = result
            .comparison(Metric::CpuSecondsPer1000Requests)
            .filter(|compared| compared.estimate.is_some() && comparable(result));
        let compared = compared.map_or_else(String::new, |compared| {
            format!("; that is {}", ratio(compared, &case.plan().baseline))
        });
        Some(format!(
            "{} used {} s of processor time per 1,000 requests, {} requests per second and core{compared}.",
            result.contender.name,
            words::figure(seconds),
            words::figure(per_core)
        ))
    })
}

/// Memory and start.
pub(super) fn memory_and_start(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let memory = result
            .peak_memory_bytes
            .map(|memory| format!("held at most {} of memory", words::bytes(memory)));
        let start = result.cold_start.map(|start| {
            format!(
                "gave its first answer {} after it was started (the median of its starts)",
                words::seconds(start)
            )
        });
        let parts: Vec<String> = memory.into_iter().chain(start).collect();
        (!parts.is_empty()).then(|| format!("{} {}.", result.contender.name, words::list(&parts)))
    })
}

/// Money, where the experiment says what a core costs.
pub(super) fn money(case: &Case<'_>) -> Vec<String> {
    let Some(price) = case.plan().price_per_core_hour else {
        return Vec::new();
    };
    let prices: Vec<String> = case.of_each(|result| {
        let price = result.price_per_million_requests(price)?;
        Some(format!(
            "{} for {}",
            words::figure(price),
            result.contender.name
        ))
    });
    if prices.is_empty() {
        return prices;
    }
    vec![format!(
        "At {} per core and hour, the processor time of a million requests costs {}; cores that stand idle are not in it.",
        words::figure(price),
        words::list(&prices)
    )]
}
