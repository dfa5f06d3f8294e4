//! Sections of a report. Each renderer has its own order of sections.

use super::answer::closed_load;
use super::document::{Judgement, Piece, Tone};
use super::table::manifest::Detail;
use super::table::{manifest, side_by_side, validity};
use super::{answer, chart, machine, picture, table};
use bakeoff_analysis::analysis::Analysis;
use bakeoff_analysis::interpretation::{interpret, verdict_sentence};
use bakeoff_analysis::verdict::Verdict;
use bakeoff_analysis::words;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::run::{LoadTest, Measurement};
use bakeoff_record::summary::Summary;
use bakeoff_record::times::TimeKind;

/// The answer in words and as a picture, then the verdict on each contender.
pub(super) fn answered(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    let picture = picture::of_answer(experiment, analysis);
    let picture = picture.map(|picture| Piece::Pictures(vec![picture]));
    let mut pieces = vec![
        Piece::Heading(2, "Answer".to_owned()),
        Piece::Lead(answer(experiment, analysis)),
    ];
    pieces.extend(ended_early(experiment));
    pieces.extend(closed_load(experiment, analysis).map(Piece::Paragraph));
    pieces.extend(picture);
    pieces.extend(judgements(experiment, analysis));
    pieces
}

/// The answer in words, then the verdict on each contender.
pub(super) fn verdicts(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    let mut pieces = vec![
        Piece::Heading(2, "Verdict".to_owned()),
        Piece::Lead(answer(experiment, analysis)),
    ];
    pieces.extend(ended_early(experiment));
    pieces.extend(closed_load(experiment, analysis).map(Piece::Paragraph));
    pieces.extend(judgements(experiment, analysis));
    pieces
}

/// Rest of a sentence about a load test or experiment that was interrupted.
const ENDED_EARLY: &str = "was stopped early. All figures are about the time before the stop.";

fn ended_early(experiment: &Experiment) -> Option<Piece> {
    experiment
        .interrupted
        .then(|| Piece::Paragraph(format!("The experiment {ENDED_EARLY}")))
}

fn judgements(experiment: &Experiment, analysis: &Analysis) -> Option<Piece> {
    let judgements = analysis.results.iter().map(|result| Judgement {
        tone: match result.verdict {
            Verdict::Better | Verdict::SlightlyBetter => Tone::Good,
            Verdict::Worse
            | Verdict::SlightlyWorse
            | Verdict::Failed { .. }
            | Verdict::NotMeasurable(_) => Tone::Bad,
            _ => Tone::Neutral,
        },
        label: format!("{}: {}", result.name(), result.verdict.label()),
        sentence: verdict_sentence(result, &experiment.plan, analysis),
    });
    (!analysis.results.is_empty()).then(|| Piece::Verdicts(judgements.collect()))
}

/// All contenders side by side, and relative to the baseline.
pub(super) fn side_by_side(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    let mut pieces = vec![Piece::Heading(2, "Side by side".to_owned())];
    if !analysis.results.is_empty() {
        // Contenders are columns, so that the figures to compare stand next to each other.
        let table = side_by_side::figures(experiment, analysis);
        pieces.push(Piece::Table(table.transposed()));
    }
    let tables = [
        side_by_side::ratios(analysis, &experiment.plan),
        side_by_side::at_rates(analysis),
        side_by_side::sweeps(experiment, analysis),
        side_by_side::precision(analysis),
    ];
    pieces.extend(tables.into_iter().flatten().map(Piece::Table));
    pieces
}

/// Primary metric of each contender, block by block.
pub(super) fn blocks(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    let table = side_by_side::blocks(experiment, analysis);
    table.map(Piece::Table).into_iter().collect()
}

/// Meaning of the figures, in words.
pub(super) fn interpretation(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    let mut pieces = vec![Piece::Heading(2, "Interpretation".to_owned())];
    let paragraphs = interpret(experiment, analysis).into_iter();
    for paragraph in paragraphs.filter(|paragraph| !paragraph.sentences.is_empty()) {
        pieces.push(Piece::Heading(3, paragraph.heading));
        pieces.push(Piece::Paragraph(paragraph.sentences.join(" ")));
    }
    pieces
}

/// All pictures except the answer.
pub(super) fn pictures(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    let pictures = picture::details(experiment, analysis);
    if pictures.is_empty() {
        return Vec::new();
    }
    vec![
        Piece::Heading(2, "Charts".to_owned()),
        Piece::Pictures(pictures),
    ]
}

