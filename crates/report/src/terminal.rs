//! Results as plain text for a terminal.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::current::Current;
use super::document::{Cell, Judgement, Piece, Table, Tone};
use super::table::manifest::Detail;
use super::{section, table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::run::Measurement;
use bakeoff_record::summary::Summary;

const BOLD: &str = "1";

/// Properties of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns.
    pub width: u16,
    /// `true` to use bold type and colours. Colour alone has no meaning.
    pub color: bool,
}

/// Report of an experiment. The verdict is at the end, where a reader of a terminal looks first. Hashes are only in the files.
pub fn render_experiment(experiment: &Experiment, terminal: Terminal) -> String {
    let analysis = Analysis::of(experiment);
    let pieces = [
        section::setup(experiment, Detail::WithoutHashes),
        section::contenders(&analysis),
        section::validity(experiment, &analysis),
        section::side_by_side(experiment, &analysis),
        section::blocks(experiment, &analysis),
        section::interpretation(experiment, &analysis),
        section::missing(experiment),
        section::verdicts(experiment, &analysis),
    ];
    terminal.document(&experiment.name, &pieces.concat())
}

/// Final tables of one load test: requests, percentiles, errors.
pub fn render_measurement(measurement: &Measurement, terminal: Terminal) -> String {
    terminal.pieces(&section::measurement(measurement))
}

/// Table of a running load, in Locust's columns. Rates are those of the last ten seconds.
pub fn render_live(measurement: &Measurement, terminal: Terminal) -> String {
    let summary = Summary::of([measurement]);
    let current = Current::of(measurement);
    let now = measurement.timeline.last();
    let mut live = table::live(&summary, &current);
    live.caption = format!(
        "{} s, {}, {} requests/s over the last {}; response times so far in ms",
        now.map_or(0, |second| second.since_start.as_secs()),
        words::several(now.map_or(0, |second| second.users) as usize, "user"),
        words::figure(current.total.requests),
        words::several(current.seconds, "second"),
    );
    let lines: String = section::open_model(&summary)
        .iter()
        .map(|line| terminal.wrapped("", line))
        .collect();
    terminal.table(&live) + &lines
}

impl Terminal {
    pub(super) fn document(self, title: &str, pieces: &[Piece]) -> String {
        let title = plain(title);
        let rule = "=".repeat(title.chars().count().min(self.width.into()));
        format!(
            "{}\n{rule}\n\n{}",
            self.styled(BOLD, &title),
            self.pieces(pieces)
        )
    }

    pub(super) fn pieces(self, pieces: &[Piece]) -> String {
        let shown: Vec<String> = pieces
            .iter()
            .filter_map(|piece| self.piece(piece))
            .collect();
        shown.join("\n")
    }

    fn piece(self, piece: &Piece) -> Option<String> {
        Some(match piece {
            Piece::Heading(2, text) => {
                let rule = "-".repeat(text.chars().count().min(self.width.into()));
                format!("{}\n{rule}\n", self.styled(BOLD, &plain(text)))
            }
            Piece::Heading(_, text) => format!("{}\n", self.styled(BOLD, &plain(text))),
            Piece::Lead(text) | Piece::Paragraph(text) => self.wrapped("", text),
            Piece::List(items) => items.iter().map(|item| self.wrapped("- ", item)).collect(),
            Piece::Verdicts(judgements) => judgements
                .iter()
                .map(|judgement| self.judgement(judgement))
                .collect(),
            Piece::Table(table) => self.table(table),
            Piece::Log(text) => text
                .lines()
                .map(|line| "    ".to_owned() + &plain(line) + "\n")
                .collect(),
            Piece::Pictures(_) | Piece::Chart(_) | Piece::Record(_) => return None,
        })
    }

