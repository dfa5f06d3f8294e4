//! Validity of the figures: gates with their limits, and the amount of measurement.

use crate::document::{Cell, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;

/// A row for each gate, a column for each contender. Values beyond a limit are marked.
pub(in super::super) fn gates(experiment: &Experiment, analysis: &Analysis) -> Table {
    let results = &analysis.results;
    let gates = results.first().map_or(0, |result| result.gates.len());
    let rows = (0..gates).map(|index| {
        let gate = results[0].gates[index].gate;
        let values = results.iter().map(|result| {
            let reading = &result.gates[index];
            let beyond = if reading.beyond.is_some() {
                ": beyond limit"
            } else {
                ""
            };
            Cell::optional(
                reading
                    .value
                    .as_ref()
                    .map(|value| format!("{value}{beyond}")),
            )
        });
        [
            Cell::words(gate.name()),
            Cell::words(gate.limit(experiment)),
        ]
        .into_iter()
        .chain(values)
        .collect()
    });
    Table {
        caption: "Gates: disturbances that could have decided the figures instead of the contenders' speed. A contender beyond a \
                  limit is not compared. If the baseline or the control is beyond a limit, no contender is compared"
            .to_owned(),
        header: ["Gate".to_owned(), "Limit".to_owned()]
            .into_iter()
            .chain(names(results))
            .collect(),
        rows: rows.collect(),
    }
}

/// Amount of measurement, and the obstacle of contenders that are not compared.
pub(in super::super) fn measured(analysis: &Analysis) -> Table {
    let header = [
        "Contender",
        "Blocks",
        "Measured (s)",
        "Requests without an answer",
        "Connections",
        "Obstacle to a verdict",
    ];
    let rows = analysis.results.iter().map(|result| {
        let summary = &result.measured().summary;
        let obstacle = match &result.verdict {
            Verdict::NotMeasurable(obstacle) => obstacle.to_string(),
            Verdict::Failed { .. } => result.measured().turns.failures_in_words(),
            _ => "none".to_owned(),
        };
        vec![
            Cell::words(result.name()),
            Cell::figure(result.measured().blocks.len().to_string()),
            Cell::figure(words::figure(result.measured().measured.as_secs_f64())),
            Cell::figure(words::count(summary.unanswered())),
            Cell::figure(words::count(summary.connections_opened)),
            Cell::words(obstacle),
        ]
    });
    Table {
        caption: "Amount of measurement, all blocks together".to_owned(),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
    }
}

fn names(results: &[Judged]) -> impl Iterator<Item = String> {
    results.iter().map(|result| result.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_gate_that_forbids_a_verdict_is_beyond_its_limit_in_the_table() {
        let mut experiment =
            fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old");
        // Requests without an answer, in a record of a version that did not count them as failures.
        experiment.runs[0].measurement.unfinished = 200;
        let analysis = Analysis::of(&experiment);
        let failed = matches!(analysis.results[0].verdict, Verdict::Failed { .. });
        assert!(failed, "{:?}", analysis.results[0].verdict);
        let table = gates(&experiment, &analysis);
        let row = |name: &str| {
            let found = table.rows.iter().find(|row| row[0].text == name);
            found
                .map(|row| [row[2].text.clone(), row[3].text.clone()])
                .unwrap()
        };
        assert_eq!(row("Failed turns"), ["1 of 6: beyond limit", "0 of 6"]);
        assert_eq!(row("Failed requests, worst turn"), ["16.7 %", "0 %"]);
        let beyond = table
            .rows
            .iter()
            .flatten()
            .filter(|cell| cell.text.ends_with(": beyond limit"));
        assert_eq!(beyond.count(), 1);
    }
}
