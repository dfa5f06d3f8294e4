//! Pictures of an experiment, as SVG, for the HTML page, for files of their own and for Markdown.
//!
//! Every picture has a description in words and its figures as a table, for readers who do not see it.
//! Colour alone has no meaning in a picture: lines also differ in their dashes, markers in their shape.

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
    /// File name without an ending.
    pub name: &'static str,
    /// Title above the picture.
    pub title: String,
    /// Content, and meaning of lines and markers, in words.
    pub description: String,
    /// SVG on white paper.
    pub svg: String,
    /// Figures of the picture.
    pub(super) table: Table,
}

/// All pictures of an experiment that have figures, the answer first.
pub fn of_experiment(experiment: &Experiment, analysis: &Analysis) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = answer::picture(experiment, analysis).into_iter().collect();
    pictures.extend(details(experiment, analysis));
    pictures
}

/// The answer: ratio of each contender to the baseline; `None` if no contender is compared.
pub(super) fn of_answer(experiment: &Experiment, analysis: &Analysis) -> Option<Picture> {
    answer::picture(experiment, analysis)
}

/// All pictures except the answer.
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

/// Width of most pictures, in pixels. Two fit side by side on a desktop screen, one on a telephone.
const WIDTH: f64 = 500.0;

/// Contenders by series: each contender has the same colour and dashes in every picture.
struct Series {
    names: Vec<String>,
}

impl Series {
    /// All contenders except the control.
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

    /// Series of a contender; `None` for the control.
    fn position(&self, contender: &str) -> Option<usize> {
        self.names.iter().position(|name| name == contender)
    }
}

#[cfg(test)]
mod tests;
