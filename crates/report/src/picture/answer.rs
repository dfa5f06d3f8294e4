//! The answer in one picture: ratio of each contender to the baseline, with the noise floor and the difference that does not
//! matter.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{self, Canvas, Drawn, Frame, LINE, MARGIN, Marker, Panel, color, shortened};
use super::{Picture, WIDTH};
use crate::document::{Cell, Table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::comparison::Comparison;
use bakeoff_analysis::judged::Judged;
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::metric::Metric;

const TOP: f64 = 40.0;
const ROW: f64 = 50.0;

struct Forest<'a> {
    metric: Metric,
    baseline: &'a str,
    rows: Vec<Row<'a>>,
    /// Largest relative difference that does not matter.
    same_ratio: f64,
    /// Noise floor; `None` without a control.
    noise_ratio: Option<f64>,
}

struct Row<'a> {
    result: &'a Judged,
    comparison: Option<&'a Comparison>,
}

/// The picture; `None` if no contender is compared with the baseline.
pub(super) fn picture(experiment: &Experiment, analysis: &Analysis) -> Option<Picture> {
    let plan = &experiment.plan;
    let metric = plan.primary;
    let compared = analysis.contenders().filter(|result| {
        !matches!(
            result.verdict,
            Verdict::Baseline | Verdict::NoBaseline | Verdict::Failed { .. }
        )
    });
    let forest = Forest {
        metric,
        baseline: &plan.baseline,
        rows: compared
            .map(|result| Row {
                result,
                comparison: result.comparison(metric),
            })
            .collect(),
        same_ratio: plan.same_ratio.max(0.0),
        noise_ratio: analysis.noise.map(|noise| noise.floor_ratio),
    };
    if forest.rows.is_empty() {
        return None;
    }
    let title = format!(
        "{} relative to {}",
        words::capitalised(&metric.name()),
        plan.baseline
    );
    let description = forest.description();
    let height = TOP + ROW * forest.rows.len() as f64 + 3.0 * LINE + forest.key_height();
    let shown_title = shortened(&title, WIDTH - 2.0 * MARGIN);
    let svg = canvas::drawn((WIDTH, height), (&shown_title, &description), |canvas| {
        forest.draw(canvas)
    });
    Some(Picture {
        name: "answer",
        table: forest.table(&title),
        title,
        description,
        svg,
    })
}

