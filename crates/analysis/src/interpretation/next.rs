//! Advice for the next experiment. Causes that were not measured are not guessed at.

use std::time::Duration;

use super::case::Case;
use super::evidence::{about_percent, interval_over};
use super::throughput::beyond_the_knee;
use crate::judged::Judged;
use crate::precision::QUANTILES;
use crate::statistics::{CONFIDENCE, ConfidenceInterval, FEWEST_BLOCKS};
use crate::turn::{MOST_FAILURES_RATIO, is_voided};
use crate::verdict::Verdict;
use crate::words;
use bakeoff_record::experiment::{Restart, Run, RunLoad};
use bakeoff_record::summary::Summary;

/// Share of a response time owed to other users, from which on it is pointed out.
pub(super) const MUCH_WAITING_RATIO: f64 = 0.5;
/// Share of the processor time there was, below which a contender that has enough to do leaves cores unused.
pub(super) const FULL_USE_RATIO: f64 = 0.75;
/// Share of the time in which some process waited for a processor, above which a processor was short.
pub(super) const MOST_PRESSURE_RATIO: f64 = 0.25;
/// Requests in flight for each core that keep the core busy.
pub(super) const ENOUGH_PER_CORE: u32 = 2;
/// Time from start to first correct answer, above which a start is called long.
pub(super) const LONG_START: Duration = Duration::from_secs(10);
/// Relative growth of memory from the first to the last block, above which it is pointed out.
pub(super) const GROWTH_RATIO: f64 = 0.1;

/// Users beyond the knee only wait.
pub(super) fn waiting(case: &Case<'_>) -> Vec<String> {
    let users = case.plan().users;
    let median = |runs: &[&Run]| {
        let measurements = runs.iter().map(|run| &run.measurement);
        Some(Summary::of(measurements).total.median()?.time)
    };
    case.of_each(|result| {
        let name = result.name();
        let (sweep, (knee, _, _)) = beyond_the_knee(case, name)?;
        let alone = sweep.curve.first().filter(|point| point.users == 1)?;
        let (alone, together) = (alone.total.median()?.time, result.measured().summary.total.median()?.time);
        let shares = case.of_blocks(result, |runs| {
            let of_block = case.experiment.runs_under(RunLoad::Sweep { users: 1 });
            let alone: Vec<&Run> = of_block
                .filter(|run| run.contender == *name && run.block == runs[0].block)
                .filter(|run| !run.measurement.interrupted)
                .collect();
            let (alone, together) = (median(&alone)?, median(runs)?);
            Some(alone.as_secs_f64() / together.as_secs_f64().max(1e-6))
        });
        let estimate = case.estimate(result, "waiting", &shares)?;
        let waiting = 1.0 - estimate.point_estimate;
        let least = estimate
            .confidence_interval
            .map_or(waiting, |interval| 1.0 - interval.high);
        (least > MUCH_WAITING_RATIO).then(|| {
            format!(
                "With {users} users, waiting for other users makes up {} of the median response time of {name} ({}): it is {} ms, and \
                 {} ms with one user. Beyond the knee at {}, more users only wait longer: put no more on one instance. The cause of \
                 the waiting was not measured.",
                about_percent(waiting),
                shares_interval(estimate.confidence_interval, shares.len()),
                words::ms(together),
                words::ms(alone),
                words::several(knee as usize, "user")
            )
        })
    })
}

/// Interval of one minus a ratio.
fn shares_interval(interval: Option<ConfidenceInterval>, blocks: usize) -> String {
    let Some(interval) = interval else {
        return interval_over(None, blocks);
    };
    format!(
        "{} confidence interval {} to {} over {}",
        words::percent(CONFIDENCE),
        about_percent(1.0 - interval.high),
        about_percent(1.0 - interval.low),
        words::several(blocks, "block")
    )
}

