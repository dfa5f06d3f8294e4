//! Tables of all contenders side by side.

use super::percentile_name;
use crate::document::{Cell, Table};
use bakeoff_analysis::analysis::{Analysis, UnderLoad};
use bakeoff_analysis::comparison::Comparison;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::precision::QUANTILES;
use bakeoff_analysis::statistics::Estimate;
use bakeoff_analysis::sweep::SweepResult;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, Plan, Run, RunLoad};
use bakeoff_record::metric::Metric;
use bakeoff_record::times::TimeKind;

/// Figures of all contenders, a row for each. The best of each figure is marked.
pub(in super::super) fn figures(experiment: &Experiment, analysis: &Analysis) -> Table {
    let mut columns: Vec<Column> = Metric::shown().map(Column::of_metric).collect();
    if let Some(price) = experiment.plan.price_per_core_hour {
        let of_million = move |result: &Judged| result.measured().price_per_million_requests(price);
        columns.push(Column {
            header: "Price per million requests".to_owned(),
            best: Some(Best::Lowest),
            figure: Box::new(of_million),
        });
    }
    let mut header = vec!["Contender".to_owned(), "Verdict".to_owned()];
    header.extend(columns.iter().map(|column| column.header.clone()));
    let rows = analysis.results.iter().map(|result| {
        let mut cells = vec![
            Cell::words(result.name()),
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
        caption: "All contenders. * marks the best figure; only the verdict says whether a difference is real"
            .to_owned(),
        header,
        rows: rows.collect(),
    }
}

type Figure = Box<dyn Fn(&Judged) -> Option<f64>>;

/// One figure of every contender.
struct Column {
    header: String,
    best: Option<Best>,
    figure: Figure,
}

#[derive(Clone, Copy)]
enum Best {
    Highest,
    Lowest,
}

impl Column {
    fn of_metric(metric: Metric) -> Self {
        let descriptor = metric.descriptor();
        let best = if descriptor.more_is_better {
            Best::Highest
        } else {
            Best::Lowest
        };
        Self {
            header: descriptor.header,
            // Most contenders fail in nothing, so that a mark would say nothing.
            best: (metric != Metric::FailRatio).then_some(best),
            figure: Box::new(move |result| result.measured().figure(metric)),
        }
    }

    fn cell(&self, result: &Judged, all: &[Judged]) -> Cell {
        let figure = (self.figure)(result);
        let contest = || {
            all.iter()
                .filter(|other| may_be_best(other))
                .filter_map(|other| (self.figure)(other))
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
fn may_be_best(result: &Judged) -> bool {
    let may_be = !matches!(result.verdict, Verdict::Failed { .. } | Verdict::Control);
    may_be && result.obstacle().is_none()
}

/// Percentiles with their confidence intervals; `None` without any successful request.
pub(in super::super) fn precision(analysis: &Analysis) -> Option<Table> {
    let measured =
        |result: &&Judged| result.measured().summary.total.times[TimeKind::Response].count() > 0;
    let header = [
        "Contender",
        "Successes",
        "Independent",
        "p50",
        "p95",
        "p99",
        "p99.9",
    ];
    let rows = analysis.results.iter().filter(measured).map(|result| {
        let times = &result.measured().summary.total.times[TimeKind::Response];
        let mut cells = vec![
            Cell::words(result.name()),
            Cell::figure(words::count(times.count())),
            Cell::figure(words::count(result.measured().precision.effective_requests)),
        ];
        let quantiles = QUANTILES
            .into_iter()
            .zip(result.measured().precision.intervals);
        cells.extend(quantiles.map(|(quantile, interval)| {
            Cell::optional(times.quantile(quantile).map(|value| {
                let certainty = interval.map_or_else(
                    || "not enough data".to_owned(),
                    |(low, high)| format!("{} to {}", words::ms(low), words::ms(high)),
                );
                format!("{} ({certainty})", words::ms(value))
            }))
        }));
        cells
    });
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then(|| Table {
        caption: "Percentiles of the response time (ms) with 95 % confidence intervals, all blocks together. Requests close in time \
                  depend on each other, so they count as fewer independent ones"
            .to_owned(),
        header: header.map(str::to_owned).into(),
        rows,
    })
}

/// Ratio to the baseline by every metric; `None` without a baseline.
pub(in super::super) fn ratios(analysis: &Analysis, plan: &Plan) -> Option<Table> {
    let compared: Vec<_> = analysis
        .results
        .iter()
        .filter(|result| !result.compared.comparisons.is_empty())
        .collect();
    let primary = plan.primary;
    let mut header = vec!["Contender".to_owned()];
    header.extend(Metric::compared().map(|metric| metric.descriptor().ratio_header));
    header.push("Blocks".to_owned());
    let rows = compared.iter().map(|result| {
        let mut cells = vec![Cell::words(result.name())];
        cells.extend(
            result
                .compared
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
            "Ratios to {}, with 95 % confidence intervals over blocks. The verdict is about the {}; the other columns are \
             exploratory",
            plan.baseline,
            primary.name()
        ),
        header,
        rows: rows.collect(),
    })
}

fn ratio(comparison: &Comparison) -> String {
    comparison
        .estimate
        .map_or_else(|| "–".to_owned(), words::with_interval)
}

/// Response times at each arrival rate; `None` without a run at an arrival rate.
pub(in super::super) fn at_rates(analysis: &Analysis) -> Option<Table> {
    let header = [
        "Contender",
        "Arrivals/s",
        "Verdict",
        "p50 (ms)",
        "p95 (ms)",
        "p99 (ms)",
        "Ratio of p95",
        "Not sent",
    ];
    let rows: Vec<_> = analysis.at_rates.iter().flat_map(rows_at_rate).collect();
    (!rows.is_empty()).then(|| Table {
        caption: "Response times at equal arrival rates, from the planned arrival. These runs are not part of the figures above. \
                  Verdicts are about p95"
            .to_owned(),
        header: header.map(str::to_owned).into(),
        rows,
    })
}

fn rows_at_rate(under: &UnderLoad) -> Vec<Vec<Cell>> {
    let RunLoad::Arrivals { per_second } = under.load else {
        return Vec::new();
    };
    let measured = under
        .results
        .iter()
        .filter(|result| !result.measured().blocks.is_empty());
    let row = |result: &Judged| {
        let comparison = result.comparison(under.primary);
        let figure = |metric| Cell::optional(result.measured().figure(metric).map(words::figure));
        let not_sent = result
            .measured()
            .summary
            .arrivals
            .map(|arrivals| arrivals.not_sent);
        vec![
            Cell::words(result.name()),
            Cell::figure(words::figure(per_second)),
            Cell::words(result.verdict.label()),
            figure(Metric::MEDIAN_RESPONSE_TIME),
            figure(Metric::P95_RESPONSE_TIME),
            figure(Metric::P99_RESPONSE_TIME),
            Cell::optional(comparison.map(ratio)),
            Cell::optional(not_sent.map(words::count)),
        ]
    };
    measured.map(row).collect()
}

/// Knee and throughput of each contender for a rising number of users; `None` without a sweep.
pub(in super::super) fn sweeps(experiment: &Experiment, analysis: &Analysis) -> Option<Table> {
    let slo = experiment.plan.slo;
    let objective = slo.map(|slo| {
        let percentile = percentile_name(slo.quantile);
        format!(
            "Highest requests/s with {percentile} below {} ms",
            words::ms(slo.below)
        )
    });
    let row = |sweep: &SweepResult| {
        let users = sweep.knee_users.map(|(middle, low, high)| {
            if low == high {
                middle.to_string()
            } else {
                format!("{middle} ({low} to {high})")
            }
        });
        let rate = |estimate: Option<Estimate>| Cell::optional(estimate.map(words::with_interval));
        let mut cells = vec![
            Cell::words(&sweep.contender),
            Cell::optional(users),
            rate(sweep.knee_per_second),
        ];
        cells.extend(slo.map(|_| match sweep.slo_never {
            (never, blocks) if never > 0 => {
                Cell::figure(format!("never reached in {never} of {blocks} blocks"))
            }
            _ => rate(sweep.slo_per_second),
        }));
        cells
    };
    let header = ["Contender", "Knee (users)", "Requests/s at the knee"].map(str::to_owned);
    (!analysis.sweeps.is_empty()).then(|| Table {
        caption: "Rising number of users. The knee is the fewest users with 95 % of the highest rate (median and range over \
                  blocks). Rates have 95 % confidence intervals over blocks"
            .to_owned(),
        header: header.into_iter().chain(objective).collect(),
        rows: analysis.sweeps.iter().map(row).collect(),
    })
}

/// Primary metric of each block as a sparkline; `None` without a measured block.
pub(in super::super) fn blocks(experiment: &Experiment, analysis: &Analysis) -> Option<Table> {
    let metric = experiment.plan.primary;
    let mut blocks: Vec<u32> = analysis
        .results
        .iter()
        .flat_map(|result| result.measured().blocks.iter().copied())
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    let row = |result: &Judged| {
        let figure = |block: &u32| {
            let runs = experiment.runs_under(RunLoad::Users);
            let runs: Vec<&Run> = runs
                .filter(|run| run.contender == result.name() && run.block == *block)
                .collect();
            metric.of_runs(&runs).filter(|_| !runs.is_empty())
        };
        let figures: Vec<Option<f64>> = blocks.iter().map(figure).collect();
        let known = || figures.iter().flatten().copied();
        let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
        vec![
            Cell::words(result.name()),
            Cell::words(sparkline(&figures)),
            Cell::optional(low.map(words::figure)),
            Cell::optional(high.map(words::figure)),
        ]
    };
    let header = ["Contender", "Blocks", "Lowest", "Highest"];
    (!blocks.is_empty()).then(|| Table {
        caption: format!(
            "{} block by block, each contender from its lowest to its highest",
            words::capitalised(&metric.name())
        ),
        header: header.map(str::to_owned).into(),
        rows: analysis.results.iter().map(row).collect(),
    })
}

/// A bar character for each figure, higher for higher figures; a dot for `None`.
fn sparkline(figures: &[Option<f64>]) -> String {
    const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || figures.iter().flatten().copied();
    let (low, high) = (
        known().fold(f64::INFINITY, f64::min),
        known().fold(f64::NEG_INFINITY, f64::max),
    );
    let sign = |figure: f64| {
        let share = if high > low {
            (figure - low) / (high - low)
        } else {
            0.5
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 0 to 1"
        )]
        let index = (share * 7.0).round() as usize;
        SIGNS[index.min(7)]
    };
    let signs = figures.iter().map(|figure| figure.map_or('·', sign));
    signs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_goes_from_the_lowest_to_the_highest() {
        for (figures, signs) in [
            (&[Some(1.0), Some(8.0), None, Some(4.5)][..], "▁█·▅"),
            (&[Some(3.0), Some(3.0)], "▅▅"),
            (&[None], "·"),
            (&[], ""),
        ] {
            assert_eq!(sparkline(figures), signs);
        }
    }
}