impl Forest<'_> {
    fn description(&self) -> String {
        let noise = self.noise_ratio.map_or_else(String::new, |noise| {
            format!(
                " Broken lines: noise floor, {}; two measurements of the baseline differ by this much.",
                words::percent(noise)
            )
        });
        format!(
            "Ratio of each contender to {}, on a logarithmic scale; {} is better. Square: estimate. Thick line: 95 % confidence \
             interval. Dots: single blocks. Shaded: differences of up to {}, which do not matter.{noise}",
            self.baseline,
            if self.metric.more_is_better() {
                "higher"
            } else {
                "lower"
            },
            words::percent(self.same_ratio),
        )
    }

    fn axis(&self) -> Axis {
        let estimates = self.rows.iter().filter_map(|row| row.comparison);
        let values = estimates.flat_map(|comparison| {
            let interval = comparison
                .estimate
                .and_then(|estimate| estimate.confidence_interval);
            let interval = interval.map(|interval| [interval.low, interval.high]);
            let blocks = comparison.blocks.iter().map(|block| block.ratio);
            blocks.chain(interval.into_iter().flatten())
        });
        let bands = [Some(self.same_ratio), self.noise_ratio];
        let bands = bands.into_iter().flatten();
        let bands = bands.flat_map(|ratio| [1.0 + ratio, 1.0 / (1.0 + ratio)]);
        Axis::logarithmic(values.chain(bands), 0.06, 7)
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        let x = self.axis();
        let count = self.rows.len() as f64;
        let frame = Frame {
            left: MARGIN,
            top: TOP,
            width: WIDTH - 2.0 * MARGIN,
            height: ROW * count,
        };
        let y = Axis::of_places(0.0, count, Vec::new());
        let panel = canvas.panel(frame, "", (x, y))?;
        for row in 0..self.rows.len() {
            // Beside the interval and below the label.
            self.limits(&panel, (row as f64, row as f64 + 0.56))?;
        }
        for (row, index) in self.rows.iter().zip(0..) {
            let top = TOP + ROW * f64::from(index);
            let middle = top + 34.0;
            canvas.text(
                &shortened(&row.label(), WIDTH - 170.0),
                (MARGIN + 4.0, top + 13.0),
                color::INK,
            )?;
            canvas.text_to(
                &row.figure(),
                (WIDTH - MARGIN - 4.0, top + 13.0),
                color::INK,
            )?;
            let at = |ratio: f64| (panel.place((ratio, 0.0)).0, middle);
            let Some(comparison) = row.comparison else {
                continue;
            };
            for block in &comparison.blocks {
                canvas.marker(Marker::Speck, at(block.ratio), color::QUIET)?;
            }
            let Some(estimate) = comparison.estimate else {
                continue;
            };
            let tone = row.tone();
            if let Some(interval) = estimate.confidence_interval {
                let ((low, y), (high, _)) = (at(interval.low), at(interval.high));
                canvas.rectangle((low, y - 2.0), (high, y + 2.0), tone)?;
                for end in [low, high] {
                    canvas.rectangle((end - 1.0, y - 7.0), (end + 1.0, y + 7.0), tone)?;
                }
            }
            canvas.marker(Marker::Square, at(estimate.point_estimate), tone)?;
        }
        self.words_below(canvas, TOP + ROW * count + 1.6 * LINE)
    }

    fn limits(&self, panel: &Panel<'_>, (low, high): (f64, f64)) -> Drawn {
        let same = 1.0 + self.same_ratio;
        panel.rectangle((1.0 / same, low), (same, high), color::BAND)?;
        panel.path(&[(1.0, low), (1.0, high)], color::QUIET, 1.5)?;
        let noise = self.noise_ratio.map(|ratio| 1.0 + ratio);
        for at in noise.into_iter().flat_map(|noise| [noise, 1.0 / noise]) {
            panel.broken_path(&[(at, low), (at, high)])?;
        }
        Ok(())
    }

    fn words_below(&self, canvas: &Canvas<'_>, top: f64) -> Drawn {
        let (left, right) = if self.metric.more_is_better() {
            ("← worse", "better →")
        } else {
            ("← better", "worse →")
        };
        canvas.text(left, (MARGIN, top), color::QUIET)?;
        canvas.text_to(right, (WIDTH - MARGIN, top), color::QUIET)?;
        let middle = format!("1 = {}", shortened(self.baseline, WIDTH / 2.0));
        canvas.text_around(&middle, (WIDTH / 2.0, top), color::QUIET)?;
        let key = top + 1.3 * LINE;
        canvas.rectangle((MARGIN, key - 6.0), (MARGIN + 24.0, key + 6.0), color::BAND)?;
        let same = format!(
            "difference of up to {}: does not matter",
            words::percent(self.same_ratio)
        );
        canvas.text(&same, (MARGIN + 32.0, key), color::INK)?;
        if let Some(noise) = self.noise_ratio {
            let noise = format!(
                "noise floor: the baseline measured twice differs by {}",
                words::percent(noise)
            );
            let key = key + LINE;
            canvas.broken_line((MARGIN, key), (MARGIN + 24.0, key))?;
            canvas.text(&noise, (MARGIN + 32.0, key), color::INK)?;
        }
        Ok(())
    }

    fn key_height(&self) -> f64 {
        LINE * if self.noise_ratio.is_some() { 2.0 } else { 1.0 }
    }

    fn table(&self, title: &str) -> Table {
        let rows = self.rows.iter().map(|row| {
            vec![
                Cell::words(row.result.name()),
                Cell::figure(row.figure()),
                Cell::words(row.result.verdict.label()),
            ]
        });
        Table {
            caption: format!("{title}, with 95 % confidence intervals over blocks"),
            header: ["Contender", "Ratio", "Verdict"].map(str::to_owned).into(),
            rows: rows.collect(),
        }
    }
}

impl Row<'_> {
    fn label(&self) -> String {
        format!("{}: {}", self.result.name(), self.result.verdict.label())
    }

    fn figure(&self) -> String {
        let estimate = self.comparison.and_then(|comparison| comparison.estimate);
        let Some(estimate) = estimate else {
            return "–".to_owned();
        };
        let point = words::figure(estimate.point_estimate);
        estimate.confidence_interval.map_or_else(
            || format!("{point} ×, no interval"),
            |interval| {
                let (low, high) = (words::figure(interval.low), words::figure(interval.high));
                format!("{point} × ({low} to {high})")
            },
        )
    }

    /// Colour of the row. The label says the same.
    fn tone(&self) -> RGBColor {
        match self.result.verdict {
            Verdict::Better | Verdict::SlightlyBetter => color::GOOD,
            Verdict::Worse | Verdict::SlightlyWorse => color::BAD,
            _ => color::INK,
        }
    }
}