/// Cores that stand idle although there are requests to work on, and although more requests bring no more answers.
///
/// Idle cores alone have many causes: a delay of the network or of delayed acknowledgements, which more users would make up
/// for, or a quota or a neighbour, for which processes wait. So a sweep has to show that more users bring nothing, and the
/// kernel that no process waited for a processor.
pub(super) fn idle_cores(case: &Case<'_>) -> Vec<String> {
    let plan = case.plan();
    let split = plan.cores.as_ref();
    let Some(cores) = split.map_or(Some(case.experiment.machine.cores), |split| {
        number_of_cores(&split.contenders)
    }) else {
        return Vec::new();
    };
    // As many requests are in flight as there are users, as long as none of them pauses.
    if plan.users_pause || plan.users < ENOUGH_PER_CORE.saturating_mul(cores) {
        return Vec::new();
    }
    case.of_each(|result| {
        beyond_the_knee(case, result.name())?;
        let (generator, others) = taken_by_others(case, result)?;
        let pressure = most_pressure(case, result)?;
        if pressure > MOST_PRESSURE_RATIO {
            return None;
        }
        let taken = if split.is_some() { 0.0 } else { generator };
        let available = f64::from(cores) * (1.0 - taken - others);
        let per_block = case.of_blocks(result, cores_used);
        let used = case.estimate(result, "cores", &per_block)?;
        let most = used.confidence_interval.map_or(used.point_estimate, |interval| interval.high);
        let failing = result.measured().summary.total.fail_ratio() > MOST_FAILURES_RATIO;
        (most < FULL_USE_RATIO * available && !failing).then(|| {
            format!(
                "{} used {} cores ({}) of the {} available, with {} requests in flight all the time. No process waited for a processor \
                 for more than {} of the time, and more users add no throughput: something other than processor time limits it. The \
                 cause was not measured.",
                result.name(),
                words::figure(used.point_estimate),
                interval_over(Some(&used), per_block.len()),
                words::figure(available),
                plan.users,
                about_percent(pressure),
            )
        })
    })
}

/// Most that the load generator took of its cores in a turn, and the most that neighbours and other virtual machines
/// took of the machine; `None` where that was not seen.
fn taken_by_others(case: &Case<'_>, result: &Judged) -> Option<(f64, f64)> {
    let runs = case.experiment.runs_under(RunLoad::Users);
    let runs = runs.filter(|run| run.contender == result.name());
    let taken = runs.map(|run| {
        let used = run.generator?;
        Some((used.cpu_ratio, used.steal_ratio + used.neighbour_ratio?))
    });
    let taken: Option<Vec<(f64, f64)>> = taken.collect();
    taken?
        .into_iter()
        .reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))
}

/// The largest share of a turn in which some process waited for a processor; `None` where the kernel does not say.
fn most_pressure(case: &Case<'_>, result: &Judged) -> Option<f64> {
    let runs = case.experiment.runs_under(RunLoad::Users);
    let runs = runs.filter(|run| run.contender == result.name());
    let pressures: Option<Vec<f64>> = runs.map(|run| run.generator?.pressure_ratio).collect();
    pressures?.into_iter().reduce(f64::max)
}

/// Number of cores in a list such as `0-2,5`.
fn number_of_cores(cores: &str) -> Option<u32> {
    let ranges = cores.split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    });
    ranges.sum()
}

/// Processor time over the time of the measured periods in which it was seen.
fn cores_used(runs: &[&Run]) -> Option<f64> {
    let seen = || {
        runs.iter()
            .filter_map(|run| Some((run.usage?.cpu, run.measurement.period)))
    };
    let cpu: Duration = seen().map(|(cpu, _)| cpu).sum();
    let period: Duration = seen().map(|(_, period)| period).sum();
    (period > Duration::ZERO).then(|| cpu.as_secs_f64() / period.as_secs_f64())
}

/// Starts that take long.
pub(super) fn long_start(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let start = result
            .measured()
            .cold_start
            .filter(|start| *start > LONG_START)?;
        Some(format!(
            "Start {} before it is needed and keep it running: its first correct answer takes {}.",
            result.name(),
            words::seconds(start)
        ))
    })
}

/// Memory that grows from block to block of a contender that keeps running.
pub(super) fn growing_memory(case: &Case<'_>) -> Vec<String> {
    if case.plan().restart != Restart::Once {
        return Vec::new();
    }
    case.of_each(|result| {
        let peaks = case.of_blocks(result, |runs| {
            let peaks = runs
                .iter()
                .filter_map(|run| Some(run.usage?.peak_memory_bytes));
            Some(peaks.max()? as f64)
        });
        let (first, last) = (*peaks.first()?, *peaks.last()?);
        let never_falls = peaks.windows(2).all(|pair| pair[0] <= pair[1]);
        let grew = peaks.len() >= FEWEST_BLOCKS && never_falls && last > first * (1.0 + GROWTH_RATIO);
        grew.then(|| {
            format!(
                "The memory of {} grew from {} MB in the first to {} MB in the last of {}, and never fell: run it for longer to see \
                 whether it keeps growing.",
                result.name(),
                words::figure(first / 1e6),
                words::figure(last / 1e6),
                words::several(peaks.len(), "block"),
            )
        })
    })
}

/// Failures come before speed.
pub(super) fn failures_first(case: &Case<'_>) -> Vec<String> {
    case.of_each(|result| {
        let total = &result.measured().summary.total;
        let most = result.measured().summary.failures.first()?;
        (total.fail_ratio() > MOST_FAILURES_RATIO).then(|| {
            format!(
                "Find out first why requests to {} fail: {} of {} with “{}”.",
                result.name(),
                words::count(most.occurrences),
                words::count(total.requests()),
                most.cause
            )
        })
    })
}

