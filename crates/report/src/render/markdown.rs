//! Results as Markdown, for a pull request or a wiki.

use super::document::{Cell, Piece, Table};
use super::section;
use crate::analysis::Analysis;
use crate::experiment::Experiment;

/// Verdict and figures first, details below.
pub fn render_experiment(experiment: &Experiment) -> String {
    let analysis = Analysis::of(experiment);
    let pieces = [
        section::verdicts(experiment, &analysis),
        section::side_by_side(experiment, &analysis),
        section::interpretation(&analysis),
        section::contenders(&analysis),
        section::missing(experiment),
        section::setup(experiment, &analysis),
    ];
    let title = format!("# {}\n", escaped(&experiment.name));
    let pieces: Vec<String> = [title]
        .into_iter()
        .chain(pieces.concat().iter().filter_map(piece))
        .collect();
    pieces.join("\n")
}

fn piece(piece: &Piece) -> Option<String> {
    Some(match piece {
        Piece::Heading(level, text) => {
            format!("{} {}\n", "#".repeat(usize::from(*level)), escaped(text))
        }
        Piece::Paragraph(text) => escaped(text) + "\n",
        Piece::List(items) => lines(items.iter().map(|item| format!("- {}", escaped(item)))),
        Piece::Verdicts(judgements) => lines(judgements.iter().map(|judgement| {
            let (label, sentence) = (escaped(&judgement.label), escaped(&judgement.sentence));
            format!("- **{label}.** {sentence}")
        })),
        Piece::Table(table) => drawn(table),
        // Indented by four, so that no line of it can end the block.
        Piece::Log(text) => lines(
            text.lines()
                .map(|line| format!("    {}", line.replace(char::is_control, " "))),
        ),
        Piece::Bars(_) | Piece::Chart(_) => return None,
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

/// The text as itself: no character of it is taken for Markdown or HTML, and it stays on its line.
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
    use crate::fixture;

    #[test]
    fn an_experiment() {
        insta::assert_snapshot!(render_experiment(&fixture::plausible_experiment()));
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