/// Locust's tables for each contender.
pub(super) fn contenders(analysis: &Analysis) -> Vec<Piece> {
    let mut pieces = vec![Piece::Heading(2, "Statistics".to_owned())];
    for result in &analysis.results {
        pieces.push(Piece::Heading(3, result.name().to_owned()));
        if result.measured().blocks.is_empty() {
            pieces.push(Piece::Paragraph(
                "Not measured: no turn of this contender has figures.".to_owned(),
            ));
        } else {
            pieces.extend(outside_of_the_measured_period(&result.measured().summary));
            pieces.extend(statistics(&result.measured().summary.without_unasked()));
        }
    }
    pieces
}

/// Names of requests that were sent only in the warm-up, such as a login, and have no figures.
fn outside_of_the_measured_period(summary: &Summary) -> Option<Piece> {
    let names: Vec<String> = summary
        .unasked()
        .map(|row| format!("{} {}", row.method, row.name))
        .collect();
    (!names.is_empty()).then(|| {
        Piece::Paragraph(format!(
            "Not sent in the measured period, so without a row: {}.",
            words::list(&names)
        ))
    })
}

/// Locust's tables of one summary.
pub(super) fn statistics(summary: &Summary) -> Vec<Piece> {
    [table::statistics(summary)]
        .into_iter()
        .chain(table::percentiles(summary))
        .chain(table::failures(summary))
        .map(Piece::Table)
        .collect()
}

/// Contenders that were left out, and turns that could not be measured.
pub(super) fn missing(experiment: &Experiment) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if !experiment.left_out.is_empty() {
        pieces.push(Piece::Heading(2, "Not measured".to_owned()));
        let lines = experiment.left_out.iter();
        pieces.push(Piece::List(
            lines
                .map(|left_out| {
                    format!(
                        "{} was not measured: {}. To include it: {}.",
                        left_out.name, left_out.reason, left_out.remedy
                    )
                })
                .collect(),
        ));
    }
    if !experiment.problems.is_empty() {
        pieces.push(Piece::Heading(2, "Problems".to_owned()));
        for problem in &experiment.problems {
            let mut lines = problem.what.splitn(2, '\n');
            let what = lines.next().unwrap_or_default();
            pieces.push(Piece::Paragraph(format!(
                "Block {}, {}: {what}",
                problem.block, problem.contender
            )));
            pieces.extend(lines.next().map(|rest| Piece::Log(rest.to_owned())));
        }
    }
    pieces
}

/// Validity of the verdicts: gates, and the amount of measurement.
pub(super) fn validity(experiment: &Experiment, analysis: &Analysis) -> Vec<Piece> {
    if analysis.results.is_empty() {
        return Vec::new();
    }
    vec![
        Piece::Heading(2, "Validity".to_owned()),
        Piece::Table(validity::gates(experiment, analysis)),
        Piece::Table(validity::measured(analysis)),
    ]
}

/// Facts needed to judge the figures and to repeat the measurement, in the given detail.
pub(super) fn setup(experiment: &Experiment, detail: Detail) -> Vec<Piece> {
    let mut pieces = vec![
        Piece::Heading(2, "How it was measured".to_owned()),
        Piece::List(manifest::plan(experiment, detail)),
    ];
    if !experiment.contenders.is_empty() {
        pieces.push(Piece::Table(manifest::contenders(experiment, detail)));
    }
    pieces
}

/// Load, measured period, lag and unanswered requests of a load test, in one sentence.
pub(super) fn in_one_line(test: &LoadTest, summary: &Summary) -> String {
    let measurement = &test.measurement;
    let load = match summary.arrivals {
        Some(arrivals) => format!(
            "{} planned, {} of them not sent",
            words::several(
                usize::try_from(arrivals.planned).unwrap_or(usize::MAX),
                "arrival"
            ),
            words::count(arrivals.not_sent)
        ),
        None => words::several(measurement.users as usize, "user"),
    };
    let lag = summary.lag_p99().map_or_else(String::new, |lag| {
        format!(
            "; 99 % of the requests sent at most {} ms late",
            words::ms(lag)
        )
    });
    let interrupted = if measurement.interrupted {
        "; stopped early"
    } else {
        ""
    };
    format!(
        "Load test of {}: {load}; measured for {}{lag}; {} without an answer{interrupted}.",
        test.host,
        words::seconds(measurement.period),
        words::several(
            usize::try_from(summary.unanswered()).unwrap_or(usize::MAX),
            "request"
        )
    )
}

