//! Results as one HTML page without any other files.

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine};
use flate2::Compression;
use flate2::write::GzEncoder;
use minijinja::{Environment, Value, context};
use serde_json::json;

use super::document::{Axis, Chart, Piece, Record, Table, Tone};
use super::table::manifest::Detail;
use super::{chart, section};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::run::LoadTest;

/// uPlot, the chart library of every page that we make, as a script that defines `uPlot`.
pub const UPLOT_JS: &str = include_str!("../assets/uPlot.iife.min.js");

/// Style sheet of [`UPLOT_JS`].
pub const UPLOT_CSS: &str = include_str!("../assets/uPlot.min.css");

/// Page of an experiment: the answer in a sentence and a picture, then figures, pictures, details, and the record for
/// download.
pub fn render_experiment(experiment: &Experiment) -> String {
    let analysis = Analysis::of(experiment);
    let mut pieces = [
        section::answered(experiment, &analysis),
        section::side_by_side(experiment, &analysis),
        section::pictures(experiment, &analysis),
        section::contenders(&analysis),
        section::validity(experiment, &analysis),
        section::interpretation(experiment, &analysis),
        section::missing(experiment),
        section::setup(experiment, Detail::WithHashes),
    ]
    .concat();
    pieces.push(Piece::Heading(2, "Download".to_owned()));
    let line = format!(
        "{}, each under a load of {}. Measured {} with Bakeoff {}.",
        words::several(
            experiment
                .contenders
                .len()
                .saturating_sub(usize::from(experiment.plan.control.is_some())),
            "contender"
        ),
        words::several(experiment.plan.users as usize, "user"),
        words::moment(experiment.started_at),
        experiment.bakeoff_version
    );
    let mut record = record(experiment);
    let without = page(&experiment.name, &line, &pieces).len();
    let most = MOST_BYTES.saturating_sub(without);
    record.gzipped = record.gzipped.filter(|gzipped| gzipped.len() <= most);
    pieces.push(Piece::Record(record));
    page(&experiment.name, &line, &pieces)
}

/// Page of one load test: statistics and charts.
pub fn render_load_test(test: &LoadTest) -> String {
    let line = format!(
        "Load test of {}. Measured {} with Bakeoff {}.",
        test.host,
        words::moment(test.measurement.started_at),
        test.bakeoff_version
    );
    page(&test.name, &line, &section::load_test(test))
}

/// Largest size of a page. A larger page would be too heavy to share, so it has no record.
const MOST_BYTES: usize = 495_000;

fn record(experiment: &Experiment) -> Record {
    let record = super::json::render_experiment(experiment);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let gzipped = encoder
        .write_all(record.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("writing to memory cannot fail");
    let gzipped = BASE64_STANDARD.encode(gzipped);
    Record {
        bytes: record.len(),
        gzipped: Some(gzipped),
    }
}

pub(super) fn page(title: &str, line: &str, pieces: &[Piece]) -> String {
    let mut environment = Environment::new();
    // The names end in html, so every value is escaped unless the template says otherwise.
    for (name, source) in [
        ("report.html", include_str!("../assets/report.html")),
        ("table.html", include_str!("../assets/table.html")),
    ] {
        environment
            .add_template(name, source)
            .expect("the template is part of the program and every test renders it");
    }
    let sections = pieces
        .iter()
        .enumerate()
        .filter_map(|(index, piece)| match piece {
            Piece::Heading(2, text) => Some(context! { id => format!("section-{index}"), text }),
            _ => None,
        });
    let charts: serde_json::Map<_, _> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Chart(chart) => Some((chart.id.to_owned(), chart_data(chart))),
            _ => None,
        })
        .collect();
    let context = context! {
        title,
        line,
        sections => sections.collect::<Vec<_>>(),
        pieces => pieces.iter().enumerate().map(|(index, piece)| value(index, piece)).collect::<Vec<_>>(),
        has_charts => !charts.is_empty(),
        data => script_json(&charts.into()),
        uplot_js => UPLOT_JS,
        uplot_licence => include_str!("../assets/uPlot.LICENSE"),
        uplot_css => UPLOT_CSS,
        report_js => include_str!("../assets/report.js"),
        report_css => include_str!("../assets/report.css"),
    };
    let template = environment
        .get_template("report.html")
        .expect("it was added above");
    template
        .render(context)
        .expect("the template uses nothing but the values above, as every test shows")
}

fn value(index: usize, piece: &Piece) -> Value {
    match piece {
        Piece::Heading(level, text) => {
            context! { kind => "heading", level, text, id => format!("section-{index}") }
        }
        Piece::Paragraph(text) => context! { kind => "paragraph", text },
        Piece::List(items) => context! { kind => "list", items },
        Piece::Log(text) => context! { kind => "log", text },
        Piece::Table(table) => context! { kind => "table", table => table_value(table) },
        Piece::Lead(text) => context! { kind => "lead", text },
        Piece::Pictures(pictures) => {
            let pictures = pictures.iter().map(|picture| {
                context! {
                    svg => &picture.svg,
                    description => &picture.description,
                    table => table_value(&picture.table),
                }
            });
            context! { kind => "pictures", pictures => pictures.collect::<Vec<_>>() }
        }
        Piece::Record(record) => context! {
            kind => "record",
            size => words::bytes(record.bytes as u64),
            gzipped => &record.gzipped,
        },
        Piece::Verdicts(judgements) => {
            let judgements = judgements.iter().map(|judgement| {
                let tone = match judgement.tone {
                    Tone::Good => "good",
                    Tone::Bad => "bad",
                    Tone::Neutral => "neutral",
                };
                context! { tone, label => &judgement.label, sentence => &judgement.sentence }
            });
            context! { kind => "verdicts", judgements => judgements.collect::<Vec<_>>() }
        }
        Piece::Chart(chart) => context! {
            kind => "chart",
            id => chart.id,
            title => &chart.title,
            description => &chart.description,
            scale => chart.scale(),
            table => table_value(&chart::as_table(chart)),
        },
    }
}

fn table_value(table: &Table) -> Value {
    let rows = table.rows.iter().map(|row| {
        let cells = row.iter().map(|cell| {
            context! { text => &cell.text, best => cell.best, is_figure => cell.is_figure }
        });
        Value::from(cells.collect::<Vec<_>>())
    });
    let first = table.rows.first();
    let header = table.header.iter().enumerate().map(|(column, text)| {
        let is_figure = first
            .and_then(|row| row.get(column))
            .is_some_and(|cell| cell.is_figure);
        context! { text, is_figure }
    });
    context! { caption => &table.caption, header => header.collect::<Vec<_>>(), rows => rows.collect::<Vec<_>>() }
}

fn chart_data(chart: &Chart) -> serde_json::Value {
    let axis = match chart.axis {
        Axis::Seconds => "seconds",
        Axis::Share => "share",
    };
    json!({
        "axis": axis,
        "unit": chart.unit,
        "step": chart.step,
        "marks": chart.marks.iter().map(|mark| json!([mark.x, mark.text])).collect::<Vec<_>>(),
        "choices": chart.choices.iter().map(|choice| json!({"name": choice.name, "y": choice.y})).collect::<Vec<_>>(),
        "measured": chart.measured.map(|(from, to)| [from, to]),
        "shares": chart::SHARES,
        "names": chart.lines.iter().map(|line| &line.name).collect::<Vec<_>>(),
        "x": chart.x,
        "y": chart.lines.iter().map(|line| &line.y).collect::<Vec<_>>(),
    })
}

/// JSON for the inside of a script element. Without a `<`, it cannot end the element or open a comment.
fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests;