/// Comparisons that want more blocks, each for what they are needed for.
pub(super) fn more_blocks(case: &Case<'_>) -> Vec<String> {
    // The blocks that the verdict is about, and how many more it needs: neither voided blocks nor one that was not measured to
    // its end count.
    let most = |needed: &dyn Fn(&Judged) -> Option<(u32, u32)>| {
        let needed = case.contenders().filter_map(needed);
        needed
            .filter(|(_, more)| *more > 0)
            .max_by_key(|(had, more)| (*more, had.saturating_add(*more)))
    };
    let too_few = most(&|result| match result.verdict {
        Verdict::TooFewBlocks {
            measured,
            more_blocks,
        } => Some((measured, more_blocks)),
        _ => None,
    });
    let metric = case.plan().primary;
    let not_shown = most(&|result| match result.verdict {
        Verdict::NotShown { more_blocks } => {
            let blocks = result.comparison(metric)?.blocks.len();
            Some((u32::try_from(blocks).unwrap_or(u32::MAX), more_blocks))
        }
        _ => None,
    });
    let too_few = too_few.map(|(had, more)| {
        format!(
            "Measure at least {} blocks (--blocks {0}): with {}, no verdict on so many contenders is possible.",
            had.saturating_add(more),
            words::several(had as usize, "block"),
        )
    });
    let not_shown = not_shown.map(|(had, more)| {
        format!(
            "About {} would decide the open comparisons, if they are like those measured: --blocks {}.",
            words::several(more as usize, "more block"),
            had.saturating_add(more)
        )
    });
    too_few.into_iter().chain(not_shown).collect()
}

/// Machine that differs from itself by more than what matters.
pub(super) fn quieter_machine(case: &Case<'_>) -> Vec<String> {
    let noise = case.analysis.noise;
    let loud = noise.filter(|noise| noise.floor_ratio > case.plan().same_ratio);
    let sentence = loud.map(|noise| {
        format!(
            "Measure more blocks or longer turns{}: here {} differs from itself by {}, and differences of {} were to be detected.",
            if case.analysis.voided.is_empty() {
                ""
            } else {
                ", on a quieter machine"
            },
            case.plan().baseline,
            about_percent(noise.floor_ratio),
            words::percent(case.plan().same_ratio)
        )
    });
    sentence.into_iter().collect()
}

/// Contenders that need a longer warm-up.
pub(super) fn longer_warm_up(case: &Case<'_>) -> Vec<String> {
    let unsettled: Vec<String> = case.of_each(|result| {
        let (unsettled, turns) = result.measured().unsettled;
        let name = result.name();
        (unsettled * 2 > turns).then(|| format!("{name} ({unsettled} of {turns} turns)"))
    });
    // A longer warm-up does not help on a machine that was disturbed throughout.
    if unsettled.is_empty() || is_disturbed_throughout(case) {
        return Vec::new();
    }
    vec![format!(
        "Give {} more than {} to warm up, or measure for longer: the rate had not settled, or kept changing. The cause was not measured.",
        words::list(&unsettled),
        words::seconds(case.plan().warm_up_limit)
    )]
}

/// `true` if every block that was measured under users was disturbed.
fn is_disturbed_throughout(case: &Case<'_>) -> bool {
    let voided = &case.analysis.voided;
    let mut runs = case.experiment.runs_under(RunLoad::Users);
    !voided.is_empty() && runs.all(|run| is_voided(voided, run.block))
}

/// Measured period that the rarest percentile needs.
pub(super) fn rare_percentile(case: &Case<'_>) -> Vec<String> {
    let Some(quantile) = QUANTILES.last() else {
        return Vec::new();
    };
    // So many that one of them lies beyond the percentile with 97.5 %, the upper end of an interval.
    let needed = (0.5 - CONFIDENCE / 2.0).ln() / quantile.ln();
    let furthest = case.measured().filter_map(|result| {
        let known = result
            .measured()
            .precision
            .intervals
            .last()
            .copied()
            .flatten();
        let effective = result.measured().precision.effective_requests;
        (known.is_none() && effective > 0).then_some((effective, result.name()))
    });
    let sentence = furthest.min().map(|(effective, name)| {
        let measure = case.plan().measure.as_secs_f64();
        format!(
            "For a confidence interval of {}, measure {} s instead of {} s in every block. The requests to {name} count as only {} \
             independent requests, and {} are needed.",
            words::short_percentile(*quantile),
            words::figure((measure * needed / effective as f64).ceil()),
            words::figure(measure),
            words::count(effective),
            words::figure(needed.ceil()),
        )
    });
    sentence.into_iter().collect()
}
