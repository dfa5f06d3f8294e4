//! Runs of the history: a list of runs, one coarse run, and several runs side by side.

use std::time::Duration;

use super::document::{Cell, Piece, Table};
use super::terminal::Terminal;
use bakeoff_analysis::words;
use bakeoff_record::coarse::{CoarseRow, CoarseRun, Percentiles, Timed};
use bakeoff_record::stored::{RunState, StoredRun};
use bakeoff_record::summary::{AGGREGATED, PERCENTILES};

mod compare;

pub use compare::{caveats, compare, compare_html, compare_markdown};

/// A line for each run, in the order given. On a narrow terminal, each run has several lines, so that no address and no
/// figure is broken.
pub fn list(runs: &[StoredRun], terminal: Terminal) -> String {
    let header = [
        "Run", "Started", "Scenario", "Host", "Users", "# reqs", "# fails", "p50", "p95", "p99",
        "Remarks",
    ];
    let table = Table {
        caption: format!(
            "{}; response times of successful requests in ms",
            words::several(runs.len(), "run")
        ),
        header: header.map(str::to_owned).into(),
        rows: runs.iter().map(line).collect(),
    };
    if terminal.has_room_for(&table) {
        return terminal.table(&table);
    }
    let entries: Vec<Piece> = runs
        .iter()
        .map(|run| Piece::List(vec![entry(run)]))
        .collect();
    terminal.pieces(&[Piece::Paragraph(table.caption)]) + "\n" + &terminal.pieces(&entries)
}

/// A run as one item of a list.
fn entry(run: &StoredRun) -> String {
    let figures = &run.figures;
    let time = |what: &str, time: Option<Duration>| Some(format!("{what} {}", words::ms(time?)));
    let parts = [
        Some(format!("run {}", run.id)),
        run.started_at.map(words::moment),
        Some(run.name.clone()),
        Some(run.host.clone()).filter(|host| !host.is_empty()),
        figures
            .users
            .map(|users| words::several(users as usize, "user")),
        Some(format!("{} requests", words::count(figures.requests))),
        figures
            .failures
            .map(|failed| format!("{} failed", words::count(failed))),
        time("p50", figures.median),
        time("p95", figures.p95),
        time("p99", figures.p99),
        Some(remarks(run)).filter(|remarks| !remarks.is_empty()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn line(run: &StoredRun) -> Vec<Cell> {
    let figures = &run.figures;
    let time = |time: Option<_>| Cell::optional(time.map(words::ms));
    vec![
        Cell::figure(run.id.to_string()),
        started(run),
        Cell::words(&run.name),
        Cell::words(&run.host),
        Cell::optional(figures.users.map(|users| words::count(users.into()))),
        Cell::figure(words::count(figures.requests)),
        Cell::optional(figures.failures.map(words::count)),
        time(figures.median),
        time(figures.p95),
        time(figures.p99),
        Cell::words(remarks(run)),
    ]
}

fn started(run: &StoredRun) -> Cell {
    Cell::words(run.started_at.map_or_else(|| "–".to_owned(), words::moment))
}

/// Source of a coarse run, state of an unfinished run, then tags, then notes.
fn remarks(run: &StoredRun) -> String {
    let state = match run.state {
        RunState::Running => "running",
        RunState::CutShort => "cut short",
        RunState::Finished => "",
    };
    let tags = run.tags.iter().map(|tag| format!("#{tag}"));
    let source = run
        .source
        .map(|source| format!("coarse: {}", source.title()));
    let parts = source.into_iter().chain([state.to_owned()]).chain(tags);
    let parts = parts.chain([run.notes.clone()]);
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Figures of a coarse run, with dashes for unknown ones.
pub fn show(run: &CoarseRun, terminal: Terminal) -> String {
    let mut pieces = vec![
        Piece::Heading(2, "Statistics".to_owned()),
        Piece::Paragraph(format!("{}.", run.source.caveat())),
        Piece::Table(figures(run)),
    ];
    if !run.causes.is_empty() {
        pieces.push(Piece::Table(causes(run)));
    }
    pieces.push(Piece::List(facts(run)));
    terminal.pieces(&pieces)
}

fn facts(run: &CoarseRun) -> Vec<String> {
    let facts = [
        ("Server", run.host.clone()),
        ("Started", run.started_at.map(words::moment)),
        ("Measured for", run.period.map(words::seconds)),
        ("Users", run.users.map(|users| words::count(users.into()))),
    ];
    facts
        .into_iter()
        .map(|(name, fact)| format!("{name}: {}", fact.as_deref().unwrap_or("–")))
        .collect()
}

fn figures(run: &CoarseRun) -> Table {
    let rows = || run.rows.iter().chain([&run.total]);
    let mut percentiles = PERCENTILES.to_vec();
    for row in rows() {
        if let Percentiles::Points(points) = &row.times.percentiles {
            percentiles.extend(points.iter().map(|point| point.percentile));
        }
    }
    percentiles.sort_by(f64::total_cmp);
    percentiles.dedup();
    let header = [
        "Type", "Name", "# reqs", "# fails", "req/s", "Avg", "Min", "Max",
    ];
    let names = percentiles.iter().copied().map(words::percentile);
    let of = match run.timed {
        Timed::Successes => "successful requests",
        Timed::AllRequests => "all requests, failed ones included,",
    };
    Table {
        caption: format!("Response times of {of} in ms"),
        header: header.map(str::to_owned).into_iter().chain(names).collect(),
        rows: rows().map(|row| figures_of(row, &percentiles)).collect(),
    }
}

fn figures_of(row: &CoarseRow, percentiles: &[f64]) -> Vec<Cell> {
    let time = |time: Option<Duration>| Cell::optional(time.map(words::ms));
    let name = if row.name.is_empty() {
        AGGREGATED
    } else {
        &row.name
    };
    let mut cells = vec![
        Cell::words(&row.method),
        Cell::words(name),
        Cell::figure(words::count(row.requests)),
        Cell::optional(row.failures.map(words::count)),
        Cell::optional(row.requests_per_second.map(words::figure)),
        time(row.times.mean),
        time(row.times.min),
        time(row.times.max),
    ];
    let known = percentiles.iter();
    cells.extend(known.map(|percentile| time(row.times.percentile(*percentile))));
    cells
}

fn causes(run: &CoarseRun) -> Table {
    let rows = run.causes.iter().map(|cause| {
        let request = format!("{} {}", cause.method, cause.name);
        vec![
            Cell::words(&cause.cause),
            Cell::words(request.trim()),
            Cell::figure(words::count(cause.occurrences)),
        ]
    });
    Table {
        caption: "Failures by cause".to_owned(),
        header: ["Cause", "Request", "Occurrences"]
            .map(str::to_owned)
            .into(),
        rows: rows.collect(),
    }
}
