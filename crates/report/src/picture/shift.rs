//! The shift function: ratio of a contender's response times to the baseline's, percentile by percentile.

use super::axis::Axis;
use super::canvas::{self, Frame, LINE, MARGIN, Marker, color, key_height, series_color};
use super::{Picture, Series, WIDTH};
use crate::document::{Cell, Table};
use crate::table::percentile_name;
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::shift::{QUANTILES, Shift};
use bakeoff_analysis::statistics::Estimate;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;

const TOP: f64 = 58.0;
const LEFT: f64 = 52.0;
const PANEL: f64 = 270.0;

/// The picture; `None` if no percentile is compared.
pub(super) fn picture(
    experiment: &Experiment,
    analysis: &Analysis,
    series: &Series,
) -> Option<Picture> {
    let shifted: Vec<(usize, &Judged)> = analysis
        .contenders()
        .filter(|result| estimates(result).next().is_some())
        .filter_map(|result| Some((series.position(result.name())?, result)))
        .collect();
    if shifted.is_empty() {
        return None;
    }
    let plan = &experiment.plan;
    let same = 1.0 + plan.same_ratio.max(0.0);
    let title = "Ratio of response times by percentile";
    let description = format!(
        "Response time of each contender relative to {}, at each percentile, on a logarithmic scale. Below 1 is faster. Vertical \
         lines: 95 % confidence intervals over blocks. A horizontal line means the same gain for fast and slow requests. \
         Shaded: differences of up to {}, which do not matter. Intervals are not adjusted for the number of percentiles.",
        plan.baseline,
        words::percent(plan.same_ratio)
    );
    let names: Vec<(usize, &str)> = shifted
        .iter()
        .map(|(series, result)| (*series, result.name()))
        .collect();
    let key = TOP + PANEL + 2.4 * LINE;
    let height = key + key_height(&names, WIDTH) + MARGIN;
    let svg = canvas::drawn((WIDTH, height), (title, &description), |canvas| {
        let frame = Frame {
            left: LEFT,
            top: TOP,
            width: WIDTH - LEFT - 2.5 * MARGIN,
            height: PANEL,
        };
        let x = places();
        let (left, right) = (x.low(), x.high());
        let ratios = shifted.iter().flat_map(|(_, result)| estimates(result));
        let ends = ratios.flat_map(|(_, estimate)| {
            let interval = estimate.confidence_interval;
            let ends = interval.map(|interval| [interval.low, interval.high]);
            ends.into_iter().flatten().chain([estimate.point_estimate])
        });
        let y = Axis::logarithmic(ends.chain([same, 1.0 / same]), 0.06, 7);
        let panel = canvas.panel(frame, "ratio to the baseline", (x, y))?;
        panel.rectangle((left, 1.0 / same), (right, same), color::BAND)?;
        panel.path(&[(left, 1.0), (right, 1.0)], color::QUIET, 1.5)?;
        let middle = (shifted.len() as f64 - 1.0) / 2.0;
        for ((series, result), index) in shifted.iter().zip(0..) {
            let beside = (f64::from(index) - middle) * 0.16;
            let points: Vec<(f64, f64)> = estimates(result)
                .map(|(place, estimate)| (place as f64 + beside, estimate.point_estimate))
                .collect();
            panel.series(&points, *series)?;
            for (place, estimate) in estimates(result) {
                let color = series_color(*series);
                if let Some(interval) = estimate.confidence_interval {
                    let (x, low) = panel.place((place as f64 + beside, interval.low));
                    let (_, high) = panel.place((place as f64 + beside, interval.high));
                    canvas.rectangle((x - 1.0, high), (x + 1.0, low), color)?;
                }
                let at = panel.place((place as f64 + beside, estimate.point_estimate));
                canvas.marker(Marker::Dot, at, color)?;
            }
        }
        let below = (LEFT + frame.width / 2.0, TOP + PANEL + 1.7 * LINE);
        canvas.text_around("percentile of the response time", below, color::QUIET)?;
        canvas.key(&names, key)
    });
    Some(Picture {
        name: "shift",
        title: title.to_owned(),
        table: table(&shifted, &plan.baseline),
        description,
        svg,
    })
}

/// Ratio at each quantile, with its place on the axis.
fn estimates(result: &Judged) -> impl Iterator<Item = (usize, Estimate)> + '_ {
    let place = |shift: &Shift| {
        let index = QUANTILES
            .iter()
            .position(|at| (at - shift.quantile).abs() < 1e-9)?;
        Some((index, shift.ratio?))
    };
    result.compared.shift.iter().filter_map(place)
}

fn places() -> Axis {
    let ticks = QUANTILES.iter().enumerate().map(|(index, quantile)| {
        let name = percentile_name(*quantile);
        (index as f64, name.trim_start_matches('p').to_owned())
    });
    Axis::of_places(-0.6, QUANTILES.len() as f64 - 0.4, ticks.collect())
}

fn table(shifted: &[(usize, &Judged)], baseline: &str) -> Table {
    let header = shifted.iter().map(|(_, result)| result.name().to_owned());
    let rows = QUANTILES.iter().enumerate().map(|(index, quantile)| {
        let cells = shifted.iter().map(|(_, result)| {
            let estimate = estimates(result).find(|(place, _)| *place == index);
            Cell::optional(estimate.map(|(_, estimate)| words::with_interval(estimate)))
        });
        [Cell::words(percentile_name(*quantile))]
            .into_iter()
            .chain(cells)
            .collect()
    });
    Table {
        caption: format!(
            "Ratio of the response time to that of {baseline} at each percentile, with 95 % confidence intervals over blocks"
        ),
        header: ["Percentile".to_owned()]
            .into_iter()
            .chain(header)
            .collect(),
        rows: rows.collect(),
    }
}
