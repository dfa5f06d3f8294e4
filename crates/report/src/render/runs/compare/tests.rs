use super::*;
use crate::coarse::Source;
use crate::fixture;
use crate::history::Figures;
use crate::history::{RunId, RunState};
use crate::import::{Texts, read};

fn stored(id: i64, name: &str, figures: Figures) -> StoredRun {
    StoredRun {
        id: RunId(id),
        name: name.to_owned(),
        host: String::new(),
        config: "5 users".to_owned(),
        started_at: None,
        state: RunState::Finished,
        source: None,
        notes: String::new(),
        tags: Vec::new(),
        figures,
    }
}

/// A run of ours, as long after the first as asked for.
fn ours(id: i64, later: Duration) -> (StoredRun, Detail) {
    let test = fixture::load_test(&["/a"], 16);
    let mut run = stored(id, &test.name, Figures::of(&test.measurement));
    run.host.clone_from(&test.host);
    run.started_at = Some(test.measurement.started_at + later);
    (run, Detail::Full(Box::new(test)))
}

fn coarse(id: i64, source: Source, text: &str) -> (StoredRun, Detail) {
    let texts = Texts {
        name: "old",
        main: text,
        ..Texts::default()
    };
    let read = read(source, &texts).unwrap();
    let mut run = stored(id, &read.name, Figures::from(&read));
    run.source = Some(source);
    (run, Detail::Coarse(Box::new(read)))
}

fn wrk(id: i64) -> (StoredRun, Detail) {
    let text = include_str!("../../../../tests/fixtures/import/wrk_latency.txt");
    coarse(id, Source::WrkText, text)
}

const TERMINAL: Terminal = Terminal {
    width: 160,
    color: false,
};

#[test]
fn ours_beside_coarse_ones() {
    let k6 = include_str!("../../../../tests/fixtures/import/k6_summary_export.json");
    let runs = [
        ours(1, Duration::ZERO),
        ours(2, Duration::from_hours(50)),
        coarse(3, Source::K6Summary, k6),
        wrk(4),
    ];
    insta::assert_snapshot!(compare(&runs, TERMINAL));
}

#[test]
fn a_percentile_that_is_not_known_is_a_dash() {
    let runs = [ours(1, Duration::ZERO), wrk(2)];
    let markdown = compare_markdown(&runs);
    let line = |title: &str| {
        let found = markdown.lines().find(|line| line.starts_with(title));
        found
            .unwrap_or_else(|| panic!("no {title} in {markdown}"))
            .to_owned()
    };
    assert!(line("| 95 % within").ends_with("| – |"));
    assert!(line("| 99 % within").contains("64.0") || line("| 99 % within").contains("63.9"));
    assert!(!line("| 99 % within").contains("–"));
    assert!(markdown.contains(
        "Run 2 is coarse: imported from wrk text; percentiles between the known ones are not known."
    ));
    let page = compare_html(&runs);
    assert!(page.contains("not interleaved") && page.contains("no verdict"));
}

#[test]
fn only_what_differs_is_named() {
    let runs = [ours(1, Duration::ZERO), ours(2, Duration::from_mins(3))];
    let sides: Vec<_> = runs.iter().map(Side::of).collect();
    assert_eq!(differences(&sides), Vec::<String>::new());
    assert!(
        apart(&sides).contains("begun within 3 minutes."),
        "{}",
        apart(&sides)
    );
    let mut other = ours(2, Duration::ZERO);
    other.0.figures.users = None;
    other.0.host = "http://other".to_owned();
    let runs = [ours(1, Duration::ZERO), other];
    let sides: Vec<_> = runs.iter().map(Side::of).collect();
    let lines = differences(&sides);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("; http://other in run 2."), "{lines:?}");
    assert!(
        lines[1].ends_with(" in run 1; not known of run 2."),
        "{lines:?}"
    );
}

#[test]
fn differences_are_to_the_first_figure_where_there_is_one() {
    let texts = |values: &[Option<f64>]| -> Vec<String> {
        let cells = with_differences("x", values);
        cells.into_iter().skip(1).map(|cell| cell.text).collect()
    };
    assert_eq!(
        texts(&[Some(10.0), Some(12.5), None]),
        ["10.0", "12.5 (+25.0 %)", "–"]
    );
    assert_eq!(texts(&[Some(0.0), Some(1.0)])[1], "1.00");
    assert_eq!(texts(&[None, Some(1.0)]), ["–", "1.00"]);
}
