//! Pieces of a report, which every renderer shows in its own way.

use super::picture::Picture;

/// One piece of a document, from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// A heading of level 2 or 3. The renderer writes the title, level 1.
    Heading(u8, String),
    /// Running text.
    Paragraph(String),
    /// Points in no particular order.
    List(Vec<String>),
    /// Judgements, one a line.
    Verdicts(Vec<Judgement>),
    /// Figures.
    Table(Table),
    /// Output of another program, line by line.
    Log(String),
    /// The answer, in larger type if the renderer has it.
    Lead(String),
    /// Pictures side by side, each with its figures as a table.
    Pictures(Vec<Picture>),
    /// The whole record, for download. Only an HTML page holds it.
    Record(Record),
    /// Figures over time or by percentile. Only an HTML page shows a chart.
    Chart(Chart),
}

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) tone: Tone,
    pub(super) label: String,
    pub(super) sentence: String,
}

/// Colour of a judgement. The words of the judgement say the same.
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
    /// `true` for the best figure of its kind.
    pub(super) best: bool,
    /// `true` for a figure, which is set flush right.
    pub(super) is_figure: bool,
}

impl Table {
    /// The table with rows and columns exchanged. The method and the name of a request become one heading.
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

    /// The figure as text, or a dash for `None`.
    pub(super) fn optional(text: Option<String>) -> Self {
        Self::figure(text.unwrap_or_else(|| "–".to_owned()))
    }

    /// The text, with an asterisk if it is the best figure.
    pub(super) fn marked(&self) -> String {
        if self.best {
            format!("* {}", self.text)
        } else {
            self.text.clone()
        }
    }
}

/// A record inside an HTML page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Size of the uncompressed JSON.
    pub(super) bytes: usize,
    /// Gzipped JSON in base64; `None` if it is too large for a page.
    pub(super) gzipped: Option<String>,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// Content in a sentence, for readers who do not see the chart.
    pub(super) description: String,
    pub(super) axis: Axis,
    pub(super) unit: &'static str,
    pub(super) x: Vec<f64>,
    /// Seconds that one point covers, on an axis of seconds.
    pub(super) step: u64,
    pub(super) lines: Vec<Line>,
    /// Parts of the figures that a reader can choose, such as one request name.
    pub(super) choices: Vec<Choice>,
    pub(super) marks: Vec<Mark>,
    /// The measured period, in seconds from the start of the load; the rest is warm-up.
    pub(super) measured: Option<(f64, f64)>,
}

impl Chart {
    /// The unit, and the length of a step if it is more than a second.
    pub(super) fn scale(&self) -> String {
        if self.step > 1 {
            format!("{}, in steps of {} s", self.unit, self.step)
        } else {
            self.unit.to_owned()
        }
    }
}

/// Horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Seconds since the start of the load.
    Seconds,
    /// Share of the requests, as `−log10(1 − share)`: p90, p99 and p99.9 are equally far apart.
    Share,
}

/// One line of a chart, with a value for each x.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) y: Vec<Option<f64>>,
}

/// Lines of a chart for one part of the figures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) name: String,
    /// Values by line of the chart.
    pub(super) y: Vec<Vec<Option<f64>>>,
}

/// A vertical line with a text, such as a change of the users.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) text: String,
}
