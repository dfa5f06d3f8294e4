//! Throughput and response time of each contender by number of users: the knee of the throughput, and the objective.

use super::axis::Axis;
use super::canvas::{
    self, Canvas, Drawn, Frame, LINE, MARGIN, Marker, color, key_height, series_color,
};
use super::{Picture, Series, WIDTH};
use crate::document::{Cell, Table};
use crate::table::percentile_name;
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::sweep::{SweepPoint, SweepResult};
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, Slo};

const TOP: f64 = 60.0;
const LEFT: f64 = 62.0;
const PANEL: f64 = 150.0;
const BETWEEN: f64 = 48.0;

/// Quantile of the response time without an objective.
const QUANTILE: f64 = 0.95;

/// The picture; `None` without a sweep.
pub(super) fn picture(
    experiment: &Experiment,
    analysis: &Analysis,
    series: &Series,
) -> Option<Picture> {
    let sweeps: Vec<(usize, &SweepResult)> = analysis
        .sweeps
        .iter()
        .filter_map(|sweep| Some((series.position(&sweep.contender)?, sweep)))
        .collect();
    if sweeps.is_empty() {
        return None;
    }
    let slo = experiment.plan.slo;
    let quantile = slo.map_or(QUANTILE, |slo| slo.quantile);
    let title = "Throughput and response time by number of users";
    let description = format!(
        "Requests per second and {} for a rising number of users, all blocks together. The scale of users is logarithmic. \
         Ring: knee, the fewest users with 95 % of the highest rate.{}",
        percentile(quantile),
        slo.map_or_else(String::new, |slo| format!(
            " Broken line: objective, {} ms.",
            words::ms(slo.below)
        )),
    );
    let names: Vec<(usize, &str)> = sweeps
        .iter()
        .map(|(series, sweep)| (*series, sweep.contender.as_str()))
        .collect();
    let key = TOP + 2.0 * (PANEL + BETWEEN) - 6.0;
    let height = key + key_height(&names, WIDTH) + MARGIN;
    let svg = canvas::drawn((WIDTH, height), (title, &description), |canvas| {
        rates(canvas, &sweeps)?;
        times(canvas, &sweeps, (quantile, slo))?;
        canvas.text_around("users", (WIDTH / 2.0, key - 0.6 * LINE), color::QUIET)?;
        canvas.key(&names, key)
    });
    Some(Picture {
        name: "knee",
        title: title.to_owned(),
        table: table(title, &sweeps, quantile),
        description,
        svg,
    })
}

fn rates(canvas: &Canvas<'_>, sweeps: &[(usize, &SweepResult)]) -> Drawn {
    let highest = points(sweeps)
        .map(SweepPoint::per_second)
        .fold(0.0, f64::max);
    let scales = (users_axis(sweeps), Axis::from_zero(highest, 4));
    let panel = canvas.panel(frame(0.0), "requests/s", scales)?;
    for (series, sweep) in sweeps {
        let line: Vec<(f64, f64)> = sweep
            .curve
            .iter()
            .map(|point| (f64::from(point.users), point.per_second()))
            .collect();
        panel.series(&line, *series)?;
        for point in &line {
            canvas.marker(Marker::Speck, panel.place(*point), series_color(*series))?;
        }
    }
    for (series, sweep) in sweeps {
        let knee = sweep.knee_users.and_then(|(users, ..)| {
            let at = sweep.curve.iter().find(|point| point.users == users)?;
            Some((f64::from(users), at.per_second()))
        });
        if let Some(knee) = knee {
            canvas.marker(Marker::Ring, panel.place(knee), series_color(*series))?;
        }
    }
    Ok(())
}

fn times(
    canvas: &Canvas<'_>,
    sweeps: &[(usize, &SweepResult)],
    (quantile, slo): (f64, Option<Slo>),
) -> Drawn {
    let below = slo.map(|slo| slo.below.as_secs_f64() * 1e3);
    let values = points(sweeps).filter_map(|point| time(point, quantile));
    let scales = (
        users_axis(sweeps),
        Axis::logarithmic(values.chain(below), 0.06, 5),
    );
    let (low, high) = (scales.0.low(), scales.0.high());
    let name = format!("{} (ms)", percentile(quantile));
    let panel = canvas.panel(frame(1.0), &name, scales)?;
    if let Some(below) = below {
        panel.broken_path(&[(low, below), (high, below)])?;
    }
    for (series, sweep) in sweeps {
        let line: Vec<(f64, f64)> = sweep
            .curve
            .iter()
            .filter_map(|point| Some((f64::from(point.users), time(point, quantile)?)))
            .collect();
        panel.series(&line, *series)?;
        for point in &line {
            canvas.marker(Marker::Speck, panel.place(*point), series_color(*series))?;
        }
    }
    Ok(())
}

fn table(title: &str, sweeps: &[(usize, &SweepResult)], quantile: f64) -> Table {
    let mut header = vec!["Users".to_owned()];
    for (_, sweep) in sweeps {
        header.push(format!("{}, requests/s", sweep.contender));
        header.push(format!(
            "{}, {} (ms)",
            sweep.contender,
            percentile(quantile)
        ));
    }
    let mut steps: Vec<u32> = points(sweeps).map(|point| point.users).collect();
    steps.sort_unstable();
    steps.dedup();
    let rows = steps.into_iter().map(|users| {
        let figures = sweeps.iter().flat_map(|(_, sweep)| {
            let point = sweep.curve.iter().find(|point| point.users == users);
            [
                point.map(SweepPoint::per_second),
                point.and_then(|point| time(point, quantile)),
            ]
        });
        [Cell::figure(users.to_string())]
            .into_iter()
            .chain(figures.map(|figure| Cell::optional(figure.map(words::figure))))
            .collect()
    });
    Table {
        caption: title.to_owned(),
        header,
        rows: rows.collect(),
    }
}

fn points<'a>(sweeps: &'a [(usize, &'a SweepResult)]) -> impl Iterator<Item = &'a SweepPoint> {
    sweeps.iter().flat_map(|(_, sweep)| &sweep.curve)
}

fn users_axis(sweeps: &[(usize, &SweepResult)]) -> Axis {
    let users = points(sweeps).map(|point| f64::from(point.users));
    Axis::logarithmic(users, 0.03, 7)
}

fn frame(index: f64) -> Frame {
    Frame {
        left: LEFT,
        top: TOP + index * (PANEL + BETWEEN),
        width: WIDTH - LEFT - 2.5 * MARGIN,
        height: PANEL,
    }
}

fn time(point: &SweepPoint, quantile: f64) -> Option<f64> {
    let time = point.total.percentile(quantile)?.time;
    Some(time.as_secs_f64() * 1e3)
}

fn percentile(quantile: f64) -> String {
    format!("{} of the response time", percentile_name(quantile))
}
