//! What could have decided the figures in place of the contenders, with what is tolerated of it.

use crate::analysis::{Analysis, ContenderResult};
use crate::experiment::Experiment;
use crate::render::document::{Cell, Table};
use crate::verdict::{
    LittlesLaw, MOST_FAILURES_RATIO, MOST_GENERATOR_CPU_RATIO, MOST_NOT_SENT_RATIO,
    MOST_OF_FLOOR_RATIO, MOST_OFF_LITTLES_LAW_RATIO, MOST_STEAL_RATIO, Verdict, lag_limit,
};
use crate::words;

/// One thing that is looked at, for all contenders.
struct Gate {
    name: &'static str,
    limit: String,
    /// The figure as text, and whether it is beyond the limit; `None` where it was not seen.
    values: Vec<Option<(String, bool)>>,
}

/// A row for each gate, a column for each contender; what is beyond its limit says so.
pub(in super::super) fn gates(experiment: &Experiment, analysis: &Analysis) -> Table {
    let results = &analysis.results;
    let gates = [
        failures(results),
        lag(results),
        generator(results),
        steal(results),
        floor(experiment, results),
        littles_law(experiment, results),
        not_sent(analysis),
        answers(experiment, results),
        noise(experiment, analysis),
        unsettled(results),
    ];
    let rows = gates.into_iter().map(|gate| {
        let values = gate.values.into_iter().map(|value| match value {
            Some((text, true)) => Cell::figure(format!("{text}: beyond")),
            value => Cell::optional(value.map(|(text, _)| text)),
        });
        [Cell::words(gate.name), Cell::words(gate.limit)]
            .into_iter()
            .chain(values)
            .collect()
    });
    Table {
        caption: "What could have decided the figures in place of the contenders' speed; beyond a limit, nothing is judged"
            .to_owned(),
        header: ["Gate".to_owned(), "Limit".to_owned()]
            .into_iter()
            .chain(names(results))
            .collect(),
        rows: rows.collect(),
    }
}

/// How much was measured, and the obstacle where there is one.
pub(in super::super) fn measured(analysis: &Analysis) -> Table {
    let header = [
        "Contender",
        "Blocks",
        "Measured (s)",
        "Unfinished",
        "Connections",
        "Obstacle",
    ];
    let rows = analysis.results.iter().map(|result| {
        let summary = &result.summary;
        let obstacle = match &result.verdict {
            Verdict::NotMeasurable(obstacle) => obstacle.to_string(),
            _ => "none".to_owned(),
        };
        vec![
            Cell::words(&result.contender.name),
            Cell::figure(result.blocks.len().to_string()),
            Cell::figure(words::figure(summary.period.as_secs_f64())),
            Cell::figure(words::count(summary.unfinished)),
            Cell::figure(words::count(summary.connections_opened)),
            Cell::words(obstacle),
        ]
    });
    Table {
        caption:
            "What was measured, what the load generator opened and what it gave up waiting for"
                .to_owned(),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
    }
}

fn names(results: &[ContenderResult]) -> impl Iterator<Item = String> {
    results.iter().map(|result| result.contender.name.clone())
}

/// A share of 0 to 1 that has to be at most `limit`.
fn shares(
    name: &'static str,
    limit: f64,
    of: &str,
    values: impl Iterator<Item = Option<f64>>,
) -> Gate {
    let values = values.map(|value| value.map(|value| (words::percent(value), value > limit)));
    Gate {
        name,
        limit: format!("{}{of}", words::percent(limit)),
        values: values.collect(),
    }
}

fn failures(results: &[ContenderResult]) -> Gate {
    let ratios = results.iter().map(|result| {
        let summary = &result.summary;
        (summary.total.requests() + summary.unfinished > 0).then(|| summary.unanswered_ratio())
    });
    shares(
        "Failed or unanswered requests",
        MOST_FAILURES_RATIO,
        "",
        ratios,
    )
}

fn lag(results: &[ContenderResult]) -> Gate {
    let values = results.iter().map(|result| {
        let (lag, median) = (result.summary.lag_p99()?, result.summary.total.median()?);
        Some((format!("{} ms", words::ms(lag)), lag > lag_limit(median)))
    });
    Gate {
        name: "Sent late, 99th percentile",
        limit: "1 ms or 5 % of the median".to_owned(),
        values: values.collect(),
    }
}

