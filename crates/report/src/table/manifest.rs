//! What was measured how: the plan, and what each contender is.

use crate::document::{Cell, Table};
use crate::machine;
use bakeoff_analysis::statistics::fewest_blocks;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Contender, ContenderKind, Experiment, Fact, Restart};
use bakeoff_record::scenario::ScenarioFacts;

/// Part of the facts that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Detail {
    /// Everything.
    WithHashes,
    /// Without the hashes of files, which identify them to a program and say nothing to a reader.
    WithoutHashes,
}

/// The plan and the machine, a line for each thing.
pub(in super::super) fn plan(experiment: &Experiment, detail: Detail) -> Vec<String> {
    let plan = &experiment.plan;
    let mut lines = vec![
        format!("Started: {}", words::moment(experiment.started_at)),
        format!("Bakeoff: version {}", experiment.bakeoff_version),
    ];
    lines.extend(machine::lines(&experiment.machine));
    lines.extend([
        format!("Plan: {}.", turns(experiment)),
        format!(
            "Verdict: by the {}, against {}; a difference of up to {} does not count.",
            plan.primary.name(),
            plan.baseline,
            words::percent(plan.same_ratio)
        ),
        format!(
            "Intervals: bootstrap over blocks (bias-corrected and accelerated, over all resamples of up to 10 blocks and over \
             100,000 of more, widened for few blocks); with so many contenders, a verdict needs at least {} undisturbed blocks.",
            fewest_blocks(compared(experiment))
        ),
    ]);
    lines.extend(
        plan.scenario
            .iter()
            .flat_map(|facts| scenario(facts, detail)),
    );
    lines.extend(plan.slo.map(|slo| {
        let quantile = words::quantile(slo.quantile);
        format!("Objective: a {quantile} below {} ms.", words::ms(slo.below))
    }));
    lines.extend(plan.cores.as_ref().map(|cores| {
        format!(
            "Cores: {} for the load generator, {} for each contender.",
            cores.generator, cores.contenders
        )
    }));
    lines.extend(experiment.floor.map(|floor| {
        format!(
            "Floor: of a server that does nothing, the load generator makes {} requests/s with a median of {} ms.",
            words::figure(floor.requests_per_second),
            words::ms(floor.median)
        )
    }));
    lines.extend(experiment.floor_missing.as_ref().map(|why| {
        format!("Floor: what the load generator makes of a server that does nothing is not known: {why}.")
    }));
    lines.extend(plan.price_per_core_hour.map(|price| {
        format!("Price: {price} per core and hour, for the processor time that was used.")
    }));
    let answers = if experiment.agreements.is_empty() {
        "Answers: each was held against the scenario's checks; whether the contenders give the same answers was not compared."
    } else {
        "Answers: each was held against the scenario's checks, and before any load a sample of them against the baseline's."
    };
    let processor = "Processor time and memory: of a contender's processes, or of its container; what the Docker engine \
                     spends on forwarding a published port is in neither.";
    lines.extend([answers.to_owned(), processor.to_owned()]);
    lines
}

/// Contenders that are compared with the baseline.
fn compared(experiment: &Experiment) -> usize {
    let plan = &experiment.plan;
    let contenders = experiment.contenders.iter();
    let others = contenders.filter(|contender| {
        contender.name != plan.baseline && plan.control.as_ref() != Some(&contender.name)
    });
    others.count()
}

/// The files that make the load, and the times that these set.
fn scenario(facts: &ScenarioFacts, detail: Detail) -> [String; 2] {
    let hash = |sha256: &str| match detail {
        Detail::WithHashes => Some(format!("SHA-256 {sha256}")),
        Detail::WithoutHashes => None,
    };
    let data = facts.data_files.iter().map(|file| {
        let rows = file.rows.map_or_else(
            || "a body".to_owned(),
            |rows| words::several(usize::try_from(rows).unwrap_or(usize::MAX), "row"),
        );
        let facts: Vec<String> = [rows].into_iter().chain(hash(&file.sha256)).collect();
        format!("; {} ({})", file.name, facts.join(", "))
    });
    let files = format!(
        "Scenario: {}{}{}.",
        facts.file,
        hash(&facts.sha256).map_or_else(String::new, |hash| format!(" ({hash})")),
        data.collect::<String>()
    );
    let spawn_rate = facts
        .spawn_rate
        .map(|rate| format!("{rate} start per second"));
    let wait = (!facts.wait_times.is_empty()).then(|| facts.wait_times.join("; "));
    let limits: Vec<String> = facts
        .request_timeouts
        .iter()
        .map(|limit| words::seconds(*limit))
        .collect();
    let limits = (!limits.is_empty()).then(|| {
        format!(
            "a request fails after {} without an answer",
            limits.join(" or ")
        )
    });
    let stop = format!(
        "requests in flight at the end have {}",
        words::seconds(facts.stop_timeout)
    );
    let parts = [spawn_rate, wait, limits, Some(stop)].into_iter().flatten();
    let times = format!("Users: {}.", parts.collect::<Vec<_>>().join("; "));
    [files, times]
}

