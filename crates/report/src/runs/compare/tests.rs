use super::*;
use bakeoff_history::import::{Texts, read};
use bakeoff_record::Figures;
use bakeoff_record::coarse::Source;
use bakeoff_record::fixture;
use bakeoff_record::{RunId, RunState};

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

/// A run by Bakeoff, started `later` than the first.
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
    let text = include_str!("../../../../history/tests/fixtures/import/wrk_latency.txt");
    coarse(id, Source::WrkText, text)
}

const TERMINAL: Terminal = Terminal {
    width: 160,
    color: false,
};

#[test]
fn ours_beside_coarse_ones() {
    let k6 = include_str!("../../../../history/tests/fixtures/import/k6_summary_export.json");
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
    assert!(line("| p95 (ms)").ends_with("| – |"));
    assert!(line("| p99 (ms)").contains("64.0") || line("| p99 (ms)").contains("63.9"));
    assert!(!line("| p99 (ms)").contains("–"));
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
        apart(&sides).contains("(all started within 3 minutes)."),
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
        lines[1].ends_with(" in run 1; not known for run 2."),
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

#[test]
fn a_difference_of_many_times_is_no_percentage() {
    for (ratio, expected) in [
        (1.5, "+50.0 %"),
        (0.25, "-75.0 %"),
        (9.99, "+899.0 %"),
        (1590.941, "1,591 times"),
    ] {
        assert_eq!(change(ratio), expected);
    }
}

#[test]
fn caveats_are_those_of_the_page_and_of_the_command_line() {
    let runs = [
        ours(1, Duration::ZERO),
        ours(2, Duration::from_hours(50)),
        wrk(3),
    ];
    let text = compare(&runs, TERMINAL);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let caveats = caveats(&runs);
    assert!(caveats.len() > 4, "{caveats:?}");
    for caveat in caveats {
        assert!(text.contains(&caveat), "{caveat}");
    }
}

#[test]
fn a_list_breaks_no_address_on_a_narrow_terminal() {
    let mut runs = [
        ours(1, Duration::ZERO).0,
        ours(12, Duration::from_hours(2)).0,
    ];
    runs[0].host = "http://question-answering.staging.example.org:8000".to_owned();
    runs[1].tags = vec!["nightly".to_owned()];
    for width in [60, 80, 100, 140] {
        let list = super::super::list(
            &runs,
            Terminal {
                width,
                color: false,
            },
        );
        for run in &runs {
            assert!(list.contains(&run.host), "{width}: {list}");
        }
        assert!(list.contains("#nightly"), "{width}: {list}");
        let widest = list.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap() <= usize::from(width), "{width}: {list}");
    }
}
