//! Output of wrk and of wrk2, which has more percentiles.
//!
//! wrk counts responses. Its socket errors are not responses, and their number of requests is not printed. With socket
//! errors, the number of failed requests is unknown.

use std::time::Duration;

use super::{ImportError, Texts, figure};
use bakeoff_record::coarse::{
    CoarseCause, CoarseRow, CoarseRun, CoarseTimes, Percentiles, Point, Source, Timed,
};

/// `true` if the text is the output of wrk.
pub(super) fn is_like(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.trim_start().starts_with("Running ") && line.contains(" test @ "))
}

pub(super) fn read(texts: &Texts<'_>) -> Result<CoarseRun, ImportError> {
    let mut found = Found::default();
    for line in texts.main.lines() {
        found.line(line.trim())?;
    }
    let missing = |what: &str| ImportError::Missing {
        what: what.to_owned(),
    };
    let (requests, period) = found
        .requests
        .ok_or_else(|| missing("line \"… requests in …\", which wrk prints at its end"))?;
    if found.refused > requests {
        return Err(figure::value(
            "Non-2xx or 3xx responses",
            &found.refused,
            "at most the number of requests",
        ));
    }
    // Without a response, wrk prints times of zero.
    let times = if requests > 0 {
        found.times
    } else {
        CoarseTimes::default()
    };
    let total = CoarseRow {
        requests,
        failures: found.socket_errors.is_empty().then_some(found.refused),
        requests_per_second: found.requests_per_second,
        times,
        ..CoarseRow::default()
    };
    let refused = cause("status neither 2xx nor 3xx", found.refused);
    let causes = [refused].into_iter().chain(found.socket_errors);
    Ok(CoarseRun {
        source: Source::WrkText,
        name: texts.name.to_owned(),
        host: found.host,
        started_at: None,
        period: Some(period),
        users: found.connections,
        timed: Timed::AllRequests,
        rows: Vec::new(),
        total,
        causes: causes.filter(|cause| cause.occurrences > 0).collect(),
    })
}

#[derive(Default)]
struct Found {
    host: Option<String>,
    connections: Option<u32>,
    times: CoarseTimes,
    distributions: usize,
    requests: Option<(u64, Duration)>,
    requests_per_second: Option<f64>,
    refused: u64,
    socket_errors: Vec<CoarseCause>,
}

impl Found {
    fn line(&mut self, line: &str) -> Result<(), ImportError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["Running", .., "test", "@", url] => self.host = Some((*url).to_owned()),
            [_, "threads", "and", connections, "connections"] => {
                let number = figure::number("connections", connections)?;
                self.connections = Some(figure::users("connections", number)?);
            }
            ["Latency", "Distribution", ..] => self.distributions += 1,
            ["Latency", mean, _, max, ..] => {
                self.times.mean = Some(time("the average latency", mean)?);
                self.times.max = Some(time("the longest latency", max)?);
            }
            [percent, latency] if percent.ends_with('%') => self.percentile(percent, latency)?,
            [requests, "requests", "in", period, ..] => {
                let requests = figure::number("requests", requests)?;
                let period = time("the time of the run", period.trim_end_matches(','))?;
                self.requests = Some((figure::count("requests", requests)?, period));
            }
            ["Non-2xx", "or", "3xx", "responses:", refused] => {
                let refused = figure::number("Non-2xx or 3xx responses", refused)?;
                self.refused = figure::count("Non-2xx or 3xx responses", refused)?;
            }
            ["Socket", "errors:", errors @ ..] => self.socket_errors(errors)?,
            ["Requests/sec:", rate] => {
                let rate = figure::number("Requests/sec", rate)?;
                self.requests_per_second = Some(figure::rate("Requests/sec", rate)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads a percentile of the first distribution. The second one of wrk2 is without its correction for coordinated omission.
    fn percentile(&mut self, percent: &str, latency: &str) -> Result<(), ImportError> {
        if self.distributions != 1 {
            return Ok(());
        }
        let percentile = figure::number("a percentile", percent.trim_end_matches('%'))?;
        let time = time("a percentile's latency", latency)?;
        if !(0.0..=100.0).contains(&percentile) {
            return Err(figure::value("a percentile", &percent, "0 to 100"));
        }
        if percentile >= 100.0 {
            self.times.max = Some(time);
        } else if let Percentiles::Points(points) = &mut self.times.percentiles {
            points.push(Point { percentile, time });
        }
        Ok(())
    }

    fn socket_errors(&mut self, errors: &[&str]) -> Result<(), ImportError> {
        for error in errors.chunks(2) {
            if let [kind, number] = error {
                let number = figure::number("Socket errors", number.trim_end_matches(','))?;
                let number = figure::count("Socket errors", number)?;
                if number > 0 {
                    let what = format!("socket error: {kind}");
                    self.socket_errors.push(cause(&what, number));
                }
            }
        }
        Ok(())
    }
}

fn cause(cause: &str, occurrences: u64) -> CoarseCause {
    CoarseCause {
        method: String::new(),
        name: String::new(),
        cause: cause.to_owned(),
        occurrences,
    }
}

/// Time with its unit: `41.00us`, `1.91ms`, `2.01s`, `1.00m`, `1.00h`.
fn time(field: &str, text: &str) -> Result<Duration, ImportError> {
    const UNITS: [(&str, f64); 5] = [
        ("us", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];
    let units = UNITS.into_iter();
    let found = units.filter_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let mut numbers = found.filter_map(|(number, size)| Some((number.parse::<f64>().ok()?, size)));
    let (number, size) = numbers
        .next()
        .ok_or_else(|| figure::value(field, &text, "a time like 1.91ms"))?;
    figure::seconds(field, number * size)
}