fn turns(experiment: &Experiment) -> String {
    let plan = &experiment.plan;
    let started = started(experiment);
    let warm_up = if plan.warm_up_limit > plan.warm_up {
        format!(
            "{} to {} of warm-up, until the rate has settled, left out",
            words::seconds(plan.warm_up),
            words::seconds(plan.warm_up_limit)
        )
    } else {
        format!("{} of warm-up left out", words::seconds(plan.warm_up))
    };
    format!(
        "{} of every contender in random order (seed {}), {started}, each with {} users{}; {warm_up}, then {} measured",
        words::several(plan.blocks as usize, "block"),
        plan.seed,
        plan.users,
        if plan.users_pause {
            " who pause between requests"
        } else {
            ""
        },
        words::seconds(plan.measure)
    )
}

/// When contenders were started; those with an address ran already.
fn started(experiment: &Experiment) -> String {
    let started = match experiment.plan.restart {
        Restart::Block => "started anew for every turn",
        Restart::Once => "started once",
    };
    let of_user = distinct(experiment);
    let (running, ours): (Vec<&Contender>, Vec<_>) = of_user
        .into_iter()
        .partition(|contender| contender.kind == ContenderKind::Url);
    let names: Vec<&str> = running
        .iter()
        .map(|contender| contender.name.as_str())
        .collect();
    match (running.is_empty(), ours.is_empty()) {
        (true, _) => started.to_owned(),
        (false, true) => "which ran already and went on running".to_owned(),
        (false, false) => format!("{started} (but {}, which ran already)", words::list(&names)),
    }
}

/// The contenders but for the baseline's second turns, which are the same thing again.
fn distinct(experiment: &Experiment) -> Vec<&Contender> {
    let contenders = experiment.contenders.iter();
    contenders
        .filter(|contender| experiment.plan.control.as_ref() != Some(&contender.name))
        .collect()
}

/// Facts about each contender, a row for each, with a mark where contenders differ.
pub(in super::super) fn contenders(experiment: &Experiment, detail: Detail) -> Table {
    let contenders = distinct(experiment);
    let mut facts: Vec<&str> = Vec::new();
    for fact in contenders.iter().flat_map(|contender| &contender.facts) {
        let is_shown = detail == Detail::WithHashes || !is_hash(fact);
        if is_shown && !facts.contains(&fact.name.as_str()) {
            facts.push(&fact.name);
        }
    }
    let row = |name: &str, values: Vec<Option<String>>| {
        let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
        let cells = values
            .into_iter()
            .map(|value| Cell::words(value.unwrap_or_else(|| "–".to_owned())));
        [
            Cell::words(name),
            Cell::words(if differs { "≠ differs" } else { "= same" }),
        ]
        .into_iter()
        .chain(cells)
        .collect()
    };
    let of_all = |value: &dyn Fn(&Contender) -> Option<String>| {
        contenders
            .iter()
            .map(|contender| value(contender))
            .collect()
    };
    let kind = |contender: &Contender| {
        let kind = match contender.kind {
            ContenderKind::Process => "process",
            ContenderKind::Docker => "Docker",
            ContenderKind::Url => "address",
        };
        Some(kind.to_owned())
    };
    let mut rows = vec![
        row("kind", of_all(&kind)),
        row(
            "command, image or address",
            of_all(&|contender| Some(contender.detail.clone())),
        ),
    ];
    rows.extend(facts.into_iter().map(|name| {
        let value = |contender: &Contender| {
            let fact = contender.facts.iter().find(|fact| fact.name == name);
            fact.map(|fact| fact.value.clone())
        };
        row(name, of_all(&value))
    }));
    let names = contenders.iter().map(|contender| contender.name.clone());
    Table {
        caption: "What each contender is, and where they differ".to_owned(),
        header: ["Fact".to_owned(), "In all".to_owned()]
            .into_iter()
            .chain(names)
            .collect(),
        rows,
    }
}

/// `true` for the hash of a file, a folder or an image.
fn is_hash(fact: &Fact) -> bool {
    let name = fact.name.to_ascii_lowercase();
    let digits = fact.value.strip_prefix("sha256:").unwrap_or(&fact.value);
    let is_long = digits.len() >= 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_long
        || ["sha-256", "sha256", "digest"]
            .iter()
            .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn contenders_that_ran_already_are_not_said_to_be_started() {
        let mut experiment = fixture::empty_experiment(&["old", "new", "old again"], "old");
        experiment.plan.control = Some("old again".to_owned());
        let url = |experiment: &mut Experiment, index: usize| {
            experiment.contenders[index].kind = ContenderKind::Url;
        };
        assert_eq!(started(&experiment), "started anew for every turn");
        url(&mut experiment, 1);
        assert_eq!(
            started(&experiment),
            "started anew for every turn (but new, which ran already)"
        );
        url(&mut experiment, 0);
        url(&mut experiment, 2);
        assert_eq!(
            started(&experiment),
            "which ran already and went on running"
        );
    }

    #[test]
    fn hashes_are_facts_for_files_alone() {
        let fact = |name: &str, value: &str| Fact {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        for (fact, expected) in [
            (fact("SHA-256 of model.onnx", "not readable"), true),
            (fact("image", &format!("sha256:{}", "a".repeat(64))), true),
            (fact("version", "1.2.3"), false),
            (fact("OMP_NUM_THREADS", "1"), false),
        ] {
            assert_eq!(is_hash(&fact), expected, "{fact:?}");
        }
    }
}
