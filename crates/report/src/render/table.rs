//! The tables that Locust shows, and those that put contenders side by side.

use super::current::{Current, Rates};
use super::document::{Cell, Table};
use crate::analysis::{Analysis, ContenderResult};
use crate::comparison::{Comparison, Metric};
use crate::experiment::{ContenderKind, Experiment, Plan};
use crate::precision::QUANTILES;
use crate::summary::{PERCENTILES, Summary, SummaryRow};
use crate::times::Times;
use crate::verdict::Verdict;
use crate::words;

/// Locust's statistics table; times in milliseconds.
pub(super) fn statistics(summary: &Summary) -> Table {
    let header = [
        "Type",
        "Name",
        "# reqs",
        "# fails",
        "Median",
        "Average",
        "Min",
        "Max",
        "req/s",
        "failures/s",
        "Avg size (bytes)",
    ];
    let row = |row: &SummaryRow| {
        let times = &row.response_times;
        vec![
            Cell::words(&row.method),
            Cell::words(&row.name),
            Cell::figure(words::count(row.requests())),
            Cell::figure(failures_with_share(row)),
            Cell::optional(row.median().map(words::ms)),
            Cell::optional(times.mean().map(words::ms)),
            Cell::optional(times.min().map(words::ms)),
            Cell::optional(times.max().map(words::ms)),
            Cell::optional(row.requests_per_second().map(words::figure)),
            Cell::optional(row.failures_per_second().map(words::figure)),
            Cell::optional(row.average_body_bytes().map(words::figure)),
        ]
    };
    Table {
        caption: "Request statistics; response times of successful requests in ms".to_owned(),
        header: header.map(str::to_owned).into(),
        rows: rows(summary, row),
    }
}

/// The few figures that fit a summary; times in milliseconds.
pub(super) fn in_short(summary: &Summary) -> Table {
    let header = [
        "Type",
        "Name",
        "# reqs",
        "# fails",
        "req/s",
        "failures/s",
        "Median",
        "95 %",
        "99 %",
        "Max",
    ];
    let row = |row: &SummaryRow| {
        let times = &row.response_times;
        vec![
            Cell::words(&row.method),
            Cell::words(&row.name),
            Cell::figure(words::count(row.requests())),
            Cell::figure(failures_with_share(row)),
            Cell::optional(row.requests_per_second().map(words::figure)),
            Cell::optional(row.failures_per_second().map(words::figure)),
            Cell::optional(row.median().map(words::ms)),
            Cell::optional(times.quantile(0.95).map(words::ms)),
            Cell::optional(times.quantile(0.99).map(words::ms)),
            Cell::optional(times.max().map(words::ms)),
        ]
    };
    Table {
        caption: "Requests; response times of successful requests in ms".to_owned(),
        header: header.map(str::to_owned).into(),
        rows: rows(summary, row),
    }
}

/// A row for each name, and one for all of them.
fn rows(summary: &Summary, row: impl Fn(&SummaryRow) -> Vec<Cell>) -> Vec<Vec<Cell>> {
    summary
        .rows
        .iter()
        .chain([&summary.total])
        .map(row)
        .collect()
}

fn failures_with_share(row: &SummaryRow) -> String {
    format!(
        "{} ({})",
        words::count(row.failures()),
        words::percent(row.fail_ratio())
    )
}

/// The table that Locust prints while a load runs: response times so far in milliseconds, and the rates of now.
pub(super) fn live(summary: &Summary, current: &Current) -> Table {
    let header = [
        "Type",
        "Name",
        "# reqs",
        "# fails",
        "Avg",
        "Min",
        "Max",
        "Med",
        "req/s",
        "failures/s",
    ];
    let rates = current.by_name.iter().chain([&current.total]);
    let rows = summary.rows.iter().chain([&summary.total]).zip(rates);
    let row = |(row, rates): (&SummaryRow, &Rates)| {
        let times = &row.response_times;
        vec![
            Cell::words(&row.method),
            Cell::words(&row.name),
            Cell::figure(words::count(row.requests())),
            Cell::figure(failures_with_share(row)),
            Cell::optional(times.mean().map(words::ms)),
            Cell::optional(times.min().map(words::ms)),
            Cell::optional(times.max().map(words::ms)),
            Cell::optional(row.median().map(words::ms)),
            Cell::figure(words::figure(rates.requests)),
            Cell::figure(words::figure(rates.failures)),
        ]
    };
    Table {
        caption: String::new(),
        header: header.map(str::to_owned).into(),
        rows: rows.map(row).collect(),
    }
}

