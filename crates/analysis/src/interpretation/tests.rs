use bakeoff_record::times::TimeKind;
mod cases;
mod rules;

use std::time::Duration;

use super::interpret;
use crate::analysis::Analysis;
use bakeoff_record::experiment::{Contender, ContenderKind, Experiment, LeftOut, Problem};
use bakeoff_record::fixture;

fn text(experiment: &Experiment) -> String {
    let paragraphs = interpret(experiment, &Analysis::of(experiment));
    let texts = paragraphs
        .iter()
        .map(|paragraph| paragraph.heading.clone() + "\n" + &paragraph.sentences.join("\n"));
    texts.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn four_paragraphs_about_four_contenders() {
    insta::assert_snapshot!(text(&fixture::plausible_experiment()));
}

#[test]
fn one_contender_is_compared_with_nothing() {
    let text = text(&fixture::experiment(&[("only", &[100; 6])], "only"));
    assert!(
        text.contains("Only only took part, so there is nothing to compare it with."),
        "{text}"
    );
    assert!(
        !text.contains(" times the median response time of "),
        "{text}"
    );
    assert!(!text.contains("baseline"), "{text}");
}

#[test]
fn too_few_blocks_are_not_called_a_result() {
    let text = text(&fixture::experiment(
        &[("new", &[2000; 3]), ("old", &[1000; 3])],
        "old",
    ));
    assert!(
        text.contains("new cannot be compared with old yet"),
        "{text}"
    );
    assert!(
        text.contains(
            "(no confidence interval with fewer than 6 blocks; range 2.00 to 2.00 over 3 blocks); a verdict needs 3 more blocks."
        ),
        "{text}"
    );
    assert!(!text.contains("is better"), "{text}");
}

#[test]
fn a_difference_not_shown_is_not_called_equality() {
    let rates: [(&str, &[u64]); 2] = [
        ("new", &[800, 1300, 900, 1250, 1000, 1100]),
        ("old", &[1000; 6]),
    ];
    let text = text(&fixture::experiment(&rates, "old"));
    assert!(
        text.contains("neither a difference between new and old nor equality within 5 %"),
        "{text}"
    );
    assert!(!text.contains("the same for practical purposes"), "{text}");
}

#[test]
fn failures_are_named_and_forbid_a_comparison_of_speed() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 6]), ("old", &[1000; 6])], "old");
    for run in experiment
        .runs
        .iter_mut()
        .filter(|run| run.contender == "new")
    {
        run.measurement = fixture::measurement("/answer", &[10; 90], &[1; 10], 1);
    }
    let text = text(&experiment);
    assert!(
        text.contains(
            "60 of the 600 requests to new failed (10 %), most often with “status 503” (60 times)"
        ),
        "{text}"
    );
    assert!(
        text.contains("new failed in 6 of 6 turns: 10 % of the requests failed (6 turns). Its speed is not compared with that of old."),
        "{text}"
    );
    assert!(
        !text.contains("of old ("),
        "no ratio rests on such figures: {text}"
    );
}

#[test]
fn what_was_not_measured_is_said() {
    let mut experiment = fixture::experiment(&[("new", &[2000; 2]), ("old", &[1000; 2])], "old");
    experiment.interrupted = true;
    experiment.left_out.push(LeftOut {
        name: "docker".to_owned(),
        reason: "no engine".to_owned(),
        remedy: "start it".to_owned(),
    });
    experiment.problems.push(Problem {
        contender: "new".to_owned(),
        block: 3,
        load: bakeoff_record::RunLoad::Users,
        what: "died".to_owned(),
    });
    experiment.runs[0].measurement.unfinished = 2;
    let text = text(&experiment);
    for expected in [
        "stopped early, in block 2 of 6",
        "docker was not measured: no engine",
        "1 turn could not be measured",
        "2 requests to new had no answer",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_baseline_never_measured_is_said() {
    let text = text(&fixture::experiment(
        &[("a", &[100; 6]), ("b", &[100; 6])],
        "gone",
    ));
    assert!(
        text.contains("a cannot be compared: the baseline, gone, was not measured."),
        "{text}"
    );
}

#[test]
fn middle_and_tail_in_opposite_directions_are_pointed_out() {
    let mut experiment = fixture::experiment(&[("new", &[1000; 6]), ("old", &[1000; 6])], "old");
    for run in experiment
        .runs
        .iter_mut()
        .filter(|run| run.contender == "new")
    {
        let times = &mut run.measurement.requests[0].times[TimeKind::Response];
        times.clear();
        (0..950).for_each(|_| times.record(Duration::from_millis(20)));
        (0..50).for_each(|_| times.record(Duration::from_millis(900)));
    }
    let text = text(&experiment);
    assert!(
        text.contains("shorter than those of old at 10 of 12 percentiles (p10 to p95:"),
        "{text}"
    );
}

#[test]
fn a_contender_reached_by_address_is_not_said_to_share_the_machine() {
    let mut experiment = fixture::experiment(&[("here", &[100; 6]), ("there", &[100; 6])], "here");
    experiment.contenders[1] = Contender {
        name: "there".to_owned(),
        kind: ContenderKind::Url,
        detail: "http://127.0.0.1:9".to_owned(),
        facts: Vec::new(),
    };
    let text = text(&experiment);
    assert!(
        text.contains("shared one machine (2 cores) with here, "),
        "{text}"
    );
    assert!(text.contains("the machine of there is not known"), "{text}");
}

#[test]
fn an_experiment_without_contenders_concludes_nothing() {
    let text = text(&fixture::empty_experiment(&[], "old"));
    assert!(
        text.contains("No contender took part, so there is nothing to conclude."),
        "{text}"
    );
}
