//! Runs of the history as plain text for a terminal: a list of them, and several side by side.

use super::document::{Cell, Table};
use super::terminal::Terminal;
use crate::history::{RunState, StoredRun};
use crate::run::LoadTest;
use crate::summary::{PERCENTILES, Summary, SummaryRow};
use crate::words;

/// A line for each run, in the order given.
pub fn list(runs: &[StoredRun], terminal: Terminal) -> String {
    let header = [
        "Run", "Started", "Scenario", "Host", "Users", "# reqs", "# fails", "Median", "95 %",
        "99 %", "Remarks",
    ];
    let table = Table {
        caption: format!(
            "{}; response times of successful requests in ms",
            words::several(runs.len(), "run")
        ),
        header: header.map(str::to_owned).into(),
        rows: runs.iter().map(line).collect(),
    };
    terminal.table(&table)
}

fn line(run: &StoredRun) -> Vec<Cell> {
    let figures = &run.figures;
    let time = |time: Option<_>| Cell::optional(time.map(words::ms));
    vec![
        Cell::figure(run.id.to_string()),
        Cell::words(words::moment(run.started_at)),
        Cell::words(&run.name),
        Cell::words(&run.host),
        Cell::figure(words::count(figures.users.into())),
        Cell::figure(words::count(figures.requests)),
        Cell::figure(words::count(figures.failures)),
        time(figures.median),
        time(figures.p95),
        time(figures.p99),
        Cell::words(remarks(run)),
    ]
}

/// How it ended where it did not as usual, then tags, then notes.
fn remarks(run: &StoredRun) -> String {
    let state = match run.state {
        RunState::Running => "running",
        RunState::CutShort => "cut short",
        RunState::Finished => "",
    };
    let tags = run.tags.iter().map(|tag| format!("#{tag}"));
    let parts = [state.to_owned()].into_iter().chain(tags);
    let parts = parts.chain([run.notes.clone()]);
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// The figures of all requests of several runs, with the difference of each to the first.
pub fn compare(runs: &[(StoredRun, LoadTest)], terminal: Terminal) -> String {
    let totals: Vec<SummaryRow> = runs
        .iter()
        .map(|(_, test)| Summary::of([&test.measurement]).total)
        .collect();
    let titles = runs
        .iter()
        .map(|(run, _)| format!("{} {}", run.id, run.name));
    let words_of = |title: &str, value: &dyn Fn(&StoredRun) -> String| {
        let values = runs.iter().map(|(run, _)| Cell::figure(value(run)));
        [Cell::words(title)].into_iter().chain(values).collect()
    };
    let mut rows: Vec<Vec<Cell>> = vec![
        words_of("Started", &|run| words::moment(run.started_at)),
        words_of("Host", &|run| run.host.clone()),
        words_of("Users", &|run| words::count(run.figures.users.into())),
        words_of("# reqs", &|run| words::count(run.figures.requests)),
    ];
    let figures = |title: &str, value: &dyn Fn(&SummaryRow) -> Option<f64>| {
        let values: Vec<Option<f64>> = totals.iter().map(value).collect();
        differences(title, &values)
    };
    rows.push(figures("req/s", &SummaryRow::requests_per_second));
    rows.push(figures("failures, %", &|row| {
        Some(row.fail_ratio() * 100.0)
    }));
    for percentile in PERCENTILES {
        let title = format!("{} within, ms", words::percentile(percentile));
        rows.push(figures(&title, &|row| {
            let time = row.response_times.quantile(percentile / 100.0);
            time.map(words::exact_ms)
        }));
    }
    let first = runs.first().map_or_else(String::new, |(run, _)| {
        format!("; differences are to run {}", run.id)
    });
    let table = Table {
        caption: format!("Response times are those of successful requests{first}"),
        header: ["Figure".to_owned()].into_iter().chain(titles).collect(),
        rows,
    };
    terminal.table(&table)
}

/// The figures of a row; those after the first with what they differ from it.
fn differences(title: &str, values: &[Option<f64>]) -> Vec<Cell> {
    let first = values.first().copied().flatten();
    let cells = values.iter().enumerate().map(|(index, value)| {
        let text = value.map(|value| match first {
            Some(first) if index > 0 && first > 0.0 => {
                let percent = (value / first - 1.0) * 100.0;
                format!("{} ({percent:+.1} %)", words::figure(value))
            }
            _ => words::figure(value),
        });
        Cell::optional(text)
    });
    [Cell::words(title)].into_iter().chain(cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_to_the_first_figure_where_there_is_one() {
        let texts = |values: &[Option<f64>]| -> Vec<String> {
            let cells = differences("x", values);
            cells.into_iter().skip(1).map(|cell| cell.text).collect()
        };
        assert_eq!(
            texts(&[Some(10.0), Some(12.5), None]),
            ["10.0", "12.5 (+25.0 %)", "–"]
        );
        assert_eq!(texts(&[Some(0.0), Some(1.0)])[1], "1.00");
        assert_eq!(texts(&[None, Some(1.0)]), ["–", "1.00"]);
    }
}