/// Locust's table of percentiles, in milliseconds. Where arrivals are planned, a second one tells how much of the
/// response times was the service, the rest being waiting to be sent.
pub(super) fn percentiles(summary: &Summary) -> Vec<Table> {
    let (response, service): (Selected, Selected) =
        (|row| &row.response_times, |row| &row.service_times);
    if summary.arrivals.is_none() {
        let caption = "Response time percentiles of successful requests in ms";
        return vec![percentiles_of(summary, caption, response)];
    }
    let of = |what, start| {
        format!("{what} time percentiles of successful requests in ms, from the {start}")
    };
    vec![
        percentiles_of(summary, &of("Response", "planned arrival"), response),
        percentiles_of(summary, &of("Service", "sent request"), service),
    ]
}

type Selected = fn(&SummaryRow) -> &Times;

fn percentiles_of(summary: &Summary, caption: &str, times: Selected) -> Table {
    let mut header = vec!["Type".to_owned(), "Name".to_owned()];
    header.extend(PERCENTILES.map(words::percentile));
    header.push("# reqs".to_owned());
    let row =
        |row: &SummaryRow| {
            let times = times(row);
            let mut cells = vec![Cell::words(&row.method), Cell::words(&row.name)];
            cells.extend(PERCENTILES.map(|percentile| {
                Cell::optional(times.quantile(percentile / 100.0).map(words::ms))
            }));
            cells.push(Cell::figure(words::count(times.count())));
            cells
        };
    Table {
        caption: caption.to_owned(),
        header,
        rows: rows(summary, row),
    }
}

/// Locust's error report; `None` without failures.
pub(super) fn failures(summary: &Summary) -> Option<Table> {
    let header = [
        "Type",
        "Name",
        "Error",
        "# occurrences",
        "First seen (s)",
        "Last seen (s)",
    ];
    let rows = summary.failures.iter().map(|failure| {
        vec![
            Cell::words(&failure.method),
            Cell::words(&failure.name),
            Cell::words(&failure.cause),
            Cell::figure(words::count(failure.occurrences)),
            Cell::figure(words::figure(failure.first_seen.as_secs_f64())),
            Cell::figure(words::figure(failure.last_seen.as_secs_f64())),
        ]
    });
    (!summary.failures.is_empty()).then(|| Table {
        caption: format!(
            "Error report; failed requests took {}",
            failed_times(summary)
        ),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
    })
}

fn failed_times(summary: &Summary) -> String {
    let times = &summary.total.failure_times;
    match (times.quantile(0.5), times.max()) {
        (Some(median), Some(max)) => format!(
            "{} ms at the median and {} ms at most",
            words::ms(median),
            words::ms(max)
        ),
        _ => "no time".to_owned(),
    }
}

