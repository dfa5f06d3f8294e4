//! Results as Markdown, for a pull request or a wiki.

use super::document::{Cell, Judgement, Piece, Table, Tone};
use super::picture::{self, Picture};
use super::table::manifest::Detail;
use super::{section, table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::run::{LoadTest, ThresholdOutcome};
use bakeoff_record::summary::Summary;

/// An experiment: verdict and figures first, details below.
pub fn render_experiment(experiment: &Experiment) -> String {
    render_experiment_with(experiment, |_| None)
}

/// An experiment with pictures. `file` gives the address of each picture relative to the text; `None` leaves it out.
pub fn render_experiment_with(
    experiment: &Experiment,
    file: impl Fn(&Picture) -> Option<String>,
) -> String {
    let analysis = Analysis::of(experiment);
    let pictures = picture::of_experiment(experiment, &analysis);
    let shown: Vec<String> = pictures
        .iter()
        .filter_map(|picture| Some(image(picture, &file(picture)?)))
        .collect();
    let (answer, others) = match shown.split_first() {
        Some((first, rest)) if pictures[0].name == "answer" => (first.clone(), rest),
        _ => (String::new(), shown.as_slice()),
    };
    let above = [
        section::verdicts(experiment, &analysis),
        section::side_by_side(experiment, &analysis),
    ];
    let below = [
        section::interpretation(experiment, &analysis),
        section::validity(experiment, &analysis),
        section::contenders(&analysis),
        section::missing(experiment),
        section::setup(experiment, Detail::WithHashes),
    ];
    let mut parts = vec![document(&experiment.name, &[])];
    parts.push(answer);
    parts.extend(above.concat().iter().filter_map(piece));
    if !others.is_empty() {
        parts.push("## Charts\n".to_owned());
        parts.extend(others.iter().cloned());
    }
    parts.extend(below.concat().iter().filter_map(piece));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// A picture with its title as alternative text, and its description below.
fn image(picture: &Picture, address: &str) -> String {
    format!(
        "![{}](<{}>)\n\n{}\n",
        escaped(&picture.title),
        address.replace(['<', '>', '\n'], ""),
        escaped(&picture.description)
    )
}

/// Short summary of a load test for the page of a build job: thresholds, requests by name and in total, failures.
pub fn render_load_test(test: &LoadTest, outcomes: &[ThresholdOutcome]) -> String {
    let summary = Summary::of([&test.measurement]);
    let mut pieces = vec![Piece::Paragraph(section::in_one_line(test, &summary))];
    if !outcomes.is_empty() {
        pieces.push(Piece::Verdicts(outcomes.iter().map(judgement).collect()));
    }
    pieces.push(Piece::Table(table::in_short(&summary)));
    pieces.extend(section::not_sent(&summary).map(Piece::Paragraph));
    pieces.extend(table::failures(&summary).map(Piece::Table));
    document(&test.name, &pieces)
}

fn judgement(outcome: &ThresholdOutcome) -> Judgement {
    match &outcome.failure {
        None => Judgement {
            tone: Tone::Good,
            label: "Passed".to_owned(),
            sentence: outcome.threshold.clone(),
        },
        Some(failure) => Judgement {
            tone: Tone::Bad,
            label: "Failed".to_owned(),
            sentence: format!("{}: {failure}", outcome.threshold),
        },
    }
}

pub(super) fn document(title: &str, pieces: &[Piece]) -> String {
    let pieces: Vec<String> = [format!("# {}\n", escaped(title))]
        .into_iter()
        .chain(pieces.iter().filter_map(piece))
        .collect();
    pieces.join("\n")
}

fn piece(piece: &Piece) -> Option<String> {
    Some(match piece {
        Piece::Heading(level, text) => {
            format!("{} {}\n", "#".repeat(usize::from(*level)), escaped(text))
        }
        Piece::Lead(text) => format!("**{}**\n", escaped(text)),
        Piece::Paragraph(text) => escaped(text) + "\n",
        Piece::List(items) => lines(items.iter().map(|item| format!("- {}", escaped(item)))),
        Piece::Verdicts(judgements) => lines(judgements.iter().map(|judgement| {
            let (label, sentence) = (escaped(&judgement.label), escaped(&judgement.sentence));
            format!("- **{label}.** {sentence}")
        })),
        Piece::Table(table) => drawn(table),
        // Indented by four spaces, so that no line of the log can end the block.
        Piece::Log(text) => lines(
            text.lines()
                .map(|line| format!("    {}", line.replace(char::is_control, " "))),
        ),
        Piece::Pictures(_) | Piece::Chart(_) | Piece::Record(_) => return None,
    })
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

fn drawn(table: &Table) -> String {
    let line = |fields: Vec<String>| format!("| {} |\n", fields.join(" | "));
    let is_figure = |column: usize| {
        table
            .rows
            .first()
            .and_then(|row| row.get(column))
            .is_some_and(|cell| cell.is_figure)
    };
    let rule = (0..table.header.len())
        .map(|column| if is_figure(column) { "--:" } else { "---" }.to_owned());
    let field = |cell: &Cell| {
        let text = escaped(&cell.text);
        if cell.best {
            format!("**{text}**\\*")
        } else {
            text
        }
    };
    let mut drawn = format!("{}\n\n", escaped(&table.caption));
    drawn += &line(table.header.iter().map(|name| escaped(name)).collect());
    drawn += &line(rule.collect());
    drawn.extend(
        table
            .rows
            .iter()
            .map(|row| line(row.iter().map(field).collect())),
    );
    drawn
}

/// The text with all Markdown and HTML characters escaped, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' | '~' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn an_experiment() {
        insta::assert_snapshot!(render_experiment(&fixture::plausible_experiment()));
    }

    #[test]
    fn an_experiment_with_its_pictures() {
        let experiment = fixture::plausible_experiment();
        let text = render_experiment_with(&experiment, |picture| {
            Some(format!("my pictures/{}.svg", picture.name))
        });
        let answer = text.find("](<my pictures/answer.svg>)").unwrap();
        assert!(answer < text.find("## Verdict").unwrap());
        assert_eq!(text.matches("](<my pictures/").count(), 8);
        let without: String = render_experiment(&experiment);
        assert!(!without.contains("![") && text.len() > without.len());
    }

    #[test]
    fn a_load_test() {
        let test = fixture::load_test(&["/a", "/b"], 16);
        insta::assert_snapshot!(render_load_test(&test, &fixture::thresholds()));
    }

    #[test]
    fn a_load_of_users_without_thresholds() {
        let mut test = fixture::load_test(&["/a"], 16);
        test.measurement.arrivals = None;
        insta::assert_snapshot!(render_load_test(&test, &[]));
    }

    #[test]
    fn names_are_not_markup() {
        let mut experiment = fixture::experiment(&[("a|b<script>", &[100])], "a");
        experiment.name = "*x*\n# y".to_owned();
        let text = render_experiment(&experiment);
        assert!(text.starts_with("# \\*x\\* \\# y\n"), "{text}");
        assert!(
            text.contains("a\\|b&lt;script&gt;") && !text.contains("<script>"),
            "{text}"
        );
    }
}
