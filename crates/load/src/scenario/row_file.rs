//! Data files: one JSON object a line, or a table as CSV or TSV.

use std::path::Path;

use super::template::Row;
use crate::error::ScenarioError;
use crate::json;

/// Rows of the file at `path`, each with its line from 1; at least one. A file with the extension `.csv` or `.tsv` is a
/// table: its first line names the columns, and all values are texts.
pub(super) fn read(path: &Path) -> Result<Vec<(usize, Row)>, ScenarioError> {
    let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    // Editors and spreadsheets on Windows begin files with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let is = |name: &str| extension == name;
    let rows = if is("csv") {
        table(text, b',', path)?
    } else if is("tsv") {
        table(text, b'\t', path)?
    } else {
        objects(text, path)?
    };
    if rows.is_empty() {
        return Err(ScenarioError::NoRows {
            path: path.to_owned(),
        });
    }
    Ok(rows)
}

fn invalid(path: &Path, line: usize, problem: String) -> ScenarioError {
    ScenarioError::Invalid {
        path: path.to_owned(),
        line,
        problem,
    }
}

fn objects(text: &str, path: &Path) -> Result<Vec<(usize, Row)>, ScenarioError> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let row = serde_json::from_str(line).map_err(|error| {
            let hint = if rows.is_empty() && line.trim_start().starts_with('[') {
                "; of a list of objects, `jq -c '.[]'` makes one object a line"
            } else if rows.is_empty() && line.trim() == "{" {
                "; an object has to stand on one line, as `jq -c .` writes it"
            } else if rows.is_empty() && !line.trim_start().starts_with('{') {
                "; a table needs a name that ends with .csv or .tsv"
            } else {
                ""
            };
            let problem = format!("the row is no JSON object: {}{hint}", in_line(&error));
            invalid(path, index + 1, problem)
        })?;
        rows.push((index + 1, row));
    }
    Ok(rows)
}

/// Problem with a line, with the column. The line number of the library is that within the line, and left out.
fn in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or(&text);
    match error.column() {
        0 => problem.to_owned(),
        column => format!("{problem} at column {column}"),
    }
}

fn line_number(line: u64) -> usize {
    usize::try_from(line).expect("a text in memory has no more lines than addresses")
}

fn table(text: &str, delimiter: u8, path: &Path) -> Result<Vec<(usize, Row)>, ScenarioError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let problem = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let line = line_number(line);
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => format!("the row has {len} values, and there are {expected_len} columns"),
            _ => "the row cannot be read".to_owned(),
        };
        invalid(path, line, problem)
    };
    let columns = reader.headers().map_err(|error| problem(&error))?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| problem(&error))?;
        let line = record.position().map_or(1, csv::Position::line);
        let values = columns.iter().zip(&record);
        let row = values.map(|(column, value)| (column.to_owned(), json::string(value)));
        rows.push((line_number(line), row.collect()));
    }
    Ok(rows)
}
