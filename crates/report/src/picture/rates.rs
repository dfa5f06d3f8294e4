//! Response times at equal arrival rates (open model).

use super::axis::Axis;
use super::canvas::{self, Frame, LINE, MARGIN, Marker, color, shortened};
use super::{Picture, WIDTH};
use crate::document::{Cell, Table};
use bakeoff_analysis::analysis::{Analysis, UnderLoad};
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::RunLoad;

const TOP: f64 = 36.0;
const HEADING: f64 = 30.0;
const ROW: f64 = 42.0;
const QUANTILES: [(f64, Marker); 3] = [
    (0.5, Marker::Dot),
    (0.95, Marker::Square),
    (0.99, Marker::Ring),
];

/// The picture; `None` without a run at an arrival rate.
pub(super) fn picture(analysis: &Analysis) -> Option<Picture> {
    let loads: Vec<(f64, Vec<&Judged>)> = analysis.at_rates.iter().filter_map(measured).collect();
    if loads.is_empty() {
        return None;
    }
    let title = "Response times at equal arrival rates";
    let description = "Requests arrive at the same rate at every contender. Response times begin at the planned arrival. Further \
                       left is better. Dot: p50. Square: p95. Ring: p99. The scale is logarithmic.";
    let rows: usize = loads.iter().map(|(_, results)| results.len()).sum();
    let panel_height = HEADING * loads.len() as f64 + ROW * rows as f64;
    let height = TOP + panel_height + 2.6 * LINE;
    let svg = canvas::drawn((WIDTH, height), (title, description), |canvas| {
        let frame = Frame {
            left: MARGIN,
            top: TOP,
            width: WIDTH - 2.0 * MARGIN,
            height: panel_height,
        };
        let all = loads.iter().flat_map(|(_, results)| results);
        let x = Axis::logarithmic(all.flat_map(|result| times(result)), 0.05, 6);
        let panel = canvas.panel(frame, "", (x, Axis::of_places(0.0, 1.0, Vec::new())))?;
        let mut top = TOP;
        for (rate, results) in &loads {
            let heading = format!("at {} requests/s", words::figure(*rate));
            canvas.text(&heading, (MARGIN + 4.0, top + 19.0), color::QUIET)?;
            top += HEADING;
            for result in results {
                let name = shortened(result.name(), WIDTH - 220.0);
                canvas.text(&name, (MARGIN + 4.0, top + 9.0), color::INK)?;
                let figures: Vec<String> = times(result).into_iter().map(words::figure).collect();
                let figures = figures.join(" · ") + " ms";
                canvas.text_to(&figures, (WIDTH - MARGIN - 4.0, top + 9.0), color::INK)?;
                let y = top + 27.0;
                let places: Vec<f64> = times(result)
                    .into_iter()
                    .map(|time| panel.place((time, 0.0)).0)
                    .collect();
                if let (Some(first), Some(last)) = (places.first(), places.last()) {
                    canvas.line((*first, y), (*last, y), color::QUIET, 2.0)?;
                }
                for (x, (_, marker)) in places.iter().zip(QUANTILES) {
                    canvas.marker(marker, (*x, y), color::INK)?;
                }
                top += ROW;
            }
        }
        let below = (WIDTH / 2.0, TOP + panel_height + 1.7 * LINE);
        canvas.text_around("ms", below, color::QUIET)
    });
    Some(Picture {
        name: "equal-rates",
        title: title.to_owned(),
        description: description.to_owned(),
        svg,
        table: table(title, &loads),
    })
}

fn measured(under: &UnderLoad) -> Option<(f64, Vec<&Judged>)> {
    let RunLoad::Arrivals { per_second } = under.load else {
        return None;
    };
    let results = under.results.iter();
    let results: Vec<&Judged> = results
        .filter(|result| result.verdict != Verdict::Control && !times(result).is_empty())
        .collect();
    (!results.is_empty()).then_some((per_second, results))
}

/// Response times at the [`QUANTILES`], in milliseconds.
fn times(result: &Judged) -> Vec<f64> {
    let total = &result.measured().summary.total;
    let at = |(quantile, _)| Some(total.percentile(quantile)?.time.as_secs_f64() * 1e3);
    QUANTILES.into_iter().filter_map(at).collect()
}

fn table(title: &str, loads: &[(f64, Vec<&Judged>)]) -> Table {
    let rows = loads.iter().flat_map(|(rate, results)| {
        results.iter().map(|result| {
            let mut cells = vec![
                Cell::words(result.name()),
                Cell::figure(words::figure(*rate)),
            ];
            cells.extend(
                times(result)
                    .into_iter()
                    .map(|time| Cell::figure(words::figure(time))),
            );
            cells
        })
    });
    Table {
        caption: title.to_owned(),
        header: [
            "Contender",
            "Requests/s",
            "p50 (ms)",
            "p95 (ms)",
            "p99 (ms)",
        ]
        .map(str::to_owned)
        .into(),
        rows: rows.collect(),
    }
}
