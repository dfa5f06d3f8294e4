//! What every renderer can show.

use super::picture::Picture;

/// One piece of a document, from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// A heading of level 2 or 3; the title is the renderer's.
    Heading(u8, String),
    /// Running text.
    Paragraph(String),
    /// Points in no particular order.
    List(Vec<String>),
    /// One judgement per line.
    Verdicts(Vec<Judgement>),
    /// Figures.
    Table(Table),
    /// Text of another program, line by line as it was.
    Log(String),
    /// The answer, in larger type where there is any.
    Lead(String),
    /// Pictures side by side; their figures are in tables as well.
    Pictures(Vec<Picture>),
    /// The whole record, to be kept; only a page holds it.
    Record(Record),
    /// Figures over time or share of requests; only a page shows it.
    Chart(Chart),
}

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) tone: Tone,
    pub(super) label: String,
    pub(super) sentence: String,
}

/// How a judgement may be coloured; its words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Neutral,
}

/// A table whose first column names the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One field of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// The best figure of its kind.
    pub(super) best: bool,
    /// A figure, set flush right.
    pub(super) is_figure: bool,
}

impl Table {
    /// The same figures with a row for each column. The method and the name of a request become one heading.
    pub(super) fn transposed(&self) -> Self {
        let names = if self.header.first().is_some_and(|header| header == "Type") {
            2
        } else {
            1
        };
        let joined = |texts: &mut dyn Iterator<Item = &str>| {
            texts
                .take(names)
                .collect::<Vec<_>>()
                .join(" ")
                .trim()
                .to_owned()
        };
        let mut header = vec![joined(&mut self.header.iter().map(String::as_str))];
        header.extend(
            self.rows
                .iter()
                .map(|row| joined(&mut row.iter().map(|cell| cell.text.as_str()))),
        );
        let rows = (names..self.header.len()).map(|column| {
            let fields = self.rows.iter().filter_map(|row| row.get(column));
            let fields = fields.map(|cell| Cell {
                is_figure: true,
                ..cell.clone()
            });
            [Cell::words(&self.header[column])]
                .into_iter()
                .chain(fields)
                .collect()
        });
        Self {
            caption: self.caption.clone(),
            rows: rows.collect(),
            header,
        }
    }
}

impl Cell {
    pub(super) fn words(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            best: false,
            is_figure: false,
        }
    }

    pub(super) fn figure(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            best: false,
            is_figure: true,
        }
    }

    /// The figure as text, or a dash where there is none.
    pub(super) fn optional(text: Option<String>) -> Self {
        Self::figure(text.unwrap_or_else(|| "–".to_owned()))
    }

    /// The text with a mark that needs no colour.
    pub(super) fn marked(&self) -> String {
        if self.best {
            format!("* {}", self.text)
        } else {
            self.text.clone()
        }
    }
}

/// A record inside of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// How large it is as it is.
    pub(super) bytes: usize,
    /// Gzipped, in base64; `None` where that is too much for a page.
    pub(super) gzipped: Option<String>,
}

/// A chart and the same figures as a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// What it shows, in a sentence for those who do not see it.
    pub(super) description: String,
    pub(super) axis: Axis,
    pub(super) unit: &'static str,
    pub(super) x: Vec<f64>,
    /// How many seconds a point stands for, on an axis of seconds.
    pub(super) step: u64,
    pub(super) lines: Vec<Line>,
    /// What the lines can be of instead of everything.
    pub(super) choices: Vec<Choice>,
    pub(super) marks: Vec<Mark>,
    /// The measured period, in seconds from the start of the load; the rest is warm-up.
    pub(super) measured: Option<(f64, f64)>,
}

impl Chart {
    /// The unit, and what a point stands for if it is more than a second.
    pub(super) fn scale(&self) -> String {
        if self.step > 1 {
            format!("{}, in steps of {} s", self.unit, self.step)
        } else {
            self.unit.to_owned()
        }
    }
}

/// What runs from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Seconds since the start of the load.
    Seconds,
    /// Share of the requests, as `−log10(1 − share)`, which gives 90 %, 99 % and 99.9 % equal room.
    Share,
}

/// One line of a chart, with a value for each x.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) y: Vec<Option<f64>>,
}

/// The lines of a chart for a part of what it shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) name: String,
    /// By line of the chart.
    pub(super) y: Vec<Vec<Option<f64>>>,
}

/// A vertical line with a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) text: String,
}
