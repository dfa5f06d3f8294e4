//! Files of an experiment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bakeoff_analysis::{Analysis, words};
use bakeoff_record::Experiment;
use bakeoff_report::gate::{self, Gates};
use bakeoff_report::picture::{self, Picture};

use super::png;
use crate::args::{CompareArgs, GateArgs, ReportArgs};
use crate::files::{add_to_job_summary, all, write};
use crate::output::say;

/// Writes every requested file, the record first. An error for one file does not prevent the others.
pub(super) fn write_all(args: &CompareArgs, experiment: &Experiment) -> anyhow::Result<()> {
    let analysis = Analysis::of(experiment);
    let (args, gates) = (&args.files, gates(&args.gates));
    all([
        one(args.json.as_deref(), || {
            bakeoff_report::json::render_experiment(experiment)
        }),
        one(args.csv.as_deref(), || {
            bakeoff_report::csv::render_experiment(experiment)
        }),
        one(args.junit.as_deref(), || {
            bakeoff_report::junit::render_experiment(experiment, gates)
        }),
        pictures(args, &picture::of_experiment(experiment, &analysis)),
        one(args.markdown.as_deref(), || markdown(args, experiment)),
        one(Some(&args.html), || {
            bakeoff_report::html::render_experiment(experiment)
        }),
        add_to_job_summary(|| bakeoff_report::markdown::render_experiment(experiment)),
    ])
}

fn gates(args: &GateArgs) -> Gates {
    Gates {
        worse_ratio: args.fail_if_worse,
        margin_ratio: args.fail_unless_not_worse,
    }
}

/// Prints the contenders that are beyond `--fail-if-worse` or `--fail-unless-not-worse`. Returns `true` if there are any.
pub(super) fn is_any_beyond_a_limit(args: &GateArgs, experiment: &Experiment) -> bool {
    let Gates {
        worse_ratio,
        margin_ratio,
    } = gates(args);
    let analysis = Analysis::of(experiment);
    let baseline = &experiment.plan.baseline;
    let worse = gate::worse_than_baseline(experiment, &analysis, worse_ratio);
    if let Some(limit) = worse_ratio.filter(|_| !worse.is_empty()) {
        let (limit, worse) = (words::percent(limit), worse.join(", "));
        say(&format!(
            "worse than {baseline} by more than {limit}: {worse}"
        ));
    }
    let doubts = gate::in_doubt(experiment, &analysis, margin_ratio);
    for (contender, why) in &doubts {
        let margin = margin_ratio.expect("without a margin there are no doubts");
        let margin = words::percent(margin);
        say(&format!(
            "{contender} is not shown to be at most {margin} worse than {baseline}: {why}"
        ));
    }
    !worse.is_empty() || !doubts.is_empty()
}

/// Prints the contenders, including the baseline, with too many failed turns. Returns `true` if there are any.
pub(super) fn has_any_failed(experiment: &Experiment) -> bool {
    let analysis = Analysis::of(experiment);
    let failed = analysis.contenders();
    let failed = failed.filter(|result| result.measured().turns.are_too_many_failed());
    let mut any = false;
    for result in failed {
        any = true;
        say(&format!(
            "failed: {}: {} of {} turns",
            result.name(),
            result.measured().turns.failed.len(),
            result.measured().turns.begun
        ));
    }
    any
}

fn one(path: Option<&Path>, content: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    write(path, content())?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

fn pictures(args: &ReportArgs, pictures: &[Picture]) -> anyhow::Result<()> {
    let svg = args.svg.as_deref().map_or(Ok(()), |folder| {
        each(folder, pictures, |picture| {
            write(&file(folder, picture, "svg"), &picture.svg)
        })
    });
    let png = args.png.as_deref().map_or(Ok(()), |folder| {
        let painter = png::Painter::new();
        each(folder, pictures, |picture| {
            let bytes = painter.paint(&picture.svg);
            let bytes = bytes.with_context(|| format!("cannot draw {}", picture.name))?;
            write(&file(folder, picture, "png"), bytes)
        })
    });
    all([svg, png])
}

/// Writes every chart into a folder. If the folder cannot be made, there is one error for all of them.
fn each(
    folder: &Path,
    pictures: &[Picture],
    write: impl Fn(&Picture) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    all(pictures.iter().map(write))?;
    say_written(folder, pictures);
    Ok(())
}

fn say_written(folder: &Path, pictures: &[Picture]) {
    let number = pictures.len();
    say(&format!("wrote {number} charts to {}", folder.display()));
}

fn file(folder: &Path, picture: &Picture, ending: &str) -> PathBuf {
    folder.join(picture.name).with_extension(ending)
}

/// Markdown report that shows the written charts: the SVG files, else the PNG files.
fn markdown(args: &ReportArgs, experiment: &Experiment) -> String {
    let folder = match (&args.svg, &args.png) {
        (Some(folder), _) => Some((folder, "svg")),
        (None, Some(folder)) => Some((folder, "png")),
        (None, None) => None,
    };
    let here = args.markdown.as_deref().and_then(Path::parent);
    bakeoff_report::markdown::render_experiment_with(experiment, |picture| {
        let (folder, ending) = folder?;
        let path = file(folder, picture, ending);
        let path = relative(here.unwrap_or(Path::new("")), &path);
        Some(path.to_string_lossy().into_owned())
    })
}

/// Path relative to the folder `from`.
fn relative(from: &Path, path: &Path) -> PathBuf {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let from = if from.as_os_str().is_empty() {
        absolute(Path::new("."))
    } else {
        absolute(from)
    };
    let path = absolute(path);
    let common = from
        .components()
        .zip(path.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = from.components().skip(common).map(|_| "..");
    let down = path.components().skip(common);
    let up: PathBuf = up.collect();
    up.join(down.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_text() {
        for (from, path, expected) in [
            ("", "pictures/answer.svg", "pictures/answer.svg"),
            ("docs", "docs/pictures/a.svg", "pictures/a.svg"),
            ("docs/reports", "pictures/a.svg", "../../pictures/a.svg"),
            ("/a/b", "/a/c/d.svg", "../c/d.svg"),
        ] {
            let seen = relative(Path::new(from), Path::new(path));
            assert_eq!(seen, Path::new(expected), "{from} {path}");
        }
    }
}
