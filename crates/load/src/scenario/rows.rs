//! The rows of a data file, and what is made for each of them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::DataTable;
use super::source::Source;
use super::template::{NoValue, Row, Values};
use crate::ScenarioError;

/// Something that is the same for all rows, or made for each.
#[derive(Debug, Clone)]
pub(crate) struct PerRow<T>(Box<[T]>);

impl<T> PerRow<T> {
    /// What to use for `row`.
    pub(crate) fn of(&self, row: usize) -> &T {
        self.0.get(row).unwrap_or(&self.0[0])
    }

    /// The same for what `change` makes of each.
    pub(crate) fn map<U, E>(&self, change: impl FnMut(&T) -> Result<U, E>) -> Result<PerRow<U>, E> {
        self.0
            .iter()
            .map(change)
            .collect::<Result<_, _>>()
            .map(PerRow)
    }
}

/// The rows of a data file, each with its line; one empty row where there is none.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) file: Option<PathBuf>,
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
        let scenario = source.path;
        let Some(data) = data else {
            return Ok(Self {
                file: None,
                lines: vec![0],
                all: Arc::from([Row::new()]),
                scenario,
            });
        };
        let path = source.beside(&data.file);
        let text = std::fs::read_to_string(&path).map_err(|source| ScenarioError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let (mut rows, mut lines) = (Vec::new(), Vec::new());
        for (index, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let row = serde_json::from_str(line).map_err(|error| ScenarioError::Invalid {
                path: path.clone(),
                line: index + 1,
                problem: format!("the row is no JSON object: {error}"),
            })?;
            rows.push(row);
            lines.push(index + 1);
        }
        if rows.is_empty() {
            return Err(ScenarioError::NoRows { path });
        }
        if u32::try_from(rows.len()).is_err() {
            return Err(source.wrong(
                place,
                &format!("{} has more rows than can be told apart", path.display()),
            ));
        }
        Ok(Self {
            file: Some(path),
            lines,
            all: rows.into(),
            scenario,
        })
    }

    /// What `make` makes of each row; made once where `column`, the first one filled in, is none.
    pub(super) fn fill<T>(
        &self,
        source: &Source<'_>,
        (place, column): (&Range<usize>, Option<&str>),
        make: impl Fn(&Row) -> Result<T, NoValue>,
    ) -> Result<PerRow<T>, ScenarioError> {
        self.need_file(source, (place, column))?;
        let used = if column.is_some() {
            &self.all[..]
        } else {
            &self.all[..1]
        };
        used.iter()
            .zip(&self.lines)
            .map(|(row, line)| make(row).map_err(|NoValue(column)| self.no_column(*line, &column)))
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
            self.need_file(source, (place, Some(column)))?;
            let lacking = self.all.iter().position(|row| row.value(column).is_none());
            if let Some(index) = lacking {
                return Err(self.no_column(self.lines[index], column));
            }
        }
        Ok(())
    }

    fn need_file(
        &self,
        source: &Source<'_>,
        (place, column): (&Range<usize>, Option<&str>),
    ) -> Result<(), ScenarioError> {
        match (column, &self.file) {
            (Some(column), None) => {
                let problem = format!(
                    "`${{{column}}}` needs rows to be filled in from: data = {{ file = \"rows.jsonl\" }}; \
                     or a request that takes it from an answer: extract = {{ {column} = {{ json = \"/{column}\" }} }}"
                );
                Err(source.wrong(place, &problem))
            }
            _ => Ok(()),
        }
    }

    fn no_column(&self, line: usize, column: &str) -> ScenarioError {
        let problem = format!(
            "the row has no column `{column}`, which {} fills in",
            self.scenario.display()
        );
        ScenarioError::Invalid {
            path: self.file.clone().unwrap_or_default(),
            line,
            problem,
        }
    }
}
