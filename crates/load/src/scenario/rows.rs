//! Rows of a task's data, and parts of requests built for each row.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeValue;

use super::file::DataTable;
use super::row_file;
use super::source::Source;
use super::template;
use super::template::{NoValue, Row, Values};
use crate::error::ScenarioError;

/// A part of a request: one for each row, or one for all rows.
#[derive(Debug, Clone)]
pub(crate) struct PerRow<T>(Box<[T]>);

impl<T> PerRow<T> {
    /// The part for `row`.
    pub(crate) fn of(&self, row: usize) -> &T {
        match &*self.0 {
            [for_all_rows] => for_all_rows,
            parts => parts
                .get(row)
                .expect("a part was built for each row of the data"),
        }
    }

    /// Applies `change` to each part.
    pub(crate) fn map<U, E>(&self, change: impl FnMut(&T) -> Result<U, E>) -> Result<PerRow<U>, E> {
        self.0
            .iter()
            .map(change)
            .collect::<Result<_, _>>()
            .map(PerRow)
    }
}

/// Rows of a task's data, each with its line. A task without data has one empty row.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    /// Path of the data file; `None` if the rows are in the scenario itself.
    pub(super) file: Option<PathBuf>,
    is_given: bool,
    lines: Vec<usize>,
    pub(super) all: Arc<[Row]>,
    scenario: &'a Path,
}

impl<'a> Rows<'a> {
    pub(super) fn read(
        source: &Source<'a>,
        place: &Range<usize>,
        data: Option<&DataTable>,
    ) -> Result<Self, ScenarioError> {
        let (file, rows) = match data {
            None => (None, vec![(0, Row::new())]),
            Some(DataTable {
                file: Some(file),
                rows: None,
                ..
            }) => {
                let path = source.beside(file);
                let rows = row_file::read(&path)?;
                (Some(path), rows)
            }
            Some(DataTable {
                file: None,
                rows: Some(rows),
                ..
            }) => (None, inline(source, &rows.span())?),
            Some(_) => {
                let problem = "`data` has a `file` of rows, or the `rows` themselves: \
                    data = { file = \"rows.jsonl\" } or data = { rows = [{ user = \"a\" }, { user = \"b\" }] }";
                return Err(source.wrong(place, problem));
            }
        };
        if u32::try_from(rows.len()).is_err() {
            return Err(source.wrong(place, "`data` has more than 4,294,967,295 rows"));
        }
        let (lines, all): (Vec<usize>, Vec<Row>) = rows.into_iter().unzip();
        Ok(Self {
            file,
            is_given: data.is_some(),
            lines,
            all: all.into(),
            scenario: source.path,
        })
    }

    /// `true` if some row has such a column.
    pub(super) fn have_column(&self, column: &str) -> bool {
        self.all.iter().any(|row| row.contains_key(column))
    }

    /// Calls `make` for each row. Without a `column` to fill in, calls it once for all rows.
    pub(super) fn fill<T>(
        &self,
        source: &Source<'_>,
        (place, column): (&Range<usize>, Option<&str>),
        make: impl Fn(&Row) -> Result<T, NoValue>,
    ) -> Result<PerRow<T>, ScenarioError> {
        self.need_rows(source, (place, column))?;
        let used = if column.is_some() {
            &self.all[..]
        } else {
            &self.all[..1]
        };
        used.iter()
            .zip(&self.lines)
            .map(|(row, line)| make(row).map_err(|problem| self.no_value(*line, &problem)))
            .collect::<Result<_, _>>()
            .map(PerRow)
    }

    /// Checks that every row has each of `columns`.
    pub(super) fn have(
        &self,
        source: &Source<'_>,
        place: &Range<usize>,
        columns: &[&str],
    ) -> Result<(), ScenarioError> {
        for column in columns {
            self.need_rows(source, (place, Some(column)))?;
            let lacking = self.all.iter().position(|row| row.value(column).is_none());
            if let Some(index) = lacking {
                let problem = NoValue::Absent((*column).to_owned());
                return Err(self.no_value(self.lines[index], &problem));
            }
        }
        Ok(())
    }

    fn need_rows(
        &self,
        source: &Source<'_>,
        (place, column): (&Range<usize>, Option<&str>),
    ) -> Result<(), ScenarioError> {
        match column {
            Some(column) if !self.is_given => {
                let problem = format!(
                    "`${{{column}}}` needs rows to be filled in from: data = {{ file = \"rows.jsonl\" }}; \
                     or a request that takes it from an answer: extract = {{ {column} = {{ json = \"/{column}\" }} }}"
                );
                Err(source.wrong(place, &problem))
            }
            _ => Ok(()),
        }
    }

    fn no_value(&self, line: usize, problem: &NoValue) -> ScenarioError {
        let scenario = self.scenario.display();
        let problem = match problem {
            NoValue::Absent(column) => {
                format!("the row has no column `{column}`, which {scenario} fills in")
            }
            NoValue::Null(column) => format!(
                "the column `{column}` is null; {scenario} makes it a part of a text, which needs a value"
            ),
        };
        ScenarioError::Invalid {
            path: self.file.as_deref().unwrap_or(self.scenario).to_owned(),
            line,
            problem,
        }
    }
}

/// Rows in the scenario file at `place`, each with its line.
fn inline(source: &Source<'_>, place: &Range<usize>) -> Result<Vec<(usize, Row)>, ScenarioError> {
    let DeValue::Array(tables) = source.written("rows", place)? else {
        return Err(source.wrong(place, "`rows` must be a list of tables"));
    };
    if tables.is_empty() {
        return Err(source.wrong(place, "`rows` needs at least one row"));
    }
    tables
        .iter()
        .map(|table| {
            let row = template::row(table)
                .map_err(|problem| source.wrong(&table.span(), &format!("`rows` {problem}")))?;
            Ok((source.line(&table.span()), row))
        })
        .collect()
}
