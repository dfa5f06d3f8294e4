//! Response time by percentile, of all contenders. Both scales are logarithmic, so that the tail has enough room.

use super::axis::Axis;
use super::canvas::{self, Frame, LINE, MARGIN, color, key_height, series_color};
use super::{Picture, Series, WIDTH};
use crate::chart;
use bakeoff_analysis::analysis::Analysis;
use bakeoff_record::experiment::{Experiment, RunLoad};
use bakeoff_record::summary::Summary;
use bakeoff_record::times::TimeKind;
use bakeoff_record::times::Times;

const TOP: f64 = 58.0;
const LEFT: f64 = 58.0;
const PANEL: f64 = 270.0;

/// The curve of one contender.
struct Curve {
    series: usize,
    name: String,
    /// Place on the scale of percentiles, and milliseconds.
    points: Vec<(f64, f64)>,
    /// Place, and milliseconds of the lowest and of the highest block.
    band: Vec<(f64, f64, f64)>,
}

/// The picture; `None` if no request succeeded.
pub(super) fn picture(
    experiment: &Experiment,
    analysis: &Analysis,
    series: &Series,
) -> Option<Picture> {
    let curves: Vec<Curve> = analysis
        .contenders()
        .filter(|result| result.measured().summary.total.times[TimeKind::Response].count() > 0)
        .filter_map(|result| {
            let name = result.name();
            let runs = experiment.runs_under(RunLoad::Users);
            let blocks: Vec<Times> = runs
                .filter(|run| run.contender == *name && !run.measurement.interrupted)
                .map(|run| Summary::of([&run.measurement]).total.times[TimeKind::Response].clone())
                .collect();
            Some(Curve {
                series: series.position(name)?,
                name: name.to_owned(),
                points: chart::percentile_points(
                    &result.measured().summary.total.times[TimeKind::Response],
                ),
                band: band(&blocks),
            })
        })
        .collect();
    if curves.is_empty() {
        return None;
    }
    let title = "Response time by percentile";
    let description = "Response time at each percentile, all blocks together. Lower is better. Both scales are \
                       logarithmic. Shaded: from the lowest to the highest block.";
    let names: Vec<(usize, &str)> = curves
        .iter()
        .map(|curve| (curve.series, curve.name.as_str()))
        .collect();
    let key = TOP + PANEL + 2.4 * LINE;
    let height = key + key_height(&names, WIDTH) + MARGIN;
    let svg = canvas::drawn((WIDTH, height), (title, description), |canvas| {
        let frame = Frame {
            left: LEFT,
            top: TOP,
            width: WIDTH - LEFT - 3.5 * MARGIN,
            height: PANEL,
        };
        let panel = canvas.panel(frame, "ms", scales(&curves))?;
        for curve in &curves {
            panel.band(&curve.band, series_color(curve.series), 0.18)?;
        }
        for curve in &curves {
            panel.series(&curve.points, curve.series)?;
        }
        let below = (LEFT + frame.width / 2.0, TOP + PANEL + 1.7 * LINE);
        canvas.text_around("percentile of the response time", below, color::QUIET)?;
        canvas.key(&names, key)
    });
    let times: Vec<(String, &Times)> = analysis
        .contenders()
        .map(|result| {
            let times = &result.measured().summary.total.times[TimeKind::Response];
            (result.name().to_owned(), times)
        })
        .collect();
    Some(Picture {
        name: "percentiles",
        title: title.to_owned(),
        description: description.to_owned(),
        svg,
        table: chart::as_table(&chart::percentile_chart(&times)),
    })
}

fn scales(curves: &[Curve]) -> (Axis, Axis) {
    let points = curves.iter().flat_map(|curve| &curve.points);
    let end = points.clone().map(|(x, _)| *x).fold(1.0, f64::max);
    let shares = chart::SHARES.iter().filter(|(x, _)| *x <= end);
    let shares = shares.map(|(x, name)| (*x, (*name).to_owned()));
    let of_bands = curves.iter().flat_map(|curve| &curve.band);
    let of_bands = of_bands.flat_map(|(_, low, high)| [*low, *high]);
    let times = points.map(|(_, y)| *y).chain(of_bands);
    (
        Axis::of_places(0.0, end, shares.collect()),
        Axis::logarithmic(times, 0.04, 6),
    )
}

/// Range from the lowest to the highest block, up to the last percentile that all blocks have; empty with one block.
fn band(blocks: &[Times]) -> Vec<(f64, f64, f64)> {
    if blocks.len() < 2 {
        return Vec::new();
    }
    let curves: Vec<Vec<(f64, f64)>> = blocks.iter().map(chart::percentile_points).collect();
    let shortest = curves.iter().map(Vec::len).min().unwrap_or(0);
    let at = |index: usize| {
        let values = || curves.iter().map(|curve| curve[index].1);
        let (low, high) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(0.0, f64::max),
        );
        (curves[0][index].0, low, high)
    };
    (0..shortest).map(at).collect()
}
