//! Course over time: throughput and users, and response times.

use super::axis::Axis;
use super::canvas::{self, Canvas, Drawn, Frame, LINE, MARGIN, color, key_height};
use super::{Picture, Series, WIDTH};
use crate::chart;
use crate::document::{Cell, Chart, Line, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;

const TOP: f64 = 60.0;
const LEFT: f64 = 62.0;
const PANEL: f64 = 120.0;
/// Height between two frames, for the scale of the upper and the name of the lower frame.
const BETWEEN: f64 = 48.0;

/// Two pictures of two frames each; none without a run.
pub(super) fn pictures(
    experiment: &Experiment,
    analysis: &Analysis,
    series: &Series,
) -> Vec<Picture> {
    let charts = chart::of_experiment(experiment, analysis);
    let chart = |id: &str| charts.iter().find(|chart| chart.id == id);
    let (Some(rate), Some(median), Some(p95), Some(users)) =
        (chart("rate"), chart("median"), chart("p95"), chart("users"))
    else {
        return Vec::new();
    };
    vec![
        picture(
            "requests-over-time",
            "Throughput and users over time",
            &[(rate, "requests/s"), (users, "users")],
            series,
        ),
        picture(
            "response-times-over-time",
            "Response times over time",
            &[(median, "p50 (ms)"), (p95, "p95 (ms)")],
            series,
        ),
    ]
}

fn picture(name: &'static str, title: &str, charts: &[(&Chart, &str)], series: &Series) -> Picture {
    let description = format!(
        "Seconds since the start of the load{}, all blocks together. Shaded: not measured (warm-up and end).",
        match charts {
            [(chart, _), ..] if chart.step > 1 => format!(", in steps of {} s", chart.step),
            _ => String::new(),
        }
    );
    let lines = charts.iter().flat_map(|(chart, _)| &chart.lines);
    let mut names: Vec<(usize, &str)> = lines
        .filter_map(|line| Some((series.position(&line.name)?, line.name.as_str())))
        .collect();
    names.sort_unstable();
    names.dedup();
    let key = TOP + (PANEL + BETWEEN) * charts.len() as f64 - 6.0;
    let height = key + key_height(&names, WIDTH) + MARGIN;
    let svg = canvas::drawn((WIDTH, height), (title, &description), |canvas| {
        for ((chart, unit), index) in charts.iter().zip(0..) {
            let top = TOP + (PANEL + BETWEEN) * f64::from(index);
            panel(canvas, (chart, unit), top, series)?;
        }
        let below = key - 0.6 * LINE;
        canvas.text_around(
            "seconds since the start of the load",
            (WIDTH / 2.0, below),
            color::QUIET,
        )?;
        canvas.key(&names, key)
    });
    Picture {
        name,
        title: title.to_owned(),
        table: table(title, charts),
        description,
        svg,
    }
}

fn panel(canvas: &Canvas<'_>, (chart, unit): (&Chart, &str), top: f64, series: &Series) -> Drawn {
    let end = chart.x.last().copied().unwrap_or(0.0) + chart.step as f64;
    let end = chart.measured.map_or(end, |(_, to)| end.max(to));
    let values = chart.lines.iter().flat_map(|line| line.y.iter().flatten());
    let most = values.copied().fold(0.0, f64::max);
    let frame = Frame {
        left: LEFT,
        top,
        width: WIDTH - LEFT - 2.5 * MARGIN,
        height: PANEL,
    };
    let scales = (Axis::from_zero(end / 1.06, 6), Axis::from_zero(most, 4));
    let (_, high) = (scales.1.low(), scales.1.high());
    let panel = canvas.panel(frame, unit, scales)?;
    if let Some((from, to)) = chart.measured {
        panel.band(&[(0.0, 0.0, high), (from, 0.0, high)], color::BAND, 0.7)?;
        panel.band(&[(to, 0.0, high), (end, 0.0, high)], color::BAND, 0.7)?;
    }
    for line in &chart.lines {
        let Some(series) = series.position(&line.name) else {
            continue;
        };
        for piece in pieces(chart, line) {
            panel.series(&piece, series)?;
        }
    }
    Ok(())
}

/// Parts of a line between missing points. Each point is in the middle of its step.
fn pieces(chart: &Chart, line: &Line) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = vec![Vec::new()];
    for (x, y) in chart.x.iter().zip(&line.y) {
        match (y, pieces.last_mut()) {
            (Some(y), Some(piece)) => piece.push((x + chart.step as f64 / 2.0, *y)),
            _ => pieces.push(Vec::new()),
        }
    }
    pieces
}

/// Figures of all frames side by side, a row for each step.
fn table(title: &str, charts: &[(&Chart, &str)]) -> Table {
    let lines = || {
        let of_chart = charts.iter().map(|(chart, unit)| (&chart.lines, unit));
        of_chart.flat_map(|(lines, unit)| lines.iter().map(move |line| (line, unit)))
    };
    let names = lines().map(|(line, unit)| format!("{}, {unit}", line.name));
    let seconds = charts.first().map_or(&[][..], |(chart, _)| &chart.x);
    let rows = seconds.iter().enumerate().map(|(index, second)| {
        let figures = lines().map(|(line, _)| {
            Cell::optional(line.y.get(index).copied().flatten().map(words::figure))
        });
        [Cell::words(format!("{second}"))]
            .into_iter()
            .chain(figures)
            .collect()
    });
    Table {
        caption: title.to_owned(),
        header: ["Second".to_owned()].into_iter().chain(names).collect(),
        rows: rows.collect(),
    }
}