/// All contenders' figures next to each other, a row for each, the best of each figure marked.
pub(super) fn side_by_side(analysis: &Analysis) -> Table {
    let columns: [Column; 10] = [
        Column::new("Requests/s", Some(Best::Highest), |result| {
            result.figure(Metric::RequestsPerSecond)
        }),
        Column::new("Median (ms)", Some(Best::Lowest), |result| {
            result.figure(Metric::MedianResponseTime)
        }),
        Column::new("Average (ms)", Some(Best::Lowest), |result| {
            Some(result.summary.total.response_times.mean()?.as_secs_f64() * 1e3)
        }),
        Column::new("95 % (ms)", Some(Best::Lowest), |result| {
            result.figure(Metric::P95ResponseTime)
        }),
        Column::new("99 % (ms)", Some(Best::Lowest), |result| {
            result.figure(Metric::P99ResponseTime)
        }),
        Column::new("Max (ms)", Some(Best::Lowest), |result| {
            Some(result.summary.total.response_times.max()?.as_secs_f64() * 1e3)
        }),
        Column::new("Failed (%)", None, |result| {
            Some(result.summary.total.fail_ratio() * 100.0)
        }),
        Column::new("CPU s per 1,000", Some(Best::Lowest), |result| {
            result.cpu_seconds_per_1000_requests
        }),
        Column::new("Memory (MB)", Some(Best::Lowest), |result| {
            Some(result.peak_memory_bytes? as f64 / 1e6)
        }),
        Column::new("First answer (ms)", Some(Best::Lowest), |result| {
            Some(result.cold_start?.as_secs_f64() * 1e3)
        }),
    ];
    let mut header = vec!["Contender".to_owned(), "Verdict".to_owned()];
    header.extend(columns.iter().map(|column| column.header.to_owned()));
    let rows = analysis.results.iter().map(|result| {
        let mut cells = vec![
            Cell::words(&result.contender.name),
            Cell::words(result.verdict.label()),
        ];
        cells.extend(
            columns
                .iter()
                .map(|column| column.cell(result, &analysis.results)),
        );
        cells
    });
    Table {
        caption: "All contenders; * marks the best figure measured, which is no verdict by itself"
            .to_owned(),
        header,
        rows: rows.collect(),
    }
}

/// One figure of every contender.
struct Column {
    header: &'static str,
    best: Option<Best>,
    figure: fn(&ContenderResult) -> Option<f64>,
}

#[derive(Clone, Copy)]
enum Best {
    Highest,
    Lowest,
}

impl Column {
    fn new(
        header: &'static str,
        best: Option<Best>,
        figure: fn(&ContenderResult) -> Option<f64>,
    ) -> Self {
        Self {
            header,
            best,
            figure,
        }
    }

    fn cell(&self, result: &ContenderResult, all: &[ContenderResult]) -> Cell {
        let figure = (self.figure)(result);
        let contest = || {
            all.iter()
                .filter(|other| may_be_best(other))
                .filter_map(self.figure)
        };
        let best = self.best.and_then(|best| match best {
            Best::Highest => contest().max_by(f64::total_cmp),
            Best::Lowest => contest().min_by(f64::total_cmp),
        });
        let is_best =
            contest().count() > 1 && may_be_best(result) && figure.is_some() && figure == best;
        Cell {
            best: is_best,
            ..Cell::optional(figure.map(words::figure))
        }
    }
}

/// A contender that answers quickly because it fails, or that the generator held back, sets no mark.
fn may_be_best(result: &ContenderResult) -> bool {
    crate::verdict::Obstacle::of(result).is_none()
}

/// How well percentiles are known; `None` where nothing was measured.
pub(super) fn precision(analysis: &Analysis) -> Option<Table> {
    let measured = |result: &&ContenderResult| result.summary.total.response_times.count() > 0;
    let header = [
        "Contender",
        "Successes",
        "Worth",
        "50 %",
        "95 %",
        "99 %",
        "99.9 %",
    ];
    let rows = analysis.results.iter().filter(measured).map(|result| {
        let times = &result.summary.total.response_times;
        let mut cells = vec![
            Cell::words(&result.contender.name),
            Cell::figure(words::count(times.count())),
            Cell::figure(words::count(result.precision.effective_requests)),
        ];
        let quantiles = QUANTILES.into_iter().zip(result.precision.intervals);
        cells.extend(quantiles.map(|(quantile, interval)| {
            Cell::optional(times.quantile(quantile).map(|value| {
                let certainty = interval.map_or_else(
                    || "too few requests".to_owned(),
                    |(low, high)| format!("{} to {}", words::ms(low), words::ms(high)),
                );
                format!("{} ({certainty})", words::ms(value))
            }))
        }));
        cells
    });
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then(|| Table {
        caption: "Percentiles of the response time (ms) with their 95 % intervals, all blocks taken together; requests close in \
                  time depend on each other, so they are worth fewer independent ones"
            .to_owned(),
        header: header.map(str::to_owned).into(),
        rows,
    })
}

