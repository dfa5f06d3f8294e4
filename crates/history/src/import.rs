//! Import of files of other load testing programs, so that older measurements can be compared with new ones.
//!
//! Pure: it turns texts into a [`CoarseRun`]. Any text is accepted; an invalid one is an error, never a panic.

use bakeoff_record::coarse::{CoarseRun, Source};

mod figure;
mod k6;
mod locust_csv;
mod locust_json;
#[cfg(test)]
mod tests;
mod wrk;

/// Error of an import.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The format is not supported.
    #[error("it is neither a record of Bakeoff, nor of Locust, k6 or wrk")]
    Unknown,
    /// The file is read together with another one.
    #[error(
        "it is one of the files beside Locust's statistics; import PREFIX_stats.csv, which also reads this file"
    )]
    Beside,
    /// The file starts like JSON, but is invalid.
    #[error("it starts like JSON, but is not valid JSON of this format")]
    Json(#[source] serde_json::Error),
    /// The file has the header of a CSV file, but is invalid.
    #[error("it has the header of a CSV file, but is not valid CSV")]
    Csv(#[source] csv::Error),
    /// A required part is missing.
    #[error("it has no {what}")]
    Missing {
        /// The missing part.
        what: String,
    },
    /// A value is impossible.
    #[error("{field} is {found}, expected {expected}")]
    Value {
        /// Name of the value.
        field: String,
        /// The value.
        found: String,
        /// The expected values.
        expected: &'static str,
    },
}

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Record of Bakeoff, which another function reads.
    Record,
    /// A file of another program.
    Foreign(Source),
}

/// Texts of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// Content of the file.
    pub main: &'a str,
    /// Content of Locust's `PREFIX_stats_history.csv`, with the start and the users.
    pub locust_history: Option<&'a str>,
    /// Content of Locust's `PREFIX_failures.csv`, with the causes.
    pub locust_failures: Option<&'a str>,
}

/// Detects the format by the content of a file.
pub fn detect(text: &str) -> Result<Format, ImportError> {
    let text = without_mark(text).trim_start();
    if text.starts_with('[') {
        return Ok(Format::Foreign(Source::LocustJson));
    }
    if text.starts_with('{') {
        let json: serde_json::Value = serde_json::from_str(text).map_err(ImportError::Json)?;
        return if json.get("schema_version").is_some() {
            Ok(Format::Record)
        } else if k6::metrics(&json).is_some() {
            Ok(Format::Foreign(Source::K6Summary))
        } else {
            Err(ImportError::Unknown)
        };
    }
    match locust_csv::kind(text) {
        Some(locust_csv::Kind::Stats) => return Ok(Format::Foreign(Source::LocustCsv)),
        Some(locust_csv::Kind::Beside) => return Err(ImportError::Beside),
        None => {}
    }
    if wrk::is_like(text) {
        return Ok(Format::Foreign(Source::WrkText));
    }
    Err(ImportError::Unknown)
}

/// Parses a run of another program.
pub fn read(source: Source, texts: &Texts<'_>) -> Result<CoarseRun, ImportError> {
    let texts = Texts {
        main: without_mark(texts.main),
        locust_history: texts.locust_history.map(without_mark),
        locust_failures: texts.locust_failures.map(without_mark),
        ..*texts
    };
    match source {
        Source::LocustCsv => locust_csv::read(&texts),
        Source::LocustJson => locust_json::read(&texts),
        Source::K6Summary => k6::read(&texts),
        Source::WrkText => wrk::read(&texts),
    }
}

/// Text without a byte order mark, which some editors and shells put first.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}