    fn judgement(self, judgement: &Judgement) -> String {
        let color = match judgement.tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Neutral => BOLD,
        };
        format!(
            "{}\n{}",
            self.styled(color, &plain(&judgement.label)),
            self.wrapped("  ", &judgement.sentence)
        )
    }

    /// `true` if the terminal is wide enough for a line for each row.
    pub(super) fn has_room_for(self, table: &Table) -> bool {
        fits(&drawn(table, None), self.width)
    }

    /// The table if it fits, else with rows and columns exchanged, else with its longest fields broken over lines.
    pub(super) fn table(self, table: &Table) -> String {
        let upright = drawn(table, None);
        let text = if fits(&upright, self.width) {
            upright
        } else {
            let turned = table.transposed();
            let on_its_side = drawn(&turned, None);
            let narrower = if longest(&on_its_side) < longest(&upright) {
                &turned
            } else {
                table
            };
            if fits(&on_its_side, self.width) {
                on_its_side
            } else {
                drawn(narrower, Some(self.width))
            }
        };
        format!("{}{text}", self.wrapped("", &table.caption))
    }

    /// The text in lines, after `start`. Later lines are indented below the text of the first.
    fn wrapped(self, start: &str, text: &str) -> String {
        let width = usize::from(self.width).max(start.len() + 10);
        let indent = " ".repeat(start.len());
        let mut wrapped = String::new();
        let mut line = start.to_owned();
        for word in plain(text).split_whitespace() {
            let has_words = line.len() > start.len();
            if has_words && line.chars().count() + 1 + word.chars().count() > width {
                wrapped.push_str(&line);
                wrapped.push('\n');
                line.clone_from(&indent);
            } else if has_words {
                line.push(' ');
            }
            line.push_str(word);
        }
        wrapped + &line + "\n"
    }

    fn styled(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The table with columns as wide as their text, or within `width`.
fn drawn(table: &Table, width: Option<u16>) -> String {
    let cell = |cell: &Cell| {
        let alignment = if cell.is_figure {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        };
        comfy_table::Cell::new(plain(&cell.marked())).set_alignment(alignment)
    };
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    match width {
        Some(width) => drawn
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => drawn.set_content_arrangement(ContentArrangement::Disabled),
    };
    let header = table.header.iter().enumerate().map(|(column, name)| {
        let is_figure = table
            .rows
            .first()
            .and_then(|row| row.get(column))
            .is_some_and(|cell| cell.is_figure);
        cell(&Cell {
            text: name.clone(),
            best: false,
            is_figure,
        })
    });
    drawn.set_header(header.collect::<Vec<_>>());
    drawn.add_rows(
        table
            .rows
            .iter()
            .map(|row| row.iter().map(cell).collect::<Vec<_>>()),
    );
    drawn.trim_fmt() + "\n"
}

fn fits(text: &str, width: u16) -> bool {
    longest(text) <= usize::from(width)
}

fn longest(text: &str) -> usize {
    text.lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
}

/// The text without control characters. Names and causes come from files and servers and may hold commands for a terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    const WIDE: Terminal = Terminal {
        width: 140,
        color: false,
    };
    const NARROW: Terminal = Terminal {
        width: 60,
        color: false,
    };

    #[test]
    fn an_experiment_on_a_wide_terminal() {
        insta::assert_snapshot!(render_experiment(&fixture::plausible_experiment(), WIDE));
    }

    #[test]
    fn the_answer_is_what_is_seen_last_and_hashes_are_left_to_the_files() {
        let experiment = fixture::plausible_experiment();
        let text = render_experiment(&experiment, WIDE);
        let answer = crate::answer(&experiment, &Analysis::of(&experiment));
        let first_words = &answer[..60];
        let from_the_end = text
            .lines()
            .rev()
            .position(|line| line.contains(first_words));
        assert!(from_the_end.unwrap() < 24, "{text}");
        assert!(!text.to_lowercase().contains("sha256"), "{text}");
        assert!(!text.contains("SHA-256"), "{text}");
        let page = crate::html::render_experiment(&experiment);
        assert!(page.contains("SHA-256") && page.contains("digest"));
    }

    #[test]
    fn a_load_test_on_a_wide_and_on_a_narrow_terminal() {
        let measurement =
            fixture::measurement("/question_answering", &[10, 20, 30, 2000], &[7, 9], 2);
        insta::assert_snapshot!("measurement_wide", render_measurement(&measurement, WIDE));
        insta::assert_snapshot!(
            "measurement_narrow",
            render_measurement(&measurement, NARROW)
        );
    }

    #[test]
    fn a_running_load() {
        let measurement = fixture::plausible_experiment()
            .runs
            .swap_remove(0)
            .measurement;
        insta::assert_snapshot!(render_live(&measurement, WIDE));
    }

    #[test]
    fn an_open_model_while_it_runs_and_at_its_end() {
        let measurement = fixture::load_test(&["/a", "/b"], 16).measurement;
        insta::assert_snapshot!("open_model", render_measurement(&measurement, WIDE));
        insta::assert_snapshot!("open_model_live", render_live(&measurement, WIDE));
        insta::assert_snapshot!("open_model_live_narrow", render_live(&measurement, NARROW));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let experiment = fixture::plausible_experiment();
        for width in [60, 80, 100, 200] {
            let text = render_experiment(
                &experiment,
                Terminal {
                    width,
                    color: false,
                },
            );
            assert!(text.lines().count() > 100, "{text}");
            for line in text.lines() {
                assert!(
                    line.chars().count() <= usize::from(width),
                    "{width}: {line}"
                );
            }
        }
    }

    #[test]
    fn colour_adds_escapes_and_nothing_else() {
        let experiment = fixture::plausible_experiment();
        let colored = render_experiment(
            &experiment,
            Terminal {
                color: true,
                ..WIDE
            },
        );
        let mut plain = String::new();
        for (index, part) in colored.split('\u{1b}').enumerate() {
            plain.push_str(if index == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            });
        }
        assert_eq!(plain, render_experiment(&experiment, WIDE));
        assert_ne!(plain, colored);
    }

    #[test]
    fn a_servers_text_cannot_command_the_terminal() {
        let mut experiment = fixture::experiment(&[("a\u{1b}[2Jb", &[100])], "a");
        experiment.name = "x\u{7}\u{9b}2J".to_owned();
        let text = render_experiment(&experiment, WIDE);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(text.contains("a [2Jb") && text.contains("x  2J"), "{text}");
    }

    #[test]
    fn an_experiment_without_anything_is_rendered() {
        let text = render_experiment(&fixture::empty_experiment(&[], "a"), NARROW);
        assert!(text.contains("No contender took part,"), "{text}");
    }
}