fn generator(results: &[ContenderResult]) -> Gate {
    let ratios = results
        .iter()
        .map(|result| Some(result.generator?.cpu_ratio));
    let limit = MOST_GENERATOR_CPU_RATIO;
    shares(
        "Load generator's processor time",
        limit,
        " of its cores",
        ratios,
    )
}

fn steal(results: &[ContenderResult]) -> Gate {
    let ratios = results
        .iter()
        .map(|result| Some(result.generator?.steal_ratio));
    shares(
        "Taken by other machines",
        MOST_STEAL_RATIO,
        " of the processor",
        ratios,
    )
}

fn floor(experiment: &Experiment, results: &[ContenderResult]) -> Gate {
    let floor = experiment.floor;
    let of = floor.map_or_else(String::new, |floor| {
        format!(
            " of the {} requests/s of a server that does nothing",
            words::figure(floor.requests_per_second)
        )
    });
    let ratios = results.iter().map(|result| {
        let rate = result.summary.total.requests_per_second()?;
        Some(rate / floor?.requests_per_second)
    });
    shares(
        "How near the generator's own limit",
        MOST_OF_FLOOR_RATIO,
        &of,
        ratios,
    )
}

/// Users who pause are not in flight all the time, so that the law says nothing about how many there are.
fn littles_law(experiment: &Experiment, results: &[ContenderResult]) -> Gate {
    let plan = &experiment.plan;
    let values = results.iter().map(|result| {
        let law = LittlesLaw::of(result, plan)?;
        let implied = words::figure(law.implied_users);
        Some((format!("{implied} users"), law.is_broken))
    });
    Gate {
        name: "Rate times response time (Little's law)",
        limit: if plan.users_pause {
            format!("none, as the {} users pause", plan.users)
        } else {
            format!(
                "{} around {} users",
                words::percent(MOST_OFF_LITTLES_LAW_RATIO),
                plan.users
            )
        },
        values: values.collect(),
    }
}

/// The most at any rate.
fn not_sent(analysis: &Analysis) -> Gate {
    let ratios = analysis.results.iter().map(|result| {
        let at_rates = analysis.at_rates.iter();
        let of_contender = at_rates.flat_map(|under| &under.results);
        let of_contender =
            of_contender.filter(|other| other.contender.name == result.contender.name);
        let ratios =
            of_contender.filter_map(|result| Some(result.summary.arrivals?.not_sent_ratio()));
        ratios.reduce(f64::max)
    });
    shares(
        "Arrivals that were not sent",
        MOST_NOT_SENT_RATIO,
        "",
        ratios,
    )
}

fn answers(experiment: &Experiment, results: &[ContenderResult]) -> Gate {
    let limit = experiment.plan.other_answers_ratio;
    let values = results.iter().map(|result| {
        let agreement = result.agreement.as_ref()?;
        let text = format!("{} of {}", agreement.differing, agreement.compared);
        Some((text, agreement.differing_ratio() > limit))
    });
    Gate {
        name: "Answers other than the baseline's",
        limit: words::percent(limit),
        values: values.collect(),
    }
}

fn noise(experiment: &Experiment, analysis: &Analysis) -> Gate {
    let plan = &experiment.plan;
    let values = analysis.results.iter().map(|result| {
        let noise = analysis
            .noise
            .filter(|_| plan.control.as_ref() == Some(&result.contender.name))?;
        let beyond = noise.is_beyond(plan.same_ratio);
        Some((words::percent(noise.floor_ratio), beyond))
    });
    Gate {
        name: "Noise: the baseline from itself",
        limit: format!("{}, beyond doubt", words::percent(plan.same_ratio)),
        values: values.collect(),
    }
}

fn unsettled(results: &[ContenderResult]) -> Gate {
    let values = results.iter().map(|result| {
        let (never, turns) = result.unsettled;
        (turns > 0).then(|| (format!("{never} of {turns}"), false))
    });
    Gate {
        name: "Turns that did not settle",
        limit: "none, but they are named".to_owned(),
        values: values.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_forbids_a_verdict_is_beyond_its_limit_here_too() {
        let mut experiment =
            fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old");
        // They never got an answer, and are no failures.
        experiment.runs[0].measurement.unfinished = 200;
        let analysis = Analysis::of(&experiment);
        assert!(matches!(
            analysis.results[0].verdict,
            Verdict::NotMeasurable(_)
        ));
        let table = gates(&experiment, &analysis);
        let row = &table.rows[0];
        assert_eq!(row[2].text, "3.23 %: beyond");
        assert_eq!(row[3].text, "0 %");
    }
}
