//! Pictures of an experiment, as SVG: the same ones in the page, in files of their own and beside Markdown.
//!
//! Each is a value with what it shows in words and its figures as a table, so that nobody needs to see it.
//! Nothing in a picture is said by colour alone: lines differ in how they are broken, marks in their shape.

mod answer;
mod axis;
mod canvas;
mod knee;
mod over_time;
mod percentiles;
mod rates;
mod resources;
mod shift;

use super::document::Table;
use bakeoff_analysis::analysis::Analysis;
use bakeoff_record::experiment::Experiment;

/// One picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What its file is called, without an ending.
    pub name: &'static str,
    /// What stands above it.
    pub title: String,
    /// How to read it, for those who see it and for those who do not.
    pub description: String,
    /// The picture itself, on white paper.
    pub svg: String,
    /// The same figures.
    pub(super) table: Table,
}

/// Every picture of an experiment for which there are figures, the answer first.
pub fn of_experiment(experiment: &Experiment, analysis: &Analysis) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = answer::picture(experiment, analysis).into_iter().collect();
    pictures.extend(details(experiment, analysis));
    pictures
}

/// The answer: how each contender lies against the baseline; `None` where nothing is compared.
pub(super) fn of_answer(experiment: &Experiment, analysis: &Analysis) -> Option<Picture> {
    answer::picture(experiment, analysis)
}

/// All pictures but the answer.
pub(super) fn details(experiment: &Experiment, analysis: &Analysis) -> Vec<Picture> {
    let series = Series::of(experiment);
    let mut pictures = Vec::new();
    pictures.extend(percentiles::picture(experiment, analysis, &series));
    pictures.extend(over_time::pictures(experiment, analysis, &series));
    pictures.extend(knee::picture(experiment, analysis, &series));
    pictures.extend(rates::picture(analysis));
    pictures.extend(resources::picture(analysis));
    pictures.extend(shift::picture(experiment, analysis, &series));
    pictures
}

/// The width of most pictures, in pixels: two of them stand side by side on a desk, one on a telephone.
const WIDTH: f64 = 500.0;

/// Which contender is drawn as which series: the same one in every picture.
struct Series {
    names: Vec<String>,
}

impl Series {
    /// Everybody but the baseline's second turns.
    fn of(experiment: &Experiment) -> Self {
        let names = experiment
            .contenders
            .iter()
            .map(|contender| &contender.name);
        let control = experiment.plan.control.as_ref();
        Self {
            names: names
                .filter(|name| Some(*name) != control)
                .cloned()
                .collect(),
        }
    }

    /// The series of a contender; `None` for the baseline's second turns.
    fn position(&self, contender: &str) -> Option<usize> {
        self.names.iter().position(|name| name == contender)
    }
}

#[cfg(test)]
mod tests;
