//! Reads what other load testing programs wrote, so that old measurements can stand beside new ones.
//!
//! Pure: texts in, a [`CoarseRun`] out. The texts may be anything; what cannot be is an error, never a panic.

use bakeoff_record::coarse::{CoarseRun, Source};

mod figure;
mod k6;
mod locust_csv;
mod locust_json;
#[cfg(test)]
mod tests;
mod wrk;

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// None of the formats.
    #[error("it is neither a record of Bakeoff, nor of Locust, k6 or wrk")]
    Unknown,
    /// A file that is read together with another one.
    #[error("it is one of the files beside Locust's statistics, which alone say too little")]
    Beside,
    /// Not the JSON that its beginning promised.
    #[error("it is not the JSON that it begins like")]
    Json(#[source] serde_json::Error),
    /// Not the CSV that its header promised.
    #[error("it is not the CSV that its header promises")]
    Csv(#[source] csv::Error),
    /// Something that every such file holds.
    #[error("it has no {what}")]
    Missing {
        /// What.
        what: String,
    },
    /// A figure that cannot be.
    #[error("{field} is {found}, expected {expected}")]
    Value {
        /// Which.
        field: String,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own record, which is not read here.
    Record,
    /// A file of another program.
    Foreign(Source),
}

/// The texts that a run is read from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'a> {
    /// What the run is to be called.
    pub name: &'a str,
    /// The file.
    pub main: &'a str,
    /// Locust's `PREFIX_stats_history.csv`, which tells when the run was and how many users there were.
    pub locust_history: Option<&'a str>,
    /// Locust's `PREFIX_failures.csv`, which tells the causes.
    pub locust_failures: Option<&'a str>,
}

/// Tells the formats apart by what is in the file.
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

/// Reads a run of another program.
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

/// Without the byte order mark that some editors and shells put first.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}
