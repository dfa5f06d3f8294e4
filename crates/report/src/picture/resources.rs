//! CPU time and memory, a bar for each contender.

use super::canvas::{self, Canvas, Drawn, LINE, MARGIN, color, shortened};
use super::{Picture, WIDTH};
use crate::document::{Cell, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::words;
use bakeoff_record::metric::Metric;

const TOP: f64 = 36.0;
const HEADING: f64 = 28.0;
const ROW: f64 = 40.0;

/// One kind of cost.
struct Cost {
    heading: &'static str,
    unit: &'static str,
    metric: Metric,
}

const COSTS: [Cost; 2] = [
    Cost {
        heading: "CPU seconds per 1,000 requests",
        unit: "s",
        metric: Metric::CpuSecondsPer1000Requests,
    },
    Cost {
        heading: "Peak memory",
        unit: "MB",
        metric: Metric::PeakMemory,
    },
];

/// The picture; `None` if neither CPU time nor memory was measured.
pub(super) fn picture(analysis: &Analysis) -> Option<Picture> {
    let results: Vec<&Judged> = analysis
        .contenders()
        .filter(|result| {
            COSTS
                .iter()
                .any(|cost| result.measured().figure(cost.metric).is_some())
        })
        .collect();
    if results.is_empty() {
        return None;
    }
    let title = "CPU time and memory";
    let description = "CPU time and peak memory of each contender's processes or container, all blocks together. Shorter is \
                       better.";
    let of_one = HEADING + ROW * results.len() as f64;
    let height = TOP + 2.0 * of_one + MARGIN;
    let svg = canvas::drawn((WIDTH, height), (title, description), |canvas| {
        bars(canvas, &COSTS[0], &results, TOP)?;
        bars(canvas, &COSTS[1], &results, TOP + of_one)
    });
    let rows = results.iter().map(|result| {
        let figures = COSTS
            .iter()
            .map(|cost| result.measured().figure(cost.metric));
        [Cell::words(result.name())]
            .into_iter()
            .chain(figures.map(|figure| Cell::optional(figure.map(words::figure))))
            .collect()
    });
    Some(Picture {
        name: "resources",
        title: title.to_owned(),
        description: description.to_owned(),
        svg,
        table: Table {
            caption: title.to_owned(),
            header: ["Contender", "CPU s per 1,000 requests", "Peak memory (MB)"]
                .map(str::to_owned)
                .into(),
            rows: rows.collect(),
        },
    })
}

fn bars(canvas: &Canvas<'_>, cost: &Cost, results: &[&Judged], top: f64) -> Drawn {
    canvas.text(cost.heading, (MARGIN, top + 14.0), color::QUIET)?;
    let figures = results
        .iter()
        .filter_map(|result| result.measured().figure(cost.metric));
    let longest = figures.fold(f64::MIN_POSITIVE, f64::max);
    let width = WIDTH - 2.0 * MARGIN;
    for (result, index) in results.iter().zip(0..) {
        let top = top + HEADING + ROW * f64::from(index);
        let name = shortened(result.name(), WIDTH - 140.0);
        canvas.text(&name, (MARGIN, top + LINE / 2.0), color::INK)?;
        let figure = result.measured().figure(cost.metric);
        let text = figure.map_or_else(
            || "not measured".to_owned(),
            |figure| format!("{} {}", words::figure(figure), cost.unit),
        );
        canvas.text_to(&text, (WIDTH - MARGIN, top + LINE / 2.0), color::INK)?;
        let (bar, end) = (top + LINE, MARGIN + width);
        canvas.rectangle((MARGIN, bar), (end, bar + 12.0), color::BAND)?;
        if let Some(figure) = figure {
            let end = MARGIN + width * figure / longest;
            canvas.rectangle((MARGIN, bar), (end, bar + 12.0), color::SERIES[0])?;
        }
    }
    Ok(())
}
