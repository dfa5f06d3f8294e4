//! The plan of an experiment, and facts about each contender.

use super::percentile_name;
use crate::document::{Cell, Table};
use crate::machine;
use bakeoff_analysis::statistics::fewest_blocks;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Contender, ContenderKind, Experiment, Fact, Restart};
use bakeoff_record::scenario::ScenarioFacts;

/// Facts that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Detail {
    /// All facts.
    WithHashes,
    /// All facts except hashes of files, which identify files for a program but tell a reader nothing.
    WithoutHashes,
}

/// Lines about the plan and the machine.
pub(in super::super) fn plan(experiment: &Experiment, detail: Detail) -> Vec<String> {
    let plan = &experiment.plan;
    let mut lines = vec![
        format!("Started: {}", words::moment(experiment.started_at)),
        format!("Bakeoff: version {}", experiment.bakeoff_version),
    ];
    lines.extend(machine::lines(&experiment.machine));
    lines.extend(turns(experiment));
    lines.extend([
        format!(
            "Verdict: about the {}, relative to {}; a difference of up to {} does not matter.",
            plan.primary.name(),
            plan.baseline,
            words::percent(plan.same_ratio)
        ),
        format!(
            "Intervals: 95 % confidence intervals by bootstrap over blocks (bias-corrected and accelerated; all resamples of up to 10 \
             blocks, 100,000 resamples of more; widened for few blocks). With {}, a verdict needs at least {} undisturbed blocks.",
            words::several(compared(experiment), "compared contender"),
            fewest_blocks(compared(experiment))
        ),
    ]);
    lines.extend(
        plan.scenario
            .iter()
            .flat_map(|facts| scenario(facts, detail)),
    );
    lines.extend(plan.slo.map(|slo| {
        let percentile = percentile_name(slo.quantile);
        format!(
            "Objective (SLO): {percentile} of the response time below {} ms.",
            words::ms(slo.below)
        )
    }));
    lines.extend(plan.cores.as_ref().map(|cores| {
        format!(
            "CPU cores by number: {} for the load generator, {} for the contender.",
            cores.generator, cores.contenders
        )
    }));
    lines.extend(experiment.floor.map(|floor| {
        format!(
            "Limit of the load generator: {} requests/s with a p50 of {} ms, measured with a server that does nothing.",
            words::figure(floor.requests_per_second),
            words::ms(floor.median)
        )
    }));
    lines.extend(
        experiment
            .floor_missing
            .as_ref()
            .map(|why| format!("Limit of the load generator: not measured: {why}.")),
    );
    lines.extend(
        plan.price_per_core_hour
            .map(|price| format!("Price: {price} per core-hour of CPU time that was used.")),
    );
    let answers = if experiment.agreements.is_empty() {
        "Answers: the scenario's checks were applied to each. Answers of different contenders were not compared."
    } else {
        "Answers: the scenario's checks were applied to each. Before the load, a sample was compared with the baseline's."
    };
    let processor = "CPU time and memory: of the contender's processes or container. The Docker engine's CPU time for a published \
                     port is not included.";
    lines.extend([answers.to_owned(), processor.to_owned()]);
    lines
}

/// Number of contenders that are compared with the baseline.
fn compared(experiment: &Experiment) -> usize {
    let plan = &experiment.plan;
    let contenders = experiment.contenders.iter();
    let others = contenders.filter(|contender| {
        contender.name != plan.baseline && plan.control.as_ref() != Some(&contender.name)
    });
    others.count()
}

/// Lines about the files of the scenario and about its users.
fn scenario(facts: &ScenarioFacts, detail: Detail) -> [String; 2] {
    let hash = |sha256: &str| match detail {
        Detail::WithHashes => Some(format!("SHA-256 {sha256}")),
        Detail::WithoutHashes => None,
    };
    let data = facts.data_files.iter().map(|file| {
        let rows = file.rows.map_or_else(
            || "1 body".to_owned(),
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
        .map(|rate| format!("spawn rate {rate} users/s"));
    let wait = &facts.wait_times;
    let wait = (!wait.is_empty()).then(|| format!("wait time {}", wait.join(" or ")));
    let limits: Vec<String> = facts
        .request_timeouts
        .iter()
        .map(|limit| words::seconds(*limit))
        .collect();
    let limits = (!limits.is_empty()).then(|| format!("request timeout {}", limits.join(" or ")));
    let stop = format!("stop timeout {}", words::seconds(facts.stop_timeout));
    let parts = [spawn_rate, wait, limits, Some(stop)].into_iter().flatten();
    let times = format!("Users: {}.", parts.collect::<Vec<_>>().join("; "));
    [files, times]
}

/// Lines about blocks, starts, load and turns.
fn turns(experiment: &Experiment) -> [String; 4] {
    let plan = &experiment.plan;
    let warm_up = if plan.warm_up_limit > plan.warm_up {
        format!(
            "{} to {} of warm-up, until the rate settles",
            words::seconds(plan.warm_up),
            words::seconds(plan.warm_up_limit)
        )
    } else {
        format!("{} of warm-up", words::seconds(plan.warm_up))
    };
    let pauses = if plan.users_pause {
        "who pause between requests"
    } else {
        "without pauses"
    };
    [
        format!(
            "Plan: {}; in each, every contender has one turn, in random order (seed {}).",
            words::several(plan.blocks as usize, "block"),
            plan.seed
        ),
        format!("Start: {}.", started(experiment)),
        format!(
            "Load: {} {pauses}.",
            words::several(plan.users as usize, "user")
        ),
        format!(
            "Turn: {warm_up}; then {} measured. The warm-up is not counted.",
            words::seconds(plan.measure)
        ),
    ]
}

/// Line about the start of the contenders. Contenders with an address were running before.
fn started(experiment: &Experiment) -> String {
    let started = match experiment.plan.restart {
        Restart::Block => "every contender is started again for each turn",
        Restart::Once => "every contender is started once",
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
        (false, true) => "all contenders were running before the experiment".to_owned(),
        (false, false) => format!(
            "{started}, except {}, running before the experiment",
            words::list(&names)
        ),
    }
}

/// All contenders except the control, which is the baseline again.
fn distinct(experiment: &Experiment) -> Vec<&Contender> {
    let contenders = experiment.contenders.iter();
    contenders
        .filter(|contender| experiment.plan.control.as_ref() != Some(&contender.name))
        .collect()
}

/// Facts about the contenders, a row for each fact. Facts that differ between contenders are marked.
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
        let kind = match &contender.kind {
            ContenderKind::Process => "process",
            ContenderKind::Docker => "Docker",
            ContenderKind::Url => "address",
            ContenderKind::Other(name) => name,
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
        caption: "Facts about the contenders, and their differences".to_owned(),
        header: ["Fact".to_owned(), "Difference".to_owned()]
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
    fn contenders_with_an_address_are_not_said_to_be_started() {
        let mut experiment = fixture::empty_experiment(&["old", "new", "old again"], "old");
        experiment.plan.control = Some("old again".to_owned());
        let url = |experiment: &mut Experiment, index: usize| {
            experiment.contenders[index].kind = ContenderKind::Url;
        };
        assert_eq!(
            started(&experiment),
            "every contender is started again for each turn"
        );
        url(&mut experiment, 1);
        assert_eq!(
            started(&experiment),
            "every contender is started again for each turn, except new, running before the experiment"
        );
        url(&mut experiment, 0);
        url(&mut experiment, 2);
        assert_eq!(
            started(&experiment),
            "all contenders were running before the experiment"
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
