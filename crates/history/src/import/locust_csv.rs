//! Locust's `PREFIX_stats.csv`, with `PREFIX_stats_history.csv` and `PREFIX_failures.csv` if they are available.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{ImportError, Texts, figure};
use bakeoff_record::coarse::{
    CoarseCause, CoarseRow, CoarseRun, CoarseTimes, Percentiles, Point, Source, Timed,
};

const AGGREGATED: &str = "Aggregated";

/// Kind of one of Locust's files.
pub(super) enum Kind {
    Stats,
    Beside,
}

/// Detects the kind of file by its header.
pub(super) fn kind(text: &str) -> Option<Kind> {
    let header = text.lines().next()?.replace('"', "");
    if header.starts_with("Type,Name,Request Count,") {
        return Some(Kind::Stats);
    }
    [
        "Timestamp,User Count,",
        "Method,Name,Error,",
        "Count,Message,Traceback",
    ]
    .into_iter()
    .any(|beginning| header.starts_with(beginning))
    .then_some(Kind::Beside)
}

pub(super) fn read(texts: &Texts<'_>) -> Result<CoarseRun, ImportError> {
    let mut rows = table(texts.main)?
        .iter()
        .map(row)
        .collect::<Result<Vec<_>, _>>()?;
    // The last row with this name, since a request may have the same name.
    let total = rows
        .iter()
        .rposition(|row| row.name == AGGREGATED && row.method.is_empty());
    let total = total.ok_or_else(|| ImportError::Missing {
        what: format!("row {AGGREGATED}"),
    })?;
    let total = CoarseRow {
        name: String::new(),
        ..rows.remove(total)
    };
    let (started_at, users) = texts.locust_history.map_or(Ok((None, None)), history)?;
    let causes = texts.locust_failures.map_or(Ok(Vec::new()), causes)?;
    Ok(CoarseRun {
        source: Source::LocustCsv,
        name: texts.name.to_owned(),
        host: None,
        started_at,
        period: figure::period(total.requests, total.requests_per_second.unwrap_or(0.0)),
        users,
        timed: Timed::AllRequests,
        rows,
        total,
        causes,
    })
}

/// Row with access by column name.
type Fields = BTreeMap<String, String>;

fn table(text: &str) -> Result<Vec<Fields>, ImportError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(ImportError::Csv)?.clone();
    let rows = reader.records().map(|record| {
        let record = record.map_err(ImportError::Csv)?;
        let fields = header.iter().zip(&record);
        let fields = fields.map(|(name, field)| (name.to_owned(), field.to_owned()));
        Ok(fields.collect())
    });
    rows.collect()
}

fn row(fields: &Fields) -> Result<CoarseRow, ImportError> {
    let needed = |name: &str| {
        known(fields, name)?.ok_or_else(|| ImportError::Missing {
            what: format!("figure in the column {name}"),
        })
    };
    let requests = figure::count("Request Count", needed("Request Count")?)?;
    let failures = figure::count("Failure Count", needed("Failure Count")?)?;
    if failures > requests {
        return Err(figure::value(
            "Failure Count",
            &failures,
            "at most Request Count",
        ));
    }
    let rate = known(fields, "Requests/s")?
        .map(|rate| figure::rate("Requests/s", rate))
        .transpose()?;
    Ok(CoarseRow {
        method: text(fields, "Type"),
        name: text(fields, "Name"),
        requests,
        failures: Some(failures),
        requests_per_second: rate,
        times: if requests > 0 {
            times(fields)?
        } else {
            CoarseTimes::default()
        },
    })
}

/// Percentiles of a row. The maximum is exact in its own column, and rounded in the column of the last percentile.
fn times(fields: &Fields) -> Result<CoarseTimes, ImportError> {
    let time = |name: &str| {
        known(fields, name)?
            .map(|ms| figure::ms(name, ms))
            .transpose()
    };
    let mut points = Vec::new();
    for name in fields.keys() {
        let percentile = name
            .strip_suffix('%')
            .and_then(|number| number.parse().ok());
        let Some(percentile) = percentile.filter(|number| (0.0..100.0).contains(number)) else {
            continue;
        };
        if let Some(time) = time(name)? {
            points.push(Point { percentile, time });
        }
    }
    points.sort_by(|one, other| one.percentile.total_cmp(&other.percentile));
    Ok(CoarseTimes {
        mean: time("Average Response Time")?,
        min: time("Min Response Time")?,
        max: time("Max Response Time")?,
        percentiles: Percentiles::Points(points),
    })
}

/// Start of the run, and peak number of users.
fn history(text: &str) -> Result<(Option<SystemTime>, Option<u32>), ImportError> {
    let (mut started_at, mut most) = (None, None);
    for fields in table(text)? {
        if let (None, Some(unix)) = (started_at, known(&fields, "Timestamp")?) {
            started_at = Some(figure::moment("Timestamp", unix)?);
        }
        if let Some(users) = known(&fields, "User Count")? {
            most = most.max(Some(figure::users("User Count", users)?));
        }
    }
    Ok((started_at, most))
}

fn causes(text_of_file: &str) -> Result<Vec<CoarseCause>, ImportError> {
    let rows = table(text_of_file)?.into_iter().map(|fields| {
        let occurrences = known(&fields, "Occurrences")?.unwrap_or(0.0);
        Ok(CoarseCause {
            method: text(&fields, "Method"),
            name: text(&fields, "Name"),
            cause: text(&fields, "Error"),
            occurrences: figure::count("Occurrences", occurrences)?,
        })
    });
    rows.collect()
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).cloned().unwrap_or_default()
}

/// Value in a column; `None` if it is empty.
fn known(fields: &Fields, name: &str) -> Result<Option<f64>, ImportError> {
    match fields.get(name).map(String::as_str) {
        None | Some("" | "N/A") => Ok(None),
        Some(text) => figure::number(name, text).map(Some),
    }
}
