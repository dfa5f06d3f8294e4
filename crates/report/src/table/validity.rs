//! What could have decided the figures in place of the contenders, with what is tolerated of it.

use crate::document::{Cell, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;

/// A row for each gate, a column for each contender; what is beyond its limit says so.
pub(in super::super) fn gates(experiment: &Experiment, analysis: &Analysis) -> Table {
    let results = &analysis.results;
    let gates = results.first().map_or(0, |result| result.gates.len());
    let rows = (0..gates).map(|index| {
        let gate = results[0].gates[index].gate;
        let values = results.iter().map(|result| {
            let reading = &result.gates[index];
            let beyond = if reading.beyond.is_some() {
                ": beyond"
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
        caption: "Gates: what could have decided the figures in place of the contenders' speed. A contender beyond a limit is not \
                  compared, and a baseline or control beyond one leaves nothing to compare with"
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
        "Without an answer",
        "Connections",
        "Obstacle",
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
        caption:
            "What was measured, what the load generator opened and what it gave up waiting for"
                .to_owned(),
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
    fn what_forbids_a_verdict_is_beyond_its_limit_here_too() {
        let mut experiment =
            fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old");
        // They never got an answer, in a record from before that was a failure.
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
        assert_eq!(row("Failed turns"), ["1 of 6: beyond", "0 of 6"]);
        assert_eq!(row("Failed requests, worst turn"), ["16.7 %", "0 %"]);
        let beyond = table
            .rows
            .iter()
            .flatten()
            .filter(|cell| cell.text.ends_with(": beyond"));
        assert_eq!(beyond.count(), 1);
    }
}