/// The ratio to the baseline by every metric; `None` without a baseline.
pub(super) fn ratios(analysis: &Analysis, plan: &Plan) -> Option<Table> {
    let compared: Vec<_> = analysis
        .results
        .iter()
        .filter(|result| !result.comparisons.is_empty())
        .collect();
    let primary = Metric::from(plan.primary);
    let header = [
        "Contender",
        "Requests/s",
        "Median",
        "95 %",
        "99 %",
        "CPU per request",
        "Blocks",
    ];
    let rows = compared.iter().map(|result| {
        let mut cells = vec![Cell::words(&result.contender.name)];
        cells.extend(
            result
                .comparisons
                .iter()
                .map(|comparison| Cell::figure(ratio(comparison))),
        );
        let blocks = result
            .comparison(primary)
            .map_or(0, |comparison| comparison.blocks.len());
        cells.push(Cell::figure(blocks.to_string()));
        cells
    });
    (!compared.is_empty()).then(|| Table {
        caption: format!(
            "Ratio to {}, with its 95 % interval over the blocks where there are enough; \
             the verdict is about the {}, the other columns are exploratory",
            plan.baseline,
            primary.name()
        ),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
    })
}

fn ratio(comparison: &Comparison) -> String {
    let Some(estimate) = comparison.estimate else {
        return "–".to_owned();
    };
    let point = words::figure(estimate.point_estimate);
    estimate.confidence_interval.map_or_else(
        || point.clone(),
        |interval| {
            format!(
                "{point} ({} to {})",
                words::figure(interval.low),
                words::figure(interval.high)
            )
        },
    )
}

/// How good the measuring itself was.
pub(super) fn generator(analysis: &Analysis) -> Table {
    let header = [
        "Contender",
        "Blocks",
        "Measured (s)",
        "Lag 99 % (ms)",
        "Unfinished",
        "Connections",
        "Obstacle",
    ];
    let rows = analysis.results.iter().map(|result| {
        let summary = &result.summary;
        let obstacle = match &result.verdict {
            Verdict::NotMeasurable(obstacle) => obstacle.to_string(),
            _ => "none".to_owned(),
        };
        vec![
            Cell::words(&result.contender.name),
            Cell::figure(result.blocks.len().to_string()),
            Cell::figure(words::figure(summary.period.as_secs_f64())),
            Cell::optional(summary.lag_p99().map(words::ms)),
            Cell::figure(words::count(summary.unfinished)),
            Cell::figure(words::count(summary.connections_opened)),
            Cell::words(obstacle),
        ]
    });
    Table {
        caption:
            "The load generator: how late it sent, what it opened and what it gave up waiting for"
                .to_owned(),
        header: header.map(str::to_owned).into(),
        rows: rows.collect(),
    }
}

/// Who took part and how each was run.
pub(super) fn contenders(experiment: &Experiment) -> Table {
    let rows = experiment.contenders.iter().map(|contender| {
        let kind = match contender.kind {
            ContenderKind::Process => "process",
            ContenderKind::Docker => "Docker",
            ContenderKind::Url => "address",
        };
        vec![
            Cell::words(&contender.name),
            Cell::words(kind),
            Cell::words(&contender.detail),
        ]
    });
    Table {
        caption: "The contenders and how each was run".to_owned(),
        header: ["Contender", "Kind", "Command, image or address"]
            .map(str::to_owned)
            .into(),
        rows: rows.collect(),
    }
}