/// Arrivals and percentiles of an open model, in a few lines; empty for a closed model.
pub(super) fn open_model(summary: &Summary) -> Vec<String> {
    let Some(arrivals) = summary.arrivals else {
        return Vec::new();
    };
    let percentiles = |what: &str, ms: &dyn Fn(f64) -> Option<String>| {
        let [p50, p95, p99] =
            [0.5, 0.95, 0.99].map(|quantile| ms(quantile).unwrap_or_else(|| "–".to_owned()));
        format!("{what} p50 {p50}, p95 {p95}, p99 {p99}")
    };
    let total = &summary.total;
    vec![
        format!(
            "{} arrivals planned, {} not sent",
            words::count(arrivals.planned),
            words::count(arrivals.not_sent)
        ),
        percentiles("Response time (ms):", &|quantile| {
            total.percentile(quantile).map(words::percentile_ms)
        }),
        percentiles("Service time (ms):", &|quantile| {
            total.times[TimeKind::Service]
                .quantile(quantile)
                .map(words::ms)
        }),
    ]
}

/// Note that arrivals were not sent; `None` if all were sent.
pub(super) fn not_sent(summary: &Summary) -> Option<String> {
    let arrivals = summary.arrivals.filter(|arrivals| arrivals.not_sent > 0)?;
    Some(format!(
        "{} not sent: the limit of requests in flight was reached. All figures are about the other arrivals.",
        if arrivals.not_sent == 1 {
            "1 arrival was".to_owned()
        } else {
            format!("{} arrivals were", words::count(arrivals.not_sent))
        }
    ))
}

/// All sections about one load test.
pub(super) fn load_test(test: &LoadTest) -> Vec<Piece> {
    let mut pieces = measurement(&test.measurement);
    pieces.push(Piece::Heading(2, "Charts".to_owned()));
    pieces.extend(marks(&test.measurement));
    pieces.extend(
        chart::of_measurement(&test.measurement)
            .into_iter()
            .map(Piece::Chart),
    );
    pieces.push(Piece::Heading(2, "How it was measured".to_owned()));
    let mut lines = vec![
        format!("Started: {}", words::moment(test.measurement.started_at)),
        format!("Host: {}", test.host),
        format!("Bakeoff: version {}", test.bakeoff_version),
    ];
    lines.extend(machine::lines(&test.machine));
    pieces.push(Piece::List(lines));
    pieces
}

/// Texts of the vertical lines in the charts.
fn marks(measurement: &Measurement) -> Option<Piece> {
    let marks: Vec<String> = (1..)
        .zip(&measurement.marks)
        .map(|(number, mark)| {
            let at = words::seconds(mark.at);
            format!("Mark {number}, at {at}: {}.", mark.what)
        })
        .collect();
    (!marks.is_empty()).then_some(Piece::List(marks))
}

/// Final tables of one measurement, with notes.
pub(super) fn measurement(measurement: &Measurement) -> Vec<Piece> {
    let summary = Summary::of([measurement]);
    let mut pieces = vec![Piece::Heading(2, "Statistics".to_owned())];
    if measurement.interrupted {
        pieces.push(Piece::Paragraph(format!("The load test {ENDED_EARLY}")));
    }
    pieces.extend(not_sent(&summary).map(Piece::Paragraph));
    pieces.extend(statistics(&summary));
    pieces.push(Piece::List(notes(measurement, &summary)));
    pieces
}

fn notes(measurement: &Measurement, summary: &Summary) -> Vec<String> {
    let mut notes = vec![format!(
        "Measured for {} with up to {}, after {} of warm-up, which is not counted.",
        words::seconds(measurement.period),
        match summary.arrivals {
            Some(_) => format!(
                "{} requests in flight",
                words::count(measurement.users.into())
            ),
            None => words::several(measurement.users as usize, "user"),
        },
        words::seconds(measurement.warm_up)
    )];
    if let Some(arrivals) = summary.arrivals {
        notes.push(format!(
            "{} arrivals were planned, {} of them were not sent.",
            words::count(arrivals.planned),
            words::count(arrivals.not_sent)
        ));
    }
    if let Some(lag) = summary.lag_p99() {
        notes.push(format!(
            "Lag of the load generator: 99 % of the requests were sent at most {} ms later than planned.",
            words::ms(lag)
        ));
    }
    notes.push(format!(
        "TCP connections opened: {}.",
        words::count(summary.connections_opened)
    ));
    if summary.unanswered() > 0 {
        notes.push(format!(
            "Requests without an answer at the end of the load test: {}. Each counts as a failure; in percentiles, it counts with \
             the time that it had waited.",
            words::count(summary.unanswered())
        ));
    }
    notes
}
